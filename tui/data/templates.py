r"""The small language in which a session writes texts over columns.

``{question}`` is the text of a column; its name may hold spaces. ``{meta.title}`` is a value inside an object, unless a
column has that very name. ``{{`` and ``}}`` are braces. ``[[ ... ]]`` vanishes when every column in it is empty; without
a column in it, it stays as it is, brackets and all. ``\n`` and ``\t``, as typed into one line, are a line break and a
tab; ``\\n`` is a backslash and an n. What a cell holds is never read as a template.
"""

from __future__ import annotations

import difflib
import json
import math
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

from tui.data.records import DataError
from tui.data.shown import kind, listed, plain, shown

_PIECE = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|\[\[|\]\]|[{}]")
_ESCAPE = re.compile(r"\\\\(?=[nt])|\\n|\\t")
_ESCAPES = {"\\\\": "\\", "\\n": "\n", "\\t": "\t"}


@dataclass(frozen=True)
class Cell:
    """The place of a column's text."""

    name: str

    def value(self, row: Mapping[str, Any]) -> Any:
        """What the row has under this name; None when it has nothing."""
        if self.name in row:
            return row[self.name]
        found: Any = row
        for key in self.name.split("."):
            found = found.get(key) if isinstance(found, Mapping) else None
        return found


@dataclass(frozen=True)
class Optional:
    """What vanishes when its columns are empty."""

    parts: tuple[str | Cell, ...]

    @cached_property
    def cells(self) -> tuple[Cell, ...]:
        return tuple(part for part in self.parts if isinstance(part, Cell))


@dataclass(frozen=True)
class Template:
    """A text with places for columns."""

    parts: tuple[str | Cell | Optional, ...]

    @cached_property
    def cells(self) -> tuple[Cell, ...]:
        """The places for columns, in their order."""
        found: list[Cell] = []
        for part in self.parts:
            found.extend([part] if isinstance(part, Cell) else part.cells if isinstance(part, Optional) else [])
        return tuple(found)

    def is_empty(self, row: Mapping[str, Any]) -> bool:
        """Whether there are columns in it and the row has nothing in any of them."""
        return bool(self.cells) and not any(cell_text(cell.value(row), cell.name).strip() for cell in self.cells)

    def render(self, row: Mapping[str, Any]) -> str:
        """The text for one row; a column that the row lacks is empty. Raises DataError for what is no text."""
        return "".join(_rendered(self.parts, row))

    def check(self, columns: Collection[str], text: str, key: str) -> None:
        """Raises DataError, with the nearest name as mend, when a column of it is none of these.

        `text` is the template as the session has it under the key `key`.
        """
        for cell in self.cells:
            if cell.name in columns or cell.name.split(".")[0] in columns:
                continue
            near = difflib.get_close_matches(cell.name, list(columns)[:1000], 1, cutoff=0.5)
            near = near or [name for name in list(columns)[:1000] if name.lower() == cell.name.lower()]
            mend = {key: text.replace("{" + cell.name + "}", "{" + near[0] + "}")} if near else {}
            meant = f", perhaps {shown(near[0])} is meant" if near else ""
            raise DataError(
                f"{key} names the column {shown(cell.name)}, which is not there{meant} (columns: {listed(columns)})", mend
            )


def _rendered(parts: tuple[str | Cell | Optional, ...], row: Mapping[str, Any]) -> Iterator[str]:
    for part in parts:
        if isinstance(part, str):
            yield part
        elif isinstance(part, Cell):
            yield cell_text(part.value(row), part.name)
        elif any(cell_text(cell.value(row), cell.name).strip() for cell in part.cells):
            yield from _rendered(part.parts, row)


def cell_text(value: Any, name: str) -> str:
    """A cell as text: numbers and true or false as they are written, objects as JSON, nothing as an empty text.

    A list of texts is one text a line. Raises DataError for what cannot be written.
    """
    if isinstance(value, str):
        return value
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, list | tuple) and all(isinstance(item, str) for item in value):
        return "\n".join(value)
    if isinstance(value, dict | list | tuple):
        try:
            return json.dumps(value, ensure_ascii=False)
        except RecursionError:
            raise DataError(f"{plain(name)} is nested too deeply") from None
        except (TypeError, ValueError):
            raise DataError(f"{plain(name)} holds {kind(value)} that cannot be written as text") from None
    if isinstance(value, bytes | bytearray | memoryview):
        raise DataError(f"{plain(name)} holds bytes, not text")
    return str(value)


@lru_cache(64)
def parse(text: str) -> Template:
    """A template as it is typed. Raises DataError with what is wrong in it."""
    outer: list[str | Cell | Optional] = []
    inner: list[str | Cell] | None = None
    at = 0
    for found in _PIECE.finditer(text):
        into: list[Any] = outer if inner is None else inner
        into.append(_unescaped(text[at : found.start()]))
        at = found.end()
        match found[0]:
            case "[[" if inner is None:
                inner = []
            case "]]" if inner is not None:
                outer.extend(_closed(inner))
                inner = None
            case "[[" | "]]" as brackets:
                into.append(brackets)
            case "{{" | "}}" as braces:
                into.append(braces[0])
            case "{" | "}" as brace:
                near = shown(text[found.start() : found.start() + 20])
                raise DataError(f"a template has a lone {brace} at {near}; {brace * 2} is a brace")
            case _:
                into.append(_cell(found[1]))
    (outer if inner is None else inner).append(_unescaped(text[at:]))
    if inner is not None:
        outer += ["[[", *inner]
    return Template(tuple(part for part in outer if part != ""))


def _cell(name: str) -> Cell:
    if not name.strip():
        raise DataError("a template has braces without the name of a column in them; {{ and }} are braces themselves")
    return Cell(name)


def _closed(inner: list[str | Cell]) -> list[str | Cell | Optional]:
    parts = tuple(part for part in inner if part != "")
    return [Optional(parts)] if any(isinstance(part, Cell) for part in parts) else ["[[", *parts, "]]"]


def _unescaped(text: str) -> str:
    return _ESCAPE.sub(lambda found: _ESCAPES[found[0]], text) if "\\" in text else text
