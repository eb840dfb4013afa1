"""Rows of Arrow's batches, and Arrow's errors in plain words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from tui.data.readers.found import Found, Unreadable, require_columns
from tui.data.records import Row

BATCH_ROWS = 256
"""Made into objects at a time: the first rows are there soon, and long texts do not pile up."""


@contextmanager
def arrow_errors(kind: str) -> Iterator[None]:
    """Raises Unreadable for what Arrow says of damaged files."""
    import pyarrow  # half a second, which only those who have such a file should wait for

    try:
        yield
    except OSError as error:
        if error.errno is not None:
            raise
        raise Unreadable(f"is no whole {kind} file: {_words(error)}") from None
    except (pyarrow.ArrowException, UnicodeDecodeError) as error:
        raise Unreadable(f"is no whole {kind} file: {_words(error)}") from None


def require_names(names: Sequence[str]) -> None:
    """Raises Unreadable for columns that a row cannot tell apart."""
    require_columns(len(names))
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise Unreadable(f"has two columns with the name {name}")
        seen.add(name)


def rows_of(batch: Any, first: int) -> Iterator[Found]:
    """The rows of a `pyarrow.RecordBatch`, the first of which has the number `first` in its file."""
    for begin in range(0, batch.num_rows, BATCH_ROWS):
        piece = batch.slice(begin, BATCH_ROWS)
        rows: Sequence[Row | str] = _all(piece) or [_one(piece.slice(place, 1)) for place in range(piece.num_rows)]
        for number, row in enumerate(rows, first + begin):
            where = f"row {number}"
            yield Found(where, None, row) if isinstance(row, str) else Found(where, row)


def _all(batch: Any) -> list[Row] | None:
    try:
        rows: list[Row] = batch.to_pylist()
    except Exception:  # one value that Python has no words for; which one, the rows will tell one by one
        return None
    return rows


def _one(batch: Any) -> Row | str:
    """The only row, or why it cannot be read."""
    try:
        row: Row = batch.to_pylist()[0]
    except Exception as error:
        return f"a value in it cannot be read: {_words(error)}"
    return row


def _words(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
