"""A sample of rows seen by columns: what each holds, and which objects inside it may have the columns that matter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice
from typing import Any

from tui.data.columns import describes
from tui.data.reading import inside, opened
from tui.data.records import Row

MOST_COLUMNS = 500
"""Columns that are looked at; a table may have a million."""
MOST_SCOPES = 24
DEEPEST_SCOPE = 2


@dataclass(frozen=True)
class Sample:
    """Rows, or an object in each of them."""

    rows: Sequence[Row]
    scope: tuple[str, ...] = ()
    _told: dict[str, list[Any]] = field(default_factory=dict, repr=False, compare=False)

    @cached_property
    def here(self) -> list[Row]:
        """The objects that the scope leads to; an empty one where there is none."""
        return [found if isinstance(found := _follow(row, self.scope), dict) else {} for row in self.rows]

    @cached_property
    def names(self) -> list[str]:
        """The columns, in the order in which they come."""
        found = (str(name) for row in self.here for name in islice(row, MOST_COLUMNS))
        return list(islice(dict.fromkeys(found), MOST_COLUMNS))

    @cached_property
    def wider(self) -> Sample:
        """The columns with those of the objects around, as a reading with this scope sees them."""
        return Sample([inside(row, self.scope) for row in self.rows]) if self.scope else self

    @cached_property
    def texts(self) -> list[str]:
        """The columns with text that is more than a word about the row."""
        return [name for name in self.names if self.is_text(name) and not describes(name)]

    def cells(self, name: str) -> list[Any]:
        """The values of a column, None where a row lacks it."""
        return [row.get(name) for row in self.here]

    def told(self, name: str) -> list[Any]:
        """The same, with lists and objects instead of the JSON of them."""
        if name not in self._told:
            self._told[name] = [opened(cell) for cell in self.cells(name)]
        return self._told[name]

    def filled(self, name: str) -> list[Any]:
        """The values that are there and not empty."""
        return [cell for cell in self.cells(name) if not is_empty(cell)]

    def filled_told(self, name: str) -> list[Any]:
        """The same, with lists and objects instead of the JSON of them."""
        return [cell for cell in self.told(name) if not is_empty(cell)]

    def is_text(self, name: str) -> bool:
        """Whether all that the column holds, and it holds something, is text."""
        filled = self.filled(name)
        return bool(filled) and sum(isinstance(cell, str) for cell in filled) >= 0.9 * len(filled)

    def may_be_text(self, name: str) -> bool:
        """Whether nothing in the column speaks against text; the sample may have no more than empty cells of it."""
        return not self.filled(name) or self.is_text(name)

    def is_said(self, name: str) -> bool:
        """Whether it can be an answer: text, or numbers and such."""
        filled = self.filled(name)
        return bool(filled) and sum(isinstance(cell, str | int | float | bool) for cell in filled) >= 0.9 * len(filled)

    def may_be_list(self, name: str) -> bool:
        """Whether nothing in the column speaks against lists."""
        return all(isinstance(cell, list) for cell in self.filled_told(name))


def is_empty(value: Any) -> bool:
    """Whether nothing is said in a cell."""
    return value is None or (isinstance(value, str) and not value.strip())


def scoped(rows: Sequence[Row]) -> list[Sample]:
    """The rows themselves, and the objects that lie in most of them, up to two deep, also as JSON in a text."""
    found: list[Sample] = []
    waiting = [Sample(rows)]
    while waiting and len(found) < MOST_SCOPES:
        sample = waiting.pop(0)
        found.append(sample)
        if len(sample.scope) < DEEPEST_SCOPE:
            objects = ((name, sum(isinstance(cell, dict) for cell in sample.told(name))) for name in sample.names)
            waiting += [Sample(rows, (*sample.scope, name)) for name, count in objects if 2 * count >= len(rows)]
    return found


def _follow(row: Row, scope: tuple[str, ...]) -> Any:
    found: Any = row
    for key in scope:
        found = opened(found.get(key)) if isinstance(found, Mapping) else None
    return found
