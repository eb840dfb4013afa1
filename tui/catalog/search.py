"""Models on the Hugging Face hub, found by words, owner, licence and size, a page at a time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

from huggingface_hub import constants
from huggingface_hub.hf_api import ModelInfo

from tui.catalog.hub import FAILURES, ask, hub_error, licence_of

PAGE_ROWS = 50
FIELDS = ("safetensors", "downloads", "likes", "gated", "private", "lastModified", "tags", "pipeline_tag")


@dataclass(frozen=True)
class HubRow:
    """A model on the hub, as a list of them tells it."""

    name: str
    parameters: int | None
    """As the hub counts them; 4-bit weights count by their bytes."""
    downloads: int
    """In the last 30 days."""
    likes: int
    licence: str
    gated: bool
    private: bool
    last_modified: datetime | None
    tags: tuple[str, ...]


@dataclass(frozen=True)
class Page:
    """Some of the models that were found, the most downloaded first."""

    rows: tuple[HubRow, ...]
    next: str | None
    """What `search` needs for the page after this; nothing on the last one."""


def search(
    text: str,
    *,
    author: str = "",
    licence: str = "",
    largest_parameters: int | None = None,
    page_token: str | None = None,
    page_rows: int = PAGE_ROWS,
) -> Page:
    """A page of the text-generation models with safetensors whose names have these words. Raises HubError.

    Waits for the network, so it belongs into a thread whose outdated answers are dropped. The other
    arguments must stay the same from page to page.
    """
    asked: dict[str, Any] = {
        "search": text.strip(),
        "author": author.strip(),
        "filter": ["safetensors", *([f"license:{licence.strip()}"] if licence.strip() else [])],
        "pipeline_tag": "text-generation",
        "num_parameters": _at_most(largest_parameters),
        "sort": "downloads",
        "limit": page_rows,
        "cursor": page_token,
        "expand": FIELDS,
    }
    try:
        answer = ask(f"{constants.ENDPOINT}/api/models", params={key: value for key, value in asked.items() if value})
        rows = [_row(item) for item in answer.json()]
    except FAILURES as error:
        raise hub_error(error, "the hub cannot be searched") from None
    following = parse_qs(urlsplit(answer.links.get("next", {}).get("url", "")).query)
    return Page(tuple(row for row in rows if _fits(row, largest_parameters)), following.get("cursor", [None])[0])


def _row(item: dict[str, Any]) -> HubRow:
    told = ModelInfo(**item)  # type: ignore[no-untyped-call]
    return HubRow(
        name=told.id,
        parameters=told.safetensors.total if told.safetensors else None,
        downloads=told.downloads or 0,
        likes=told.likes or 0,
        licence=licence_of(told.tags),
        gated=bool(told.gated),
        private=bool(told.private),
        last_modified=told.last_modified,
        tags=tuple(told.tags or ()),
    )


def _at_most(parameters: int | None) -> str | None:
    """As the hub wants it: ``max:8B``, ``max:1500M``."""
    if parameters is None:
        return None
    return f"max:{parameters / 1e9:g}B" if parameters >= 1e9 else f"max:{parameters / 1e6:g}M"


def _fits(row: HubRow, most: int | None) -> bool:
    return most is None or row.parameters is None or row.parameters <= most
