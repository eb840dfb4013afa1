"""Looks into a dataset for a window: one row as it is trained on, or everything there is."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, Any

from tui.data.converting import examples
from tui.data.examples import Example
from tui.data.findings import PLACES_KEPT, Lint
from tui.data.lint import lint
from tui.data.looking import reading_of
from tui.data.opening import iterate_records
from tui.data.records import DataError
from tui.data.token_findings import token_findings
from tui.data.token_report import TokenReport
from tui.engine import failures
from tui.engine.emit import Emit
from tui.run import events
from tui.run.commands import Inspect, Preview
from tui.session import file
from tui.session.schema import Session

if TYPE_CHECKING:
    import pyarrow as pa

    from tui.engine.dataset import Progress, Tokenised
    from tui.engine.tokenising import Encoded

IMPORTING = "importing Unsloth and PyTorch, which takes 10 to 30 seconds"
MOST_CHARACTERS = 50_000
MOST_PIECES = 20_000


def preview(job: Preview, emit: Emit) -> None:
    """Say what one row is. Raises DataError when there is no such row, and what loading a tokenizer raises."""
    session = file.parse(job.session)
    reading = reading_of(session.data)
    record = next(islice(iterate_records(session.data), job.row, None), None)
    if record is None:
        raise DataError(f"{session.data.source} has no row {job.row + 1}")
    found = next(examples([record], reading, session.data))[1]
    row = json.dumps(record.row, ensure_ascii=False, indent=1, default=str) if record.row is not None else ""
    told = events.Previewed(id=job.id, row=job.row, place=record.place, source=row[:MOST_CHARACTERS])
    if isinstance(found, DataError):
        emit(replace(told, error=str(found)))
        return
    told = replace(told, turns=tuple((who, said[:MOST_CHARACTERS]) for who, said in found.told))
    emit(_with_tokens(told, found, session, emit) if job.tokens and session.model.name else told)


def _with_tokens(told: events.Previewed, example: Example, session: Session, emit: Emit) -> events.Previewed:
    tokenizer = _tokenizer(session, emit)
    from tui.engine.tokenising import Tokens

    encoded = Tokens(tokenizer, session.data, session.model.max_seq_length).encode(example)
    emit(events.PhaseChanged(phase="ready"))
    pieces, marks = pieces_of(encoded, tokenizer)
    kept = encoded.labels[: encoded.cut_from]
    return replace(
        told,
        text=encoded.text[:MOST_CHARACTERS],
        tokens=len(encoded.ids),
        cut=len(encoded.ids) - len(kept),
        learned=sum(label != -100 for label in kept),
        pieces=tuple(pieces),
        marks=marks,
    )


def _tokenizer(session: Session, emit: Emit) -> Any:
    emit(events.PhaseChanged(phase="importing", text=IMPORTING))
    from tui.engine.loading import load_tokenizer

    emit(events.PhaseChanged(phase="loading", text="reading the tokenizer"))
    return load_tokenizer(session)


def pieces_of(encoded: Encoded, tokenizer: Any) -> tuple[list[str], str]:
    """The text of each token and its mark, as `Previewed` has them; tokens that are one character together are one piece."""
    special = set(tokenizer.all_special_ids) | {
        at for at, token in getattr(tokenizer, "added_tokens_decoder", {}).items() if token.special
    }
    pieces: list[str] = []
    marks = ""
    waiting: list[int] = []
    for at, id in enumerate(encoded.ids[:MOST_PIECES]):
        waiting.append(id)
        text = tokenizer.decode(waiting, skip_special_tokens=False, clean_up_tokenization_spaces=False)
        if text.endswith("\N{REPLACEMENT CHARACTER}") and len(waiting) < 4 and at + 1 < len(encoded.ids):
            continue
        pieces.append(text)
        marks += _mark(at, encoded, special=id in special)
        waiting = []
    return pieces, marks


def _mark(at: int, encoded: Encoded, *, special: bool) -> str:
    if encoded.cut_from is not None and at >= encoded.cut_from:
        return "X" if special else "x"
    if encoded.labels[at] != -100:
        return "L" if special else "l"
    return ":" if special else "."


def inspect(job: Inspect, emit: Emit, cancelled: Callable[[], bool]) -> None:
    """Look through all rows, then through their tokens when a model is chosen. Raises DataError."""
    session = file.parse(job.session)
    reading = reading_of(session.data)
    emit(events.PhaseChanged(phase="reading", text="looking through the rows"))

    def report(found: Lint) -> None:
        emit(events.Inspected(id=job.id, lint=found))

    held_out = session.held_out_data
    others = iterate_records(held_out) if held_out else ()
    found = lint(iterate_records(session.data), reading, session.data, others, report, cancelled=cancelled)
    told = events.Inspected(id=job.id, lint=found)
    if session.model.name and found.usable and not cancelled():
        emit(told)
        try:
            told = replace(told, tokens=_count_tokens(session, found, emit, cancelled))
        except Exception as error:  # what is known of the rows is worth having all the same
            told = replace(told, error=failures.explain(error).text)
    emit(events.PhaseChanged(phase="ready"))
    emit(replace(told, done=True))


def _count_tokens(session: Session, found: Lint, emit: Emit, cancelled: Callable[[], bool]) -> TokenReport | None:
    """What the tokens of all usable rows come to; None when somebody asked to stop."""
    tokenizer = _tokenizer(session, emit)
    from tui.engine.dataset import tokenise
    from tui.engine.processes import Cancelled

    if found.usable < found.rows:
        session = file.replace_value(session, "data.skip_bad_rows", True)
    try:
        made = tokenise(session, tokenizer, progress=telling(emit), cancelled=cancelled)
    except Cancelled:
        return None
    return replace(made.report, **_rows_of_note(made.examples, made.report.max_seq_length))


def _rows_of_note(known: pa.Table, max_seq_length: int) -> dict[str, Any]:
    """The rows that one wants to see, by their number counted from 1."""
    numbers, tokens = known.column("example").to_numpy() + 1, known.column("tokens").to_numpy()
    by_length = tokens.argsort(kind="stable")
    too_long = tokens > max_seq_length
    chosen = {
        "longest_rows": by_length[::-1],
        "shortest_rows": by_length,
        "too_long_rows": too_long.nonzero()[0],
        "nothing_to_learn_rows": (~too_long & (known.column("learned").to_numpy() == 0)).nonzero()[0],
    }
    return {name: tuple(numbers[places[:PLACES_KEPT]].tolist()) for name, places in chosen.items()}


def telling(emit: Emit) -> Progress:
    """What says how far the tokenising is."""

    def progress(done: int, total: int | None, tokens_per_s: float) -> None:
        text = f"tokenising, {done:,} rows, {tokens_per_s:,.0f} tokens/s"
        emit(events.PhaseChanged(phase="tokenising", text=text, fraction=done / total if total else None))

    return progress


def warnings_of(made: Tokenised) -> Iterator[events.Warned]:
    """What the owner of a run should know of its tokens: what is left out or cut off."""
    if made.report.bad_rows:
        text = f"{made.report.bad_rows:,} rows that cannot be read or used are left out"
        yield events.Warned(code="bad-rows", text=text, advice="unsloth-tui inspect names them")
    for finding in token_findings(made.report):
        yield events.Warned(code=finding.kind, text=f"{finding.title} ({finding.count:,})", advice=finding.advice)
