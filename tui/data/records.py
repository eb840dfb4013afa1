"""One row of a dataset, with the place it comes from, and what is wrong with data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Row = dict[str, Any]


class DataError(Exception):
    """Data that cannot be used, in one sentence that names the file and the row."""

    def __init__(self, text: str, mend: Mapping[str, Any] | None = None) -> None:
        super().__init__(text)
        self.mend: Mapping[str, Any] = mend or {}
        """Changes of the session, by key, that would make the data usable; empty where none are known."""


@dataclass(frozen=True, slots=True)
class Record:
    """A row as it was found, or why it cannot be read."""

    number: int
    """Counted from 1 over everything that is read, good and bad."""
    place: str
    """Where it stands, for people: ``train.jsonl, line 17``."""
    row: Row | None
    """None when it cannot be read."""
    problem: str = ""
    """Why it cannot be read, without the place; empty when it can."""
    source: int = 0
    """Which of the sources it comes from, counted from 0."""
