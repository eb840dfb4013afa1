"""Plain text: a row for each paragraph, that is for the lines between empty ones."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

from tui.data.readers.found import LONGEST_BYTES, BadRow, Found, too_long
from tui.data.readers.lines import Line, numbered_lines, text_stream


def read(stream: BinaryIO, start: int = 0) -> Iterator[Found]:
    """The paragraphs after the first `start` ones."""
    for number, block in enumerate(_blocks(stream)):
        if number >= start:
            yield block.found()


def count(stream: BinaryIO) -> int:
    """How many paragraphs there are."""
    return sum(1 for _ in _blocks(stream))


class _Block:
    """The lines of a paragraph; of one that is too long only its size is kept."""

    def __init__(self) -> None:
        self.first = 0
        self.size = 0
        self.lines: list[Line] = []

    def add(self, line: Line) -> None:
        self.first = self.first or line.number
        self.size += line.size
        self.lines.append(line)
        if self.size > LONGEST_BYTES:
            self.lines.clear()

    def found(self) -> Found:
        where = f"line {self.first}"
        if self.size > LONGEST_BYTES:
            return Found(where, None, too_long(self.size))
        texts = []
        for line in self.lines:
            try:
                texts.append(line.text())
            except BadRow as error:
                place = "" if line.number == self.first else f"line {line.number} of the file: "
                return Found(where, None, f"{place}{error}")
        return Found(where, {"text": "\n".join(texts)})


def _blocks(stream: BinaryIO) -> Iterator[_Block]:
    block = _Block()
    for line in numbered_lines(text_stream(stream)):
        if not line.is_blank:
            block.add(line)
        elif block.size:
            yield block
            block = _Block()
    if block.size:
        yield block
