"""Sessions as TOML: read with every problem named at once, written whole or not at all."""

from __future__ import annotations

import difflib
import os
import tempfile
import tomllib
from pathlib import Path
from typing import Any

import tomli_w
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from tui.session.checks import Problem
from tui.session.schema import Session

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
    return anchored(parse(_read(path), str(path)), path.parent)


def parse(text: str, origin: str = "session") -> Session:
    """A session from TOML text. Raises SessionError; `origin` names the text in errors."""
    try:
        table = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # a number of thousands of digits is a plain ValueError
        raise SessionError([Problem("", f"{origin} is not valid TOML: {error}")]) from None
    return from_table(table)


def from_table(table: dict[str, Any]) -> Session:
    """A session from nested tables. Raises SessionError with one Problem a key."""
    try:
        return Session.model_validate(table)
    except ValidationError as error:
        raise SessionError([_explain(detail) for detail in error.errors(include_url=False)]) from None


def anchored(session: Session, folder: Path) -> Session:
    """The session with its relative paths taken from `folder`: those that exist there, and every file by its suffix."""
    for key in ("model.name", "data.source", "evaluation.source"):
        section, name = key.split(".")
        value = getattr(getattr(session, section), name)
        if not value:
            continue
        try:
            there = (folder / Path(value).expanduser()).resolve()
            found = there.exists() or (name == "source" and bool(Path(value).suffix))
        except (OSError, ValueError, RuntimeError):  # no file can have such a name
            continue
        if found and str(there) != value:
            session = replace_value(session, key, str(there))
    return session


def to_table(session: Session, *, defaults: bool = False) -> dict[str, Any]:
    """The session as nested tables: what differs from the defaults, or everything that has a value."""
    return session.model_dump(mode="json", exclude_defaults=not defaults, exclude_none=True)


def dumps(session: Session, *, defaults: bool = False) -> str:
    """The session as TOML text."""
    return str(tomli_w.dumps(to_table(session, defaults=defaults)))


def save(session: Session, path: Path) -> None:
    """Write the session to `path`, replacing what was there only once all of it is on disk. Raises OSError."""
    write_atomic(path, dumps(session))


def write_atomic(path: Path, text: str) -> None:
    """Write a text file whole or not at all, readable by its owner alone. Raises OSError."""
    handle, scratch = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        Path(scratch).replace(path)
    except BaseException:
        Path(scratch).unlink(missing_ok=True)
        raise


def replace_value(session: Session, key: str, value: Any) -> Session:
    """The session with one value changed. Raises SessionError when the value is not allowed."""
    table = session.model_dump(mode="python")
    section, _, name = key.rpartition(".")
    target = table
    for part in section.split("."):
        target = target[part]
    target[name] = value
    return from_table(table)


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
        raise SessionError([Problem("", f"{path} cannot be read: {error.strerror}")]) from None


def _explain(detail: ErrorDetails) -> Problem:
    """One pydantic error as one sentence about one key."""
    path = [str(part) for part in detail["loc"]]
    key = ".".join(path)
    if detail["type"] == "extra_forbidden":
        return Problem(key, f"there is no such key{_did_you_mean(path)}")
    shown = _shown(detail["input"])
    wanted = detail["msg"].removeprefix("Value error, ").removeprefix("Input ")
    if detail["type"] in ("int_parsing", "float_parsing", "int_type", "float_type"):
        wanted = "should be a number"
    if detail["type"] in ("model_type", "dict_type"):
        wanted = "should be a table"
    return Problem(key, f"{wanted}, not {shown[:80]}")


def _shown(given: Any) -> str:
    try:
        return f'"{given}"' if isinstance(given, str) else str(given)
    except ValueError:  # Python refuses to write numbers of thousands of digits
        return "a number that is far too long"


def _did_you_mean(path: list[str]) -> str:
    schema: type[BaseModel] = Session
    for part in path[:-1]:
        inner = schema.model_fields[part].annotation
        assert isinstance(inner, type) and issubclass(inner, BaseModel)
        schema = inner
    word = path[-1]
    for section, info in Session.model_fields.items():
        inner = info.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel) and word in inner.model_fields:
            return f"; did you mean {section}.{word}?"
    if near := difflib.get_close_matches(word, schema.model_fields, n=1, cutoff=0.5):
        return f"; did you mean {'.'.join([*path[:-1], near[0]])}?"
    return f"; known here: {', '.join(schema.model_fields)}"
