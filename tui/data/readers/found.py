"""What a reader gives: rows with where they stand in the file, and why one cannot be read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO, NamedTuple, Protocol

from tui.data.records import Row

LONGEST_BYTES = 32 << 20
"""Of one row; what is longer is a mistake in the file, and would take gigabytes as objects."""
MOST_COLUMNS = 10_000


class Found(NamedTuple):
    """A row of a file, or why it cannot be read."""

    where: str
    """In the file: ``line 17``."""
    row: Row | None
    problem: str = ""


class BadRow(Exception):
    """Why a single row cannot be read; the rows after it can."""


class Unreadable(Exception):
    """Why a file cannot be read any further, as the rest of a sentence that begins with its name."""


class Reader(Protocol):
    """What each kind of file has."""

    def read(self, stream: BinaryIO, start: int = 0) -> Iterator[Found]:
        """The rows after the first `start` ones. Raises Unreadable."""

    def count(self, stream: BinaryIO) -> int:
        """How many rows, good and bad, `read` gives. Raises Unreadable."""


def require_columns(count: int) -> None:
    """Raises Unreadable for what cannot be a table of examples."""
    if count > MOST_COLUMNS:
        raise Unreadable(f"has {count:,} columns: this is not a table of examples")


def too_long(size: int) -> str:
    """The words for a row of `size` bytes."""
    return f"it is {size / 1e6:,.0f} MB long, more than {LONGEST_BYTES >> 20} MB are not read as one row"
