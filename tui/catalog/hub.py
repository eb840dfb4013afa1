"""What a model on the Hugging Face hub is, from its small files and the headers of its weights alone."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
from huggingface_hub import HfApi, constants, get_session, hf_hub_url, hf_raise_for_status, try_to_load_from_cache
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    LocalEntryNotFoundError,
    OfflineModeIsEnabled,
    RemoteEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
    SafetensorsParsingError,
)
from huggingface_hub.hf_api import ModelInfo
from huggingface_hub.utils import (  # type: ignore[attr-defined]
    build_hf_headers,
    parse_ratelimit_headers,
    validate_repo_id,
)

from tui import words
from tui.catalog.local import ModelCard, ModelError, Tensor, card_from_config, read_model

WAIT_S = 10.0
"""After so long without an answer the hub counts as out of reach."""
README = "README.md"
TOKENIZER = "tokenizer_config.json"
CARD_LINES = 12
CARD_BYTES = 20_000
FAILURES = (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError, KeyError, TypeError)
"""What a question to the hub can raise; the last three come of an answer that is not the hub's."""


class HubError(ModelError):
    """What the hub did not give, in one sentence that says what to do."""


@dataclass(frozen=True)
class HubDetails:
    """All that is shown of a model on the hub."""

    card: ModelCard
    revision: str = ""
    """The commit that was read."""
    files: Mapping[str, int] | None = None
    """Sizes in bytes by path; not known of a model that was read from the cache."""
    licence: str = ""
    gated: bool = False
    """Whether its licence must be accepted before its files are given."""
    private: bool = False
    downloads: int | None = None
    """In the last 30 days."""
    likes: int | None = None
    last_modified: datetime | None = None
    readme: str = ""
    """The first lines of its card, as Markdown."""
    refusal: str = ""
    """Why its files are not given and what to do about it; the card then knows only what the hub tells everybody."""
    cached_because: str = ""
    """Why this was read from the cache of this machine instead of from the hub."""


def read_hub_model(name: str, revision: str | None = None) -> ModelCard:
    """What the hub, or the cache where the hub is of no help, says of a model. Raises HubError or ModelError.

    Takes up to some seconds of network, so it belongs into a thread.
    """
    details = read_hub_details(name, revision)
    if details.refusal:
        raise HubError(details.refusal)
    return details.card


def read_hub_details(name: str, revision: str | None = None) -> HubDetails:
    """All that is shown of a model; a gated one that may not be read has a refusal. Raises like `read_hub_model`."""
    try:
        details: HubDetails | None = _look_up(name, revision)
        refusal = details.refusal if details else ""
    except HFValidationError:
        raise HubError(f"{name} is no name on the hub (owner/model)") from None
    except FAILURES as error:
        details, refusal = None, str(hub_error(error, f"{name} cannot be looked up", name, revision))
    if refusal and (card := cached_card(name, revision)):
        return replace(details or HubDetails(card), card=card, refusal="", cached_because=refusal)
    if details is None:
        raise HubError(refusal)
    return details


def ask(
    url: str, *, params: Mapping[str, Any] | None = None, token: str | None = None, byte_range: str = ""
) -> httpx.Response:
    """What the hub answers, with the user's token unless another one is given. Raises one of `FAILURES`."""
    headers = build_hf_headers(token=token) | ({"Range": byte_range} if byte_range else {})
    answer = get_session().get(url, params=params, headers=headers, timeout=WAIT_S)
    hf_raise_for_status(answer)
    return answer


def weights_of(files: Iterable[str]) -> list[str]:
    """The safetensors files that are loaded: not those in subfolders, nor the same weights in another layout."""
    found = sorted(file for file in files if file.endswith(".safetensors") and "/" not in file)
    usual = [file for file in found if file.startswith("model")]
    return [file for file in found if not (usual and file.startswith("consolidated"))]


def licence_of(tags: Sequence[str] | None) -> str:
    """The licence among the tags of a model, as the hub abbreviates it (``apache-2.0``)."""
    return next((tag.partition(":")[2] for tag in tags or () if tag.startswith("license:")), "")


