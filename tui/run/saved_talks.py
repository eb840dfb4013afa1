"""Conversations on disk: each in a file of its own that only its owner can read, kept as it goes on."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from tui.machine.host import modified_s
from tui.resources import home
from tui.run.conversation import Conversation, Exchange
from tui.run.lines import as_line
from tui.session.file import write_atomic

LISTED = 200
MAX_BYTES = 50_000_000


@dataclass(frozen=True)
class SavedTalk:
    """What a file holds."""

    conversation: Conversation
    system_prompt: str = ""
    version: int = 1


@cache
def _adapter() -> TypeAdapter[SavedTalk]:
    return TypeAdapter(SavedTalk)


@dataclass(frozen=True)
class Kept:
    """One conversation that can be gone on with."""

    path: Path
    time: datetime
    talk: SavedTalk

    @property
    def title(self) -> str:
        exchanges = self.talk.conversation.exchanges
        return exchanges[0].prompt if exchanges else ""

    def has(self, text: str) -> bool:
        """Whether every word of a text was said in it."""
        said = " ".join(_texts(self.talk.conversation.exchanges)).lower()
        return all(word in said for word in text.lower().split())


def new_name() -> str:
    """A name for a conversation that begins now."""
    return f"{datetime.now():%Y-%m-%d-%H%M%S}-{uuid.uuid4().hex[:6]}"


def folder() -> Path:
    """Where conversations are kept."""
    return home() / "conversations"


def keep(talk: SavedTalk) -> Path:
    """Write a conversation to its file. Raises OSError."""
    place = folder()
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = place / f"{talk.conversation.name}.json"
    write_atomic(path, as_line(_adapter(), talk))
    return path


def load(path: Path) -> SavedTalk | None:
    """What a file holds; None where it is no conversation, is damaged, or cannot be read."""
    try:
        if path.stat().st_size > MAX_BYTES:
            return None
        talk = _adapter().validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return None
    done = tuple(
        replace(it, answers=tuple(replace(answer, done=True) for answer in it.answers)) for it in talk.conversation.exchanges
    )
    return replace(talk, conversation=replace(talk.conversation, exchanges=done, name=path.stem))


def list_kept() -> list[Kept]:
    """The last conversations, the newest first."""
    try:
        paths = sorted(folder().glob("*.json"), key=modified_s, reverse=True)[:LISTED]
    except OSError:
        return []
    read = ((path, load(path)) for path in paths)
    return [Kept(path, datetime.fromtimestamp(modified_s(path)), talk) for path, talk in read if talk]


def _texts(exchanges: tuple[Exchange, ...]) -> list[str]:
    return [text for it in exchanges for text in (it.prompt, *(answer.text for answer in it.answers))]
