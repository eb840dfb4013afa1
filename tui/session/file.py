"""Sessions as TOML: read with every problem named at once, written whole or not at all."""

from __future__ import annotations

import os
import tempfile
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tomli_w
from pydantic import ValidationError

from tui.resources import expanded
from tui.session.explain import explain_all, shown
from tui.session.fields import fields_of, get_value
from tui.session.problem import Problem
from tui.session.schema import Session

VERSION = 1
"""The version of the session file; a file without one is of the first."""

MAX_BYTES = 1_000_000
"""A session is a few kilobytes; a larger file is something else."""


class SessionError(Exception):
    """A session that cannot be used; `problems` has everything that is wrong with it."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("; ".join(str(problem) for problem in problems))
        self.problems = problems


def load(path: Path) -> Session:
    """Read a session file. Raises SessionError naming the file, or every key that is wrong.

    Relative paths in it are taken from the folder of the file.
    """
    return anchored(load_as_written(path), path.parent)


def load_as_written(path: Path) -> Session:
    """Read a session file, and leave relative paths in it as they are. Raises SessionError like `load`."""
    return parse(_read(path), str(path))


def parse(text: str, origin: str = "session") -> Session:
    """A session from TOML text. Raises SessionError; `origin` names the text in errors."""
    try:
        table = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # a number of thousands of digits is a plain ValueError
        raise SessionError([Problem("", f"{origin} is not valid TOML: {error}")]) from None
    version = table.pop("version", VERSION)
    if isinstance(version, bool) or not isinstance(version, int):
        raise SessionError([Problem("version", f"should be a whole number, not {shown(version)[:80]}")])
    if version < 1:
        raise SessionError([Problem("version", f"should be at least 1, not {version}")])
    if version > VERSION:
        text = f"{origin} was written by a newer unsloth-tui (version {version} of the file; this one reads {VERSION})"
        raise SessionError([Problem("version", text)])
    return from_table(table)


def from_table(table: dict[str, Any]) -> Session:
    """A session from nested tables. Raises SessionError with one Problem a key."""
    try:
        return Session.model_validate(table)
    except ValidationError as error:
        raise SessionError(explain_all(error.errors(include_url=False))) from None


def anchored(session: Session, folder: Path) -> Session:
    """The session with its relative paths taken from `folder`: those that exist there, and every file by its suffix."""
    changes: dict[str, Any] = {}
    for key in ("model.name", "data.source", "evaluation.source", "lora.continue_from", "training.custom_loss"):
        value = get_value(session, key) or ""
        name, colon, function = value.rpartition(":") if key == "training.custom_loss" else (value, "", "")
        if there := _anchored_path(name, folder, known_suffix=key != "model.name"):
            changes[key] = f"{there}{colon}{function}"
    more = tuple(_anchored_path(name, folder) or name for name in session.data.more_sources)
    changes |= {"data.more_sources": more} if more != session.data.more_sources else {}
    template = session.data.chat_template or ""
    if Path(template).suffix and (there := _anchored_path(template, folder, known_suffix=False)):
        changes["data.chat_template"] = there
    return replace_values(session, changes) if changes else session


def _anchored_path(name: str, folder: Path, *, known_suffix: bool = True) -> str:
    """The path taken from `folder`; empty where it is that already or means no file.

    With `known_suffix` a name with a suffix is a file even where there is none (yet).
    """
    try:
        there = (folder / expanded(name)).resolve() if name else folder
        found = bool(name) and (there.exists() or (known_suffix and bool(Path(name).suffix)))
    except (OSError, ValueError, RuntimeError):  # no file can have such a name
        return ""
    return str(there) if found and str(there) != name else ""


def to_table(session: Session, *, defaults: bool = False) -> dict[str, Any]:
    """The session as nested tables: what differs from the defaults, or everything that has a value."""
    table = session.model_dump(mode="json", exclude_defaults=not defaults, exclude_none=True)
    for name, short in table.items():
        section = getattr(session, name)
        if type(section).model_validate(short) != section:  # what is left out follows from what is said
            table[name] = section.model_dump(mode="json", exclude_none=True)
    return table


def dumps(session: Session, *, defaults: bool = False) -> str:
    """The session as TOML text."""
    return to_toml({"version": VERSION} | to_table(session, defaults=defaults))


def to_toml(table: dict[str, Any]) -> str:
    """Nested tables as TOML text."""
    return str(tomli_w.dumps(table))


def save(session: Session, path: Path, origin: Path | None = None) -> None:
    """Write the session to `path`, replacing what was there only once all of it is on disk. Raises OSError.

    From `origin`, the file that the session was read from, comments, order and relative paths are kept.
    """
    write_atomic(path.resolve(), (origin and _edited(session, path.parent, origin)) or dumps(session))


def _edited(session: Session, folder: Path, origin: Path) -> str:
    """The text of `origin` with the values of a session that is saved in `folder`; empty where it cannot be had so."""
    from tomlkit.exceptions import TOMLKitError

    from tui.session.edit import edited

    try:
        text = _read(origin)
        after, differing, everything = anchored(session, folder), to_table(session), to_table(session, defaults=True)
        for derived in (False, True):  # some values follow from those that the first round has written
            before, changes = anchored(parse(text), folder), {}
            for spec in fields_of(Session):
                section, name = spec.key.split(".")
                if get_value(before, spec.key) != get_value(after, spec.key):
                    changes[section, name] = everything[section].get(name)
            wanted = {key for key in changes if derived or key[1] in differing.get(key[0], {})}
            text = edited(text, changes, wanted)
        return text.replace("\n", _line_end(origin)) if anchored(parse(text), folder) == after else ""
    except (SessionError, TOMLKitError):
        return ""


def _line_end(path: Path) -> str:
    return "\r\n" if b"\r\n" in path.read_bytes() else "\n"


def write_atomic(path: Path, content: str | bytes) -> None:
    """Write a file whole or not at all, readable by its owner alone. Raises OSError."""
    handle, scratch = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content.encode() if isinstance(content, str) else content)
            stream.flush()
            os.fsync(stream.fileno())
        Path(scratch).replace(path)
    except BaseException:
        Path(scratch).unlink(missing_ok=True)
        raise


def replace_values(session: Session, changes: Mapping[str, Any]) -> Session:
    """The session with some values changed, by key. Raises SessionError when a value is not allowed."""
    table = session.model_dump(mode="python")
    for key, value in changes.items():
        section, _, name = key.partition(".")
        table[section][name] = value
    return from_table(table)


def replace_value(session: Session, key: str, value: Any) -> Session:
    """The session with one value changed. Raises SessionError when the value is not allowed."""
    return replace_values(session, {key: value})


def _read(path: Path) -> str:
    try:
        if path.is_dir():
            raise SessionError([Problem("", f"{path} is a folder, not a session file")])
        with path.open("rb") as stream:
            content = stream.read(MAX_BYTES + 1)
        if len(content) > MAX_BYTES:
            raise SessionError([Problem("", f"{path} is too large to be a session file")])
        return content.decode("utf-8-sig").replace("\r\n", "\n")
    except FileNotFoundError:
        raise SessionError([Problem("", f"there is no file {path}")]) from None
    except UnicodeDecodeError:
        raise SessionError([Problem("", f"{path} is not a text file")]) from None
    except OSError as error:
        raise SessionError([Problem("", f"{path} cannot be read: {error.strerror or error}")]) from None
    except ValueError:
        raise SessionError([Problem("", f"no file can be called {shown(str(path))}")]) from None