def first_lines(readme: str, lines: int = CARD_LINES) -> str:
    """The beginning of a model card, without the YAML before it, pictures and HTML."""
    body = re.sub(r"\A\s*---\s*\n.*?\n---\s*(\n|\Z)", "", readme.lstrip("\ufeff"), flags=re.DOTALL)
    shown = [line.rstrip() for line in body.splitlines() if not line.lstrip().startswith(("<", "![", "[!["))]
    kept = [line for line, before in zip(shown, ["", *shown], strict=False) if line or before]
    return "\n".join(kept[:lines]).strip()


def hub_error(error: Exception, act: str, name: str = "", revision: str | None = None) -> HubError:
    """What kept something from being done, in one sentence.

    `act` says what could not be done (``x/y cannot be looked up``), `name` and `revision` what it was done with.
    """
    if isinstance(error, LocalEntryNotFoundError) and isinstance(error.__cause__, Exception):
        error = error.__cause__
    if isinstance(error, HfHubHTTPError):
        return HubError((name and _about_model(error, name, revision)) or f"{act}: {_about_answer(error)}")
    if isinstance(error, OfflineModeIsEnabled):
        return HubError(f"{act}: the hub is switched off (HF_HUB_OFFLINE), unset that to reach it")
    if isinstance(error, (httpx.TransportError, httpx.InvalidURL, TimeoutError, LocalEntryNotFoundError)):
        reason = f"the hub cannot be reached at {constants.ENDPOINT}"
        return HubError(f"{act}: {reason}, check the network or take a model of this machine ({type(error).__name__})")
    if isinstance(error, OSError):
        return HubError(f"{act}: {error.strerror or (str(error).splitlines() or [type(error).__name__])[0]}")
    return HubError(f"{act}: what answers at {constants.ENDPOINT} is not the hub, check HF_ENDPOINT and the network")


def _about_model(error: HfHubHTTPError, name: str, revision: str | None) -> str:
    """A sentence about the model; nothing when it has nothing to do with it."""
    has_token = "authorization" in error.response.request.headers
    if isinstance(error, GatedRepoError):
        page = f"accept its licence at {constants.ENDPOINT}/{name}"
        if has_token:
            return f"{name} is gated and not open to you yet: {page}, and see that your token may read gated models"
        return f"{name} is gated: {page} and log in with a token from {constants.ENDPOINT}/settings/tokens"
    if isinstance(error, RevisionNotFoundError):
        return f"{name} has no revision {revision}"
    if isinstance(error, RemoteEntryNotFoundError):
        return f"{name} lacks a file that it should have: choose another revision or model"
    if isinstance(error, RepositoryNotFoundError) or (error.response.status_code == 401 and not _is_bad_token(error)):
        then = "your token may not read it" if has_token else "you are not logged in"
        return f"there is no model {name} on the hub, or it is private and {then}: check the name"
    return ""


def _about_answer(error: HfHubHTTPError) -> str:
    status, tokens = error.response.status_code, f"{constants.ENDPOINT}/settings/tokens"
    if status == 401:
        return f"the hub refuses your token, log in again with one from {tokens}"
    if status == 403:
        return f"your token may not do this, give it read access at {tokens}"
    if status == 429:
        wait = _wait_s(error.response.headers)
        when = "in some minutes" if wait is None else f"in {words.seconds(wait)}"
        return f"too many questions to the hub, try again {when}"
    if status >= 500:
        return f"the hub is out of order ({status}), try again in some minutes"
    return f"the hub answers {status}"


def _is_bad_token(error: HfHubHTTPError) -> bool:
    return bool(error.response.headers.get("X-Error-Message") == "Invalid credentials in Authorization header")


def _wait_s(headers: httpx.Headers) -> int | None:
    """Seconds until the hub answers again, as its headers have it."""
    limit = parse_ratelimit_headers(headers)
    if limit and limit.remaining == 0:
        return limit.reset_in_seconds
    after = headers.get("Retry-After", "")
    return int(after) if after.isdecimal() else None


