"""The data of a session as the rows of tokens that a model is trained on and measured on."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from datasets import Dataset
from pydantic import TypeAdapter, ValidationError

from tui.data.converting import converter, examples
from tui.data.examples import Example
from tui.data.looking import reading_of
from tui.data.opening import content_key, count_rows, files_of, iterate_records
from tui.data.records import DataError
from tui.data.token_report import TokenReport
from tui.engine import token_cache
from tui.engine.held_out import held_out_groups, held_out_rows, seed_of
from tui.engine.processes import in_processes, processes_for
from tui.engine.token_table import Tokeniser, TokenWriter, batches
from tui.engine.token_tally import Tally
from tui.engine.tokenising import Tokens
from tui.session.schema import Session
from tui.session.sections.data import DataSection

Progress = Callable[[int, int | None, float], None]
"""Told now and then: rows done, rows in all where that is known, tokens a second."""

TOLD_EVERY_S = 0.5
_REPORT = TypeAdapter(TokenReport)


@dataclass(frozen=True)
class Tokenised:
    """A dataset in tokens."""

    rows: Dataset
    """Columns ``input_ids`` and ``labels``, and ``example``: the number of the record that a row comes from, from 0."""
    report: TokenReport
    """About all of the dataset, also where this is only a part of it."""
    folder: Path
    """Where it is kept; ``examples.arrow`` there has one row for each example, see `tui.engine.token_table.EXAMPLES`."""
    cached: bool
    """Whether it was there already."""

    @property
    def examples(self) -> pa.Table:
        """What is known of each example."""
        return pa.ipc.open_stream(pa.memory_map(str(self.folder / "examples.arrow"))).read_all()


@dataclass(frozen=True)
class Split:
    """What is trained on, and what is not."""

    train: Tokenised
    held_out: Tokenised | None
    held_out_rows: frozenset[int] = frozenset()
    """Which records of the training data are held out, counted from 0; none when there is a file of its own for that."""


def read_split(
    session: Session,
    tokenizer: Any,
    *,
    progress: Progress | None = None,
    cancelled: Callable[[], bool] = lambda: False,
) -> Split:
    """The tokens of a session: all of its data, with a file or a part of it held out. Raises DataError and Cancelled."""
    evaluation = session.evaluation
    whole = tokenise(session, tokenizer, progress=progress, cancelled=cancelled)
    if evaluation.source:
        apart = tokenise(session, tokenizer, session.held_out_data, progress=progress, cancelled=cancelled)
        return Split(_learnable(whole, "the training data"), _learnable(apart, "the held-out data"))
    if not evaluation.fraction and not evaluation.count:
        return Split(_learnable(whole, "the training data"), None)
    found = whole.examples
    numbers = found.column("example").to_numpy()
    if evaluation.group_column is not None:
        chosen = held_out_groups(found.column("group").to_numpy(), session)
    else:
        chosen = held_out_rows(len(numbers), session)
    held_out = numbers[sorted(chosen)]
    is_held_out = np.isin(whole.rows.data.column("example").to_numpy(), held_out)
    return Split(
        _learnable(_part(whole, ~is_held_out), "the training data"),
        _learnable(_part(whole, is_held_out), "the held-out data"),
        frozenset(held_out.tolist()),
    )


def tokenise(
    session: Session,
    tokenizer: Any,
    data: DataSection | None = None,
    *,
    progress: Progress | None = None,
    cancelled: Callable[[], bool] = lambda: False,
) -> Tokenised:
    """All of a dataset in tokens, made now or found again: the session's, or another. Raises DataError and Cancelled."""
    groups = session.evaluation.group_column if data is None else None
    data = data or session.data
    seed = seed_of(session)
    tokens = Tokens(tokenizer, data, session.model.max_seq_length)
    reading = reading_of(data)
    work = Tokeniser(tokens, converter(reading, data), groups)

    def make(place: Path) -> None:
        before = _stamps(data)
        tally = Tally(tokens)
        pieces = in_processes(
            work, batches(iterate_records(data, seed=seed)), processes_for(session.training.dataset_num_proc), cancelled
        )
        tell = _teller(progress, tally, data)
        with TokenWriter(place) as writer:
            for batch in pieces:
                if batch.problems and not data.skip_bad_rows:
                    raise batch.problems[0]
                writer.write(batch)
                tally.add(batch)
                tell()
        if changed := before ^ _stamps(data):
            raise DataError(f"{min(changed)[0]} was changed while it was read; start again")
        (place / "report.json").write_bytes(_REPORT.dump_json(tally.report()))

    key = token_cache.key_of(content_key(data, seed=seed), reading, tokens, groups)
    place, cached = token_cache.kept(key, make, lambda place: _opened(place) is not None)
    opened = _opened(place)
    if opened is None:
        raise DataError(f"{place} was damaged while it was made; remove it and start again")
    return Tokenised(*opened, place, cached)


def iterate_prompts(session: Session, split: Split) -> Iterator[Example]:
    """The held-out examples that ask something and know the answer. Raises DataError."""
    data = session.held_out_data or session.data
    for record, found in examples(iterate_records(data, seed=seed_of(session)), reading_of(data), data):
        is_held_out = session.evaluation.source or record.number - 1 in split.held_out_rows
        if is_held_out and isinstance(found, Example) and found.prompt and found.answer:
            yield found


def _part(whole: Tokenised, chosen: np.ndarray) -> Tokenised:
    return replace(whole, rows=whole.rows.select(np.flatnonzero(chosen), keep_in_memory=True))


def _learnable(part: Tokenised, what: str) -> Tokenised:
    """Raises DataError when there is nothing to learn in it."""
    if len(part.rows):
        return part
    report = part.report
    if report.too_long == report.examples:
        reason = f"every example is longer than model.max_seq_length, which is {report.max_seq_length}"
    elif report.too_long > report.examples / 2:
        reason = f"most examples are cut off before their first answer, at model.max_seq_length = {report.max_seq_length}"
    else:
        reason = "no answer was found in any example; data.response_part names the text before each answer"
    raise DataError(f"after masking the questions nothing is left to learn in {what}: {reason}")


def _opened(place: Path) -> tuple[Dataset, TokenReport] | None:
    """The rows and the report that are kept in a folder; None when they are damaged."""
    try:
        report = _REPORT.validate_json((place / "report.json").read_bytes())
        rows = Dataset.from_file(str(place / "tokens.arrow"))
        pa.ipc.open_stream(pa.memory_map(str(place / "examples.arrow"))).close()
    except (OSError, ValueError, ValidationError, pa.ArrowException):
        return None
    return (rows, report) if len(rows) == report.training_rows else None


def _stamps(data: DataSection) -> set[tuple[Path, int, int]]:
    stats = [(path, path.stat()) for path in files_of(data)]
    return {(path, stat.st_mtime_ns, stat.st_size) for path, stat in stats}


def _teller(progress: Progress | None, tally: Tally, data: DataSection) -> Callable[[], None]:
    """What tells how far it is, not too often."""
    if progress is None:
        return lambda: None
    total: int | None = count_rows(data)
    began = told = time.monotonic()

    def tell() -> None:
        nonlocal told
        now = time.monotonic()
        if now - told >= TOLD_EVERY_S:
            told = now
            progress(tally.done, total, tally.sums["tokens"] / (now - began))

    return tell
