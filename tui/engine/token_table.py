"""Records of a dataset to columns of tokens, batch by batch, and onto the disk."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from itertools import chain
from pathlib import Path
from types import TracebackType
from typing import Any, get_args

import numpy as np
import pyarrow as pa

from tui.data.examples import Example
from tui.data.records import DataError, Record, Row
from tui.data.token_report import Part
from tui.engine.masking import IGNORED
from tui.engine.tokenising import Encoded, Tokens

BATCH = 1000
"""Records that are tokenised together."""
BATCH_BYTES = 4 << 20
"""About so many characters end a batch too, so that a cancelled one is over soon."""

ROWS = pa.schema([("example", pa.int64()), ("input_ids", pa.list_(pa.int32())), ("labels", pa.list_(pa.int32()))])
"""What the trainer gets; `example` is the number of the record, from 0."""
EXAMPLES = pa.schema(
    [
        ("example", pa.int64()),
        ("group", pa.int64()),
        ("tokens", pa.int32()),  # before anything is cut
        ("kept", pa.int32()),
        ("learned", pa.int32()),
        ("rows", pa.int32()),
        ("double_bos", pa.bool_()),
        ("end_present", pa.bool_()),
        ("end_learned", pa.bool_()),
        ("tools_unwritten", pa.bool_()),
        ("calls_unwritten", pa.bool_()),
        ("thoughts_unwritten", pa.bool_()),
    ]
)
"""One row for each record that is an example, also those that the trainer does not get."""


@dataclass(frozen=True)
class Batch:
    """What came of some records."""

    rows: pa.RecordBatch
    examples: pa.RecordBatch
    problems: list[DataError]
    """Of the records that are no example, each with its place, in their order."""


@dataclass(frozen=True)
class Tokeniser:
    """Everything that makes a batch of some records; it can be called in another process."""

    tokens: Tokens
    convert: Callable[[Record], Example]
    group_column: str | None = None

    def __call__(self, records: Sequence[Record]) -> Batch:
        """Raises DataError where none of the records can be an example."""
        problems: dict[int, DataError] = {}
        good: list[tuple[int, int]] = []
        examples: list[Example] = []
        for record in records:
            try:
                examples.append(self.convert(record))
                good.append((record.number - 1, self._group(record.row or {})))
            except DataError as error:
                del examples[len(good) :]
                problems[record.number - 1] = error
        encoded: list[tuple[int, int, Encoded]] = []
        for (number, group), made in zip(good, self.tokens.encode_all(examples), strict=True):
            if isinstance(made, DataError):
                problems[number] = made
            else:
                encoded.append((number, group, made))
        found = [(record.place, problems.get(record.number - 1)) for record in records]
        return self._batch(encoded, [DataError(f"{place}: {error}", error.mend) for place, error in found if error])

    def _group(self, row: Row) -> int:
        """A number for the value by which rows are held out together. Raises DataError without one."""
        if self.group_column is None:
            return 0
        if self.group_column not in row:
            raise DataError(
                f"there is no column {self.group_column!r}, by which rows are held out (evaluation.group_column)"
            )
        return int.from_bytes(blake2b(repr(row[self.group_column]).encode(), digest_size=8).digest(), "big", signed=True)

    def _batch(self, encoded: list[tuple[int, int, Encoded]], problems: list[DataError]) -> Batch:
        rows = [(at, *row) for at, (_, _, one) in enumerate(encoded) for row in self.tokens.rows_of(one)]
        owner = np.array([at for at, _, _ in rows], np.int64)
        ids, offsets = _flat([ids for _, ids, _ in rows])
        labels, _ = _flat([labels for _, _, labels in rows])
        learned = _sums(labels != IGNORED, offsets)
        useful = learned > 0
        inner = self.tokens.inner
        end = -1 if inner.eos_token_id is None else inner.eos_token_id
        begin = np.array(
            [inner.bos_token_id is not None and row[:2] == [inner.bos_token_id] * 2 for _, row, _ in rows], bool
        )
        count = len(encoded)

        def total(values: np.ndarray, chosen: np.ndarray = useful) -> np.ndarray:
            return np.bincount(owner[chosen], weights=values[chosen], minlength=count).astype(np.int64)

        numbers = np.array([number for number, _, _ in encoded], np.int64)
        examples = {
            "example": numbers,
            "group": np.array([group for _, group, _ in encoded], np.int64),
            "tokens": np.array([len(one.ids) for _, _, one in encoded], np.int32),
            "kept": total(np.diff(offsets)),
            "learned": total(learned),
            "rows": total(np.ones(len(rows))),
            "double_bos": total(begin) > 0,
            "end_present": total(_sums(ids == end, offsets)) > 0,
            "end_learned": total(_sums(labels == end, offsets)) > 0,
        }
        for part in get_args(Part):
            examples[f"{part}_unwritten"] = np.array([part in one.unwritten for _, _, one in encoded], bool)
        table = pa.record_batch(
            [numbers[owner], pa.ListArray.from_arrays(offsets, ids), pa.ListArray.from_arrays(offsets, labels)], schema=ROWS
        )
        return Batch(
            table if useful.all() else table.filter(pa.array(useful)),
            pa.record_batch([pa.array(examples[name.name], name.type) for name in EXAMPLES], schema=EXAMPLES),
            problems,
        )


class TokenWriter:
    """Writes batches to a folder, as ``tokens.arrow`` and ``examples.arrow``."""

    def __init__(self, folder: Path) -> None:
        self._rows = pa.ipc.new_stream(str(folder / "tokens.arrow"), ROWS)
        self._examples = pa.ipc.new_stream(str(folder / "examples.arrow"), EXAMPLES)

    def __enter__(self) -> TokenWriter:
        return self

    def write(self, batch: Batch) -> None:
        """Raises OSError, as when the disk is full."""
        if batch.rows.num_rows:
            self._rows.write_batch(batch.rows)
        self._examples.write_batch(batch.examples)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._rows.close()
        self._examples.close()


def batches(records: Iterable[Record]) -> Iterator[list[Record]]:
    """Records that are tokenised together: many short ones, or few long ones."""
    batch: list[Record] = []
    size = 0
    for record in records:
        batch.append(record)
        size += _size(record.row)
        if len(batch) == BATCH or size >= BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _size(value: Any, depth: int = 4) -> int:
    """About how many characters there are in a row; what lies deeper than turns do is not counted."""
    if isinstance(value, str):
        return len(value)
    inner: Iterable[Any] = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    if not depth or (isinstance(value, list) and value and isinstance(value[0], int)):
        return len(value) if isinstance(value, list) else 0
    return sum(_size(one, depth - 1) for one in inner)


def _flat(rows: list[list[int]]) -> tuple[np.ndarray, np.ndarray]:
    """The numbers of all rows one after the other, and where each row begins, with the end of the last."""
    offsets = np.zeros(len(rows) + 1, np.int32)
    np.cumsum([len(row) for row in rows], out=offsets[1:])
    return np.fromiter(chain.from_iterable(rows), np.int32, int(offsets[-1])), offsets


def _sums(values: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """The sum of the values of each row."""
    sums: np.ndarray = np.concatenate(([0], np.cumsum(values, dtype=np.int64)))
    found: np.ndarray = sums[offsets[1:]] - sums[offsets[:-1]]
    return found