def _look_up(name: str, revision: str | None) -> HubDetails:
    info = HfApi().model_info(name, revision=revision, files_metadata=True, timeout=WAIT_S)
    files = {file.rfilename: file.size or 0 for file in info.siblings or ()}
    if "config.json" not in files:
        raise HubError(f"{name} is no model: it has no config.json")
    details = HubDetails(
        card=card_from_config(name, info.config or {}, tensors=(), size_bytes=_size(files), tokenizer_config={}),
        revision=info.sha or "",
        files=files,
        licence=_licence(info),
        gated=bool(info.gated),
        private=bool(info.private),
        downloads=info.downloads,
        likes=info.likes,
        last_modified=info.last_modified,
    )
    try:
        card, readme = _read_files(details)
    except GatedRepoError as error:
        told = replace(details.card, parameters=info.safetensors.total if info.safetensors else None)
        return replace(details, card=told, refusal=_about_model(error, name, revision))
    return replace(details, card=card, readme=readme)


def _read_files(details: HubDetails) -> tuple[ModelCard, str]:
    """The card of a model and the first lines of what is written about it, its files read at the same time."""
    name, revision, files = details.card.name, details.revision, details.files or {}
    config = _object(name, "config.json", revision)
    with ThreadPoolExecutor(8) as pool:
        readme = pool.submit(_text, name, README, revision, f"bytes=0-{CARD_BYTES}") if files.get(README) else None
        tokenizer = pool.submit(_object, name, TOKENIZER, revision) if TOKENIZER in files else None
        tensors = list(pool.map(lambda file: _tensors(name, file, revision), weights_of(files)))
    cuts = tokenizer.result() if tokenizer else {}
    cuts |= {"chat_template": True} if "chat_template.jinja" in files else {}
    known = [] if None in tensors else [tensor for part in tensors for tensor in part or ()]
    card = card_from_config(name, config, tensors=known, size_bytes=details.card.size_bytes, tokenizer_config=cuts)
    return card, first_lines(readme.result()) if readme else ""


def _text(name: str, file: str, revision: str, byte_range: str = "") -> str:
    """A small file of a model, or its beginning; not by way of the cache, which says what has been downloaded."""
    return ask(hf_hub_url(name, file, revision=revision), byte_range=byte_range).content.decode(errors="replace")


def _object(name: str, file: str, revision: str) -> dict[str, Any]:
    try:
        told = json.loads(_text(name, file, revision))
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{file} of {name} cannot be read: {error}") from None
    if not isinstance(told, dict):
        raise ModelError(f"{file} of {name} does not hold an object")
    return told


def _tensors(name: str, file: str, revision: str) -> list[Tensor] | None:
    """What a safetensors file holds, of which 100 kB are read unless its header is longer; nothing when it is damaged."""
    try:
        found = HfApi().parse_safetensors_file_metadata(name, file, revision=revision, timeout=WAIT_S).tensors
    except SafetensorsParsingError:
        return None
    return [Tensor(key, tensor.dtype, tuple(tensor.shape)) for key, tensor in found.items()]


def _size(files: Mapping[str, int]) -> int | None:
    return sum(files[file] for file in weights_of(files)) or None


def _licence(info: ModelInfo) -> str:
    """``other`` has a name of its own, which only the card tells."""
    told = licence_of(info.tags)
    named = info.card_data.get("license_name") if told == "other" and info.card_data else None
    return str(named or told)


def may_be_on_hub(name: str) -> bool:
    """Whether the hub allows such a name at all."""
    try:
        validate_repo_id(name)
    except HFValidationError:
        return False
    return True


def cached_card(name: str, revision: str | None) -> ModelCard | None:
    """The card of a model in the cache of this machine; nothing unless its weights are there."""
    config = try_to_load_from_cache(name, "config.json", revision=revision) if may_be_on_hub(name) else None
    try:
        return replace(read_model(str(Path(config).parent)), name=name) if isinstance(config, str) else None
    except ModelError:
        return None
