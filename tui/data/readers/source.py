"""The files behind one name that somebody gave, and which of their rows are meant."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice

from tui.data.readers.found import Found
from tui.data.readers.inputs import Input, count_in, found_in
from tui.data.records import DataError
from tui.data.splits import Slice

Placed = tuple[str, Found]
"""The name of a file and a row in it."""


class Source:
    """Files whose rows follow one another, and a slice of them."""

    def __init__(self, shown: str, files: Sequence[Input], part: Slice) -> None:
        self.shown = shown
        self.files = files
        self._part = part
        self._counts: dict[int, int] = {}

    def rows(self) -> Iterator[Placed]:
        """The rows that are meant. Raises DataError when there are none."""
        begin, end = self._part.bounds(self._count_all)
        is_empty = True
        for placed in islice(self._after(begin), None if end is None else max(0, end - begin)):
            is_empty = False
            yield placed
        if is_empty:
            self._refuse_nothing()

    def count(self) -> int:
        """How many rows are meant. Raises DataError when there are none."""
        there = self._count_all()
        begin, end = self._part.bounds(lambda: there)
        count = (there if end is None else min(there, end)) - begin
        if count <= 0:
            self._refuse_nothing()
        return count

    def _after(self, begin: int) -> Iterator[Placed]:
        """The rows after the first `begin` ones; files that are all before them are only counted."""
        for place, file in enumerate(self.files):
            if begin and place < len(self.files) - 1 and (there := self._count(place)) <= begin:
                begin -= there
                continue
            for found in found_in(file, begin):
                yield file.name, found
            begin = 0

    def _count_all(self) -> int:
        return sum(map(self._count, range(len(self.files))))

    def _count(self, place: int) -> int:
        if place not in self._counts:
            self._counts[place] = count_in(self.files[place])
        return self._counts[place]

    def _refuse_nothing(self) -> None:
        if self._part.text and (there := self._count_all()):
            raise DataError(f"data.split asks for {self._part.text} of {self.shown}, which has {there:,} rows: that is none")
        raise DataError(f"{self.shown} is empty: there is not a single row in it")
