"""Arrow files: those with a table of contents (also called Feather), and streams, as `datasets` writes them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, BinaryIO

from tui.data.readers.arrow_rows import arrow_errors, require_names, rows_of
from tui.data.readers.found import Found, Unreadable

FILE_MARK = b"ARROW1"
_OLD_FEATHER = b"FEA1"


def read(stream: BinaryIO, start: int = 0) -> Iterator[Found]:
    """The rows after the first `start` ones. Raises Unreadable."""
    with arrow_errors("Arrow"):
        number = 0
        for batch in _batches(stream):
            batch.validate(full=True)  # Arrow believes every offset in a file, and a damaged one ends the process
            skip = min(max(0, start - number), batch.num_rows)
            yield from rows_of(batch.slice(skip), number + skip + 1)
            number += batch.num_rows


def count(stream: BinaryIO) -> int:
    """How many rows there are. Raises Unreadable."""
    with arrow_errors("Arrow"):
        return sum(batch.num_rows for batch in _batches(stream))


def _batches(stream: BinaryIO) -> Iterator[Any]:
    import pyarrow.ipc  # see `arrow_errors`

    head = stream.read(len(FILE_MARK))
    stream.seek(0)
    if head.startswith(_OLD_FEATHER):
        raise Unreadable("is a Feather file of the first version: write it anew with a newer pandas or pyarrow")
    if head != FILE_MARK:
        with pyarrow.ipc.open_stream(stream) as batches:
            require_names(batches.schema.names)
            yield from batches
        return
    with pyarrow.ipc.open_file(stream) as file:
        require_names(file.schema.names)
        for place in range(file.num_record_batches):
            yield file.get_batch(place)
