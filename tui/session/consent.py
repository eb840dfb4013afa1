"""What a session would run besides Unsloth, and whether its user has agreed to that once on this machine."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tui.resources import expanded, home
from tui.session import file
from tui.session.schema import Session
from tui.session.secrets import host_of


@dataclass(frozen=True)
class Code:
    """One piece of code that a session brings."""

    key: str
    text: str
    """What it is, for the question."""
    identity: str
    """Changes when the code does, so that it is asked about again."""


def unagreed(session: Session) -> list[Code]:
    """The code a session would run that was not agreed to."""
    known = _known()
    return [code for code in _code_of(session) if code.identity not in known]


def agree(codes: Iterable[Code]) -> None:
    """Remember that these may be run. Raises OSError."""
    home().mkdir(mode=0o700, parents=True, exist_ok=True)
    lines = sorted(_known() | {code.identity for code in codes})
    file.write_atomic(_list(), "".join(f"{line}\n" for line in lines))


def _code_of(session: Session) -> Iterator[Code]:
    model = session.model
    if model.trust_remote_code:
        text = f"the Python code that comes with the model {model.name}"
        yield Code("model.trust_remote_code", text, _hash("model", model.name, model.revision or ""))
    if session.training.custom_loss:
        path, _, function = session.training.custom_loss.rpartition(":")
        text = f"the function {function} of {path}"
        yield Code("training.custom_loss", text, _hash("loss", path, function, _content(path)))
    if session.run.notify:
        text = f"the program {' '.join(session.run.notify)}, when the run ends"
        yield Code("run.notify", text, _hash("notify", *session.run.notify))
    if session.run.webhook:
        text = f"a call of the webhook at {host_of(session.run.webhook)}, when the run ends"
        yield Code("run.webhook", text, _hash("webhook", session.run.webhook))


def _content(path: str) -> str:
    try:
        return expanded(path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _hash(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode(errors="surrogatepass")).hexdigest()


def _list() -> Path:
    return home() / "agreed"


def _known() -> set[str]:
    try:
        return set(_list().read_text(encoding="utf-8").split())
    except (OSError, UnicodeDecodeError):
        return set()
