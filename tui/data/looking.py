"""A first look at a dataset: some rows and how they are read, without fetching or reading much."""

from __future__ import annotations

from dataclasses import replace

from tui.data.detect import detect
from tui.data.opening import first_records
from tui.data.readers.places import is_hub_name
from tui.data.reading import Reading
from tui.data.records import DataError, Record
from tui.session.sections.data import DataSection

SAMPLE_ROWS = 200


def without_fetching(data: DataSection) -> DataSection:
    """The same data with hub datasets read over the network as far as needed, instead of downloaded whole."""
    return data if data.streaming else data.model_copy(update={"streaming": True})


def sample_of(data: DataSection) -> list[Record]:
    """The first rows. Raises DataError."""
    return first_records(without_fetching(data), SAMPLE_ROWS)


def each_source(data: DataSection) -> list[DataSection]:
    """The same data with one source at a time."""
    alone = {"more_sources": (), "mix_weights": (), "mix_counts": ()}
    return [
        data.model_copy(update=alone | {"source": source, "revision": None if at else data.revision})
        for at, source in enumerate(data.sources)
    ]


def is_here(data: DataSection) -> bool:
    """Whether all of it lies on this machine, so that it can be counted and read without a network."""
    return not any(is_hub_name(source) for source in data.sources)


def reading_of(data: DataSection) -> Reading:
    """How the rows are read, each source by itself. Raises DataError."""
    readings = [reading_of_sample(sample_of(one), one) for one in each_source(data) or [data]]
    first = readings[0]
    alike = all(_essence(reading) == _essence(first) for reading in readings)
    return first if alike else replace(first, further=tuple(readings[1:]))


def holds_texts(data: DataSection) -> bool:
    """Whether what is learned are texts as they stand, without turns; unknown where the rows are gone, and then False."""
    if data.format != "auto" or data.text is not None:
        return data.format in ("text", "auto")  # with a prompt template, auto means text
    try:
        return reading_of(data).format == "text"
    except DataError:
        return False


def _essence(reading: Reading) -> Reading:
    """How something is read, without how that was found out."""
    return replace(reading, reason="", confidence=1, share=1, speakers=(), others=())


def reading_of_sample(sample: list[Record], data: DataSection) -> Reading:
    """How the rows are read, from some of them. Raises DataError."""
    rows = [record.row for record in sample if record.row is not None]
    bad = next((f"{record.place}: {record.problem}" for record in sample if record.row is None), "")
    if not rows:
        raise DataError(bad)
    try:
        return detect(rows, data)
    except DataError as error:
        raise DataError(f"{error}; {bad}", error.mend) if bad else error from None
