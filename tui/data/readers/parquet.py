"""Parquet files."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, BinaryIO

from tui.data.readers.arrow_rows import BATCH_ROWS, arrow_errors, require_names, rows_of
from tui.data.readers.found import Found

_BUFFER_BYTES = 1 << 20


def read(stream: BinaryIO, start: int = 0) -> Iterator[Found]:
    """The rows after the first `start` ones; groups of rows before them are not touched. Raises Unreadable."""
    with arrow_errors("Parquet"):
        file = _opened(stream)
        require_names(file.schema_arrow.names)
        groups, number = _groups(file, start)
        skip = start - number
        for batch in file.iter_batches(BATCH_ROWS, row_groups=groups) if groups else ():
            if skip < batch.num_rows:
                yield from rows_of(batch.slice(skip), number + skip + 1)
            skip = max(0, skip - batch.num_rows)
            number += batch.num_rows


def count(stream: BinaryIO) -> int:
    """How many rows the end of the file says there are. Raises Unreadable."""
    with arrow_errors("Parquet"):
        return int(_opened(stream).metadata.num_rows)


def _opened(stream: BinaryIO) -> Any:
    import pyarrow.parquet  # see `arrow_errors`

    # with a buffer Arrow reads a group of rows piece by piece, however large it is
    return pyarrow.parquet.ParquetFile(stream, buffer_size=_BUFFER_BYTES, pre_buffer=False)


def _groups(file: Any, start: int) -> tuple[list[int], int]:
    """The groups of rows from the one on that holds row `start`, and how many rows are before them."""
    before = 0
    for group in range(file.num_row_groups):
        rows = file.metadata.row_group(group).num_rows
        if before + rows > start:
            return list(range(group, file.num_row_groups)), before
        before += rows
    return [], before
