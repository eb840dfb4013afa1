"""Rows of everything that ``[data]`` names: files, folders and hub datasets, sliced and mixed."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from itertools import chain, islice, repeat
from pathlib import Path

from tui.data.readers.inputs import Input
from tui.data.readers.kinds import suffix_of
from tui.data.readers.parts import choose_split, choose_subset
from tui.data.readers.places import Place, place_of
from tui.data.readers.source import Placed, Source
from tui.data.records import DataError, Record
from tui.data.splits import chosen, interleaved, parse_split, shares_of_mix, sizes_of_mix, sources_of
from tui.session.sections.data import DataSection

SEED = 3407
Sourced = tuple[int, Placed]
"""Which source, and a row of it."""
_WAY_OF_READING = 1
"""Raised when the same files give other rows than before."""


def iterate_records(data: DataSection, *, seed: int = SEED) -> Iterator[Record]:
    """Every row, good and bad. Raises DataError when a source cannot be opened, or has no rows at all."""
    sources = _sources(data)
    if not shares_of_mix(data):
        return _numbered(chain.from_iterable(_rows(sources)))
    available = [source.count() for source in sources]
    sizes = sizes_of_mix(data, available)
    streams = [chosen(rows, available[place], sizes[place], f"{seed} {place}") for place, rows in enumerate(_rows(sources))]
    return _numbered(interleaved(streams, [max(size, 1) for size in sizes]))


def first_records(data: DataSection, limit: int = 200) -> list[Record]:
    """The first rows, without reading much more than them. Raises DataError.

    Of a mix these are the first rows of each source in the proportion of the mix: those that are chosen at random are known
    only when all are counted.
    """
    streams = _rows(_sources(data))
    shares = shares_of_mix(data)
    rows = interleaved(streams, shares) if shares else chain.from_iterable(streams)
    with closing(_numbered(rows)) as records:
        return list(islice(records, limit))


def count_rows(data: DataSection) -> int:
    """How many rows `iterate_records` gives, without reading them where the kind of file allows. Raises DataError."""
    available = [source.count() for source in _sources(data)]
    return sum(sizes_of_mix(data, available) if shares_of_mix(data) else available)


def files_of(data: DataSection) -> list[Path]:
    """The files on this machine that are read; a hub dataset that is streamed has none. Raises DataError."""
    return [file.path for source in _sources(data) for file in source.files if file.path]


def parts_of(data: DataSection) -> dict[str, list[str]]:
    """The splits of `data.source` by subset, the default one first. Raises DataError."""
    parts = place_of(data.source, revision=data.revision).parts
    subsets = sorted(parts.subsets, key=lambda subset: subset != parts.default)
    return {subset: list(parts.subsets[subset]) for subset in subsets}


def content_key(data: DataSection, *, seed: int = SEED) -> str:
    """A hex digest that changes when other rows are read; the names of files are no part of it. Raises DataError."""
    told: list[object] = [_WAY_OF_READING, parse_split(data.split)[1].text, data.mix_weights, data.mix_counts]
    told.append(seed if shares_of_mix(data) else None)
    told.extend([[suffix_of(file.name), _digest(file)] for file in source.files] for source in _sources(data))
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()


def _digest(file: Input) -> str:
    if file.path is None:
        return file.version
    try:
        with file.path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise DataError(f"{file.name} cannot be read: {error.strerror}") from None


def _sources(data: DataSection) -> list[Source]:
    """All sources with their files, no two of them with the same name. Raises DataError."""
    split, part = parse_split(data.split)
    shares_of_mix(data)  # says what is wrong with the numbers before anything is opened
    files = [_files(name, data, split, part.text) for name in sources_of(data)]
    times = Counter(file.name for inputs in files for file in inputs)
    return [
        Source(
            name, [file if times[file.name] == 1 else replace(file, name=f"{file.name} of {name}") for file in inputs], part
        )
        for name, inputs in zip(sources_of(data), files, strict=True)
    ]


def _files(name: str, data: DataSection, split: str, sliced: str) -> list[Input]:
    """The files of one source that are read. Raises DataError."""
    is_first = name == data.source
    place = place_of(name, revision=data.revision if is_first else None, streaming=data.streaming)
    splits = choose_subset(place.parts, _subset(place, data.subset, is_first), name)
    return [place.open(file) for file in choose_split(splits, split, sliced, name)]


def _subset(place: Place, wanted: str | None, is_first: bool) -> str | None:
    """Of further sources only those have the wanted subset that have subsets at all; so have files of this machine."""
    subsets = place.parts.subsets
    return None if len(subsets) == 1 and wanted not in subsets and not is_first else wanted


def _rows(sources: Sequence[Source]) -> list[Iterator[Sourced]]:
    """The rows of each source, with the place of the source among all."""
    return [zip(repeat(place), source.rows()) for place, source in enumerate(sources)]


def _numbered(rows: Iterator[Sourced]) -> Generator[Record, None, None]:
    for number, (source, (name, found)) in enumerate(rows, 1):
        yield Record(number, f"{name}, {found.where}", found.row, found.problem, source)
