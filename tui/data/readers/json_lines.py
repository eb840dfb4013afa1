"""JSON lines: one object on each line."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

from tui.data.readers.found import BadRow, Found
from tui.data.readers.json_values import row_of_text
from tui.data.readers.lines import Line, count_filled_lines, numbered_lines, text_stream


def read(stream: BinaryIO, start: int = 0) -> Iterator[Found]:
    """A row for each line that is not blank, after the first `start` ones."""
    for line in numbered_lines(text_stream(stream)):
        if line.is_blank:
            continue
        if start:
            start -= 1
        else:
            yield _found(line)


def count(stream: BinaryIO) -> int:
    """How many lines are not blank."""
    return count_filled_lines(text_stream(stream))


def _found(line: Line) -> Found:
    where = f"line {line.number}"
    try:
        return Found(where, row_of_text(line.text()))
    except BadRow as error:
        return Found(where, None, str(error))
