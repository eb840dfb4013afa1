"""What the Data place finds out by itself in the background: the first rows, how they are read, how many there are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tui.data.converting import to_example
from tui.data.examples import Example
from tui.data.looking import is_here, reading_of, sample_of
from tui.data.opening import count_rows, parts_of
from tui.data.reading import Reading
from tui.data.records import DataError, Record
from tui.session.sections.data import DataSection

SHOWN_ROWS = 100


@dataclass(frozen=True)
class Look:
    """What was seen of a dataset."""

    data: DataSection = DataSection()  # noqa: RUF009  (frozen)
    records: tuple[Record, ...] = ()
    reading: Reading | None = None
    problem: str = ""
    mend: Mapping[str, Any] = field(default_factory=dict)
    """What would make it usable, where that is known."""
    parts: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """The splits that there are, by subset."""


def look_into(data: DataSection) -> Look:
    """The first rows and how they are read, or why they cannot be."""
    look = Look(data)
    try:
        sample = sample_of(data)
        look = Look(data, tuple(sample[:SHOWN_ROWS]))
        return Look(data, look.records, reading_of(data), parts=parts_of(data))
    except DataError as error:
        return Look(data, look.records, problem=str(error), mend=error.mend)


def count(data: DataSection) -> int | None:
    """How many rows there are, good and bad; None where that cannot be said without fetching all of them."""
    try:
        return count_rows(data) if is_here(data) else None
    except DataError:
        return None


def example_of(record: Record, look: Look) -> Example | DataError:
    """What becomes of a row, or why nothing does."""
    if record.row is None:
        return DataError(record.problem)
    if look.reading is None:
        return DataError(look.problem)
    try:
        return to_example(record.row, look.reading.of(record.source), look.data)
    except DataError as error:
        return error
