"""CSV and TSV: columns named in the first row, values between commas, semicolons, tabs or bars."""

from __future__ import annotations

import csv
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice, zip_longest
from typing import BinaryIO, NamedTuple

from tui.data.readers.found import LONGEST_BYTES, BadRow, Found, Unreadable, require_columns
from tui.data.readers.lines import Line, numbered_lines, text_stream

_SAMPLE_ROWS = 50
_MOST_REWINDS = 20
"""Each may read `LONGEST_BYTES` again."""
_OPEN_QUOTE = "a quote is opened in it and not closed again"


class _Cells(NamedTuple):
    """A row as it was split up."""

    line: int
    """The one that it begins on."""
    cells: list[str]
    problem: str = ""


def read(stream: BinaryIO, start: int = 0) -> Iterator[Found]:
    """The rows after the first `start` ones, all values as text. Raises Unreadable."""
    text = text_stream(stream)
    rows = _filled(_Rows(text, _delimiter(text)))
    header = next(rows, None)
    if header is None:
        return
    if header.problem:
        raise Unreadable(f"cannot be read: line {header.line} should name the columns, and {header.problem}")
    require_columns(len(header.cells))
    columns = _names(header.cells)
    for row in islice(rows, start, None):
        yield _found(row, columns)


def count(stream: BinaryIO) -> int:
    """How many rows there are below the names of the columns. Raises Unreadable."""
    return sum(1 for _ in read(stream))


def _found(row: _Cells, columns: list[str]) -> Found:
    where = f"line {row.line}"
    if row.problem:
        return Found(where, None, row.problem)
    if len(row.cells) > len(columns):
        return Found(where, None, f"it has {len(row.cells):,} values for {len(columns):,} columns")
    return Found(where, dict(zip_longest(columns, row.cells, fillvalue="")))


def _names(cells: list[str]) -> list[str]:
    """Names of columns that are all different: a second ``text`` becomes ``text_2``, one without a name ``column_3``."""
    names: dict[str, None] = {}
    for place, cell in enumerate(cells, 1):
        wanted = name = cell.strip() or f"column_{place}"
        again = 1
        while name in names or (again > 1 and name in cells):
            again += 1
            name = f"{wanted}_{again}"
        names[name] = None
    return list(names)


def _filled(rows: Iterator[_Cells]) -> Iterator[_Cells]:
    """Without the empty rows that a spreadsheet leaves behind."""
    return (row for row in rows if row.problem or any(cell.strip() for cell in row.cells))


class _Overrun(Exception):
    """A row that goes on for longer than a row may."""


class _Feed:
    """Lines for `csv.reader`; those of the row that is being read are kept, so that they can be read once more."""

    def __init__(self, stream: BinaryIO) -> None:
        self._lines = numbered_lines(stream)
        self._again: deque[Line] = deque()
        self.row: list[Line] = []
        self._size = 0
        self._is_bad = False
        self.is_over = False

    def __iter__(self) -> _Feed:
        return self

    def __next__(self) -> str:
        line = self._again.popleft() if self._again else next(self._lines, None)
        if line is None:
            self.is_over = True
            raise StopIteration
        self.row.append(line)
        self._size += len(line.content)
        if self._size > LONGEST_BYTES:
            raise _Overrun
        try:
            text = line.content.decode()
        except UnicodeDecodeError:
            text = line.content.decode(errors="replace")
            self._is_bad = True
        self._is_bad = self._is_bad or not text
        return text or "\n"

    def begin(self) -> None:
        """A new row begins with the next line."""
        self.row, self._size, self._is_bad = [], 0, False

    def rewind(self) -> None:
        """What follows the first line of the row is read once more."""
        self._again.extendleft(reversed(self.row[1:]))
        self.is_over = False

    def problem(self) -> str:
        """Why a line of the row is no text; empty when all are."""
        for line in self.row if self._is_bad else ():
            try:
                line.text()
            except BadRow as error:
                return str(error) if line is self.row[0] else f"line {line.number} of the file: {error}"
        return ""


class _Rows:
    """The rows of a table, empty ones too, and those that cannot be read with the reason."""

    def __init__(self, stream: BinaryIO, delimiter: str) -> None:
        csv.field_size_limit(2 * LONGEST_BYTES)  # ours is reached first, and can name the line
        self._feed = _Feed(stream)
        self._delimiter = delimiter
        self._reader = csv.reader(self._feed, delimiter=delimiter)
        self._rewinds = 0

    def __iter__(self) -> _Rows:
        return self

    def __next__(self) -> _Cells:
        feed = self._feed
        feed.begin()
        try:
            cells = next(self._reader)
        except _Overrun:
            return self._open_quote()
        except csv.Error as error:
            return _Cells(feed.row[0].number, [], feed.problem() or str(error))
        if feed.is_over:  # it asked for another line because a quote was still open
            return self._open_quote()
        return _Cells(feed.row[0].number, cells, feed.problem())

    def _open_quote(self) -> _Cells:
        """A quote that nobody closes must not swallow the rows below it."""
        line = self._feed.row[0].number
        self._rewinds += 1
        if self._rewinds > _MOST_REWINDS:
            raise Unreadable(f"cannot be read from line {line} on: {_OPEN_QUOTE}, as in many lines before it")
        self._feed.rewind()
        self._reader = csv.reader(self._feed, delimiter=self._delimiter)
        return _Cells(line, [], _OPEN_QUOTE)


def _delimiter(stream: BinaryIO) -> str:
    """What stands between the values: a comma unless something else clearly fits better."""
    head = stream.peek()  # type: ignore[attr-defined]
    lines = head.decode(errors="replace").splitlines(keepends=True)
    shares = {mark: _share_that_fits(lines, mark) for mark in ",;\t|"}
    return max(shares, key=lambda mark: shares[mark])  # the first of equals


def _share_that_fits(lines: list[str], delimiter: str) -> float:
    """Of the first rows those with as many values as the first one, when that is more than one."""
    rows: list[list[str]] = []
    with suppress(csv.Error):  # those before it tell enough
        rows.extend(islice((row for row in csv.reader(lines, delimiter=delimiter) if any(row)), _SAMPLE_ROWS))
    if not rows or len(rows[0]) < 2:
        return 0.0
    return sum(len(row) == len(rows[0]) for row in rows) / len(rows)
