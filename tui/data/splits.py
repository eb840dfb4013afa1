"""Which rows of a source are meant, and how several sources become one: slices like ``train[:10%]``, and mixes."""

from __future__ import annotations

import heapq
import random
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TypeVar

from tui.data.records import DataError
from tui.session.sections.data import DataSection

T = TypeVar("T")

_SPLIT = re.compile(r"([\w.\-]*)(?:\[(-?\d*%?):(-?\d*%?)\])?")


@dataclass(frozen=True)
class Slice:
    """What stands in the brackets behind the name of a split."""

    begin: str = ""
    """A number, a percentage, or nothing; a negative one counts from the end."""
    end: str = ""

    @property
    def text(self) -> str:
        """As it is written; empty when it is the whole."""
        return f"[{self.begin}:{self.end}]" if self.begin or self.end else ""

    def bounds(self, count: Callable[[], int]) -> tuple[int, int | None]:
        """The first row, counted from 0, and the one after the last; `count` is asked only where it matters."""
        begin = _row(self.begin, count) if self.begin else 0
        return begin, _row(self.end, count) if self.end else None


def parse_split(split: str) -> tuple[str, Slice]:
    """The name of a split and its slice. Raises DataError."""
    found = _SPLIT.fullmatch(split)
    if found is None:
        raise DataError(f"data.split is {split}, but should be a name with an optional slice, like train[:1000]")
    return found[1], Slice(found[2] or "", found[3] or "")


def _row(bound: str, count: Callable[[], int]) -> int:
    digits = bound.removesuffix("%")
    number = int(digits) if digits.lstrip("-") else 0
    if bound.endswith("%"):
        number = round(number * count() / 100)
    if digits.startswith("-"):
        number += count()
    return max(0, number)


def sizes_of_mix(data: DataSection, available: Sequence[int]) -> list[int]:
    """How many rows of each source a mix takes. Raises DataError where a source has too few of them."""
    if data.mix_counts:
        for name, wanted, there in zip(sources_of(data), data.mix_counts, available, strict=True):
            if wanted > there:
                mend = {"data.mix_counts": tuple(map(min, data.mix_counts, available))}
                raise DataError(f"data.mix_counts asks for {wanted:,} rows of {name}, which has {there:,}", mend)
        return list(data.mix_counts)
    weights = [Fraction(str(weight)) for weight in data.mix_weights]  # as written: 0.1 is a tenth
    unit = min(count / weight for count, weight in zip(available, weights, strict=True))
    return [int(weight * unit) for weight in weights]


def shares_of_mix(data: DataSection) -> tuple[float, ...]:
    """The weights or the counts, one for each source; empty when nothing is mixed. Raises DataError."""
    if data.mix_counts and data.mix_weights:
        raise DataError("data.mix_weights and data.mix_counts cannot both be given: leave one of them out")
    key, shares = ("mix_counts", data.mix_counts) if data.mix_counts else ("mix_weights", data.mix_weights)
    count = len(sources_of(data))
    if shares and len(shares) != count:
        there = "1 source" if count == 1 else f"{count} sources"
        raise DataError(f"data.{key} needs one number for each source: it has {len(shares)} for {there}")
    return tuple(shares)


def sources_of(data: DataSection) -> tuple[str, ...]:
    """All sources in their order. Raises DataError when one has no name."""
    names = (data.source, *data.more_sources)
    if not all(name.strip() for name in names):
        raise DataError("data.source is empty: choose a file, a folder or a dataset" if not data.source.strip() else
                        "data.more_sources has an empty name in it")  # fmt: skip
    return names


def chosen(rows: Iterable[T], available: int, count: int, seed: str) -> Iterator[T]:
    """So many of the rows, none twice, each as likely as any other, in their order."""
    places = iter(sorted(random.Random(seed).sample(range(available), count)))
    wanted = next(places, None)
    for place, row in enumerate(rows):
        if wanted is None:
            return
        if place == wanted:
            yield row
            wanted = next(places, None)


def interleaved(streams: Sequence[Iterable[T]], shares: Sequence[float]) -> Iterator[T]:
    """The rows of all streams, so that as soon as there are some they are mixed in the proportion of the shares."""
    turns = (_turns(rows, share, place) for place, (rows, share) in enumerate(zip(streams, shares, strict=True)))
    return (row for _, _, row in heapq.merge(*turns, key=lambda turn: turn[:2]))


def _turns(rows: Iterable[T], share: float, place: int) -> Iterator[tuple[float, int, T]]:
    """Each row with the time at which it is its turn."""
    for number, row in enumerate(rows):
        yield (number + 0.5) / share, place, row
