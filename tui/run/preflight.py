"""Everything that is wrong with a session, found before anything heavy is loaded."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice

from tui.catalog.local import ModelCard, ModelError, is_path, read_model
from tui.catalog.unsloth_templates import template_names
from tui.data.converting import examples
from tui.data.examples import Example
from tui.data.looking import is_here, reading_of
from tui.data.opening import count_rows, iterate_records
from tui.data.records import DataError
from tui.machine.gpu import computes_bfloat16, read_gpus
from tui.machine.readings import GpuReading
from tui.resources import expanded
from tui.run import pace, programs
from tui.run.forecast import Ground
from tui.session.checks import check
from tui.session.facts import Facts
from tui.session.problem import Problem, advice
from tui.session.schema import Session
from tui.session.sections.data import JINJA, DataSection

TURN_TOKENS = 12
"""What a chat template adds to a turn, about."""

SURE = 0.6
"""Readings below are worth a look."""
ROWS_READ = 10_000
"""So many rows of each file are read; the engine reads the rest when the run starts."""


@dataclass(frozen=True)
class Findings:
    """What a look at the files, the model and the machine of a session has shown."""

    facts: Facts = Facts()  # noqa: RUF009  (frozen)
    problems: tuple[Problem, ...] = ()
    """What is wrong with the things that the session names, rather than with the session."""
    ground: Ground = Ground()  # noqa: RUF009  (frozen)
    """What its memory can be forecast from."""

    def all_problems(self, session: Session) -> list[Problem]:
        """These and the session's own, blocking ones first."""
        found = [*check(session, self.facts), *self.problems, *self.ground.problems(session)]
        return sorted(found, key=lambda problem: not problem.blocking)


def preflight(session: Session) -> list[Problem]:
    """Every problem of a session that is to be trained here, and of the things it names."""
    found = investigate(session).all_problems(session)
    if session.cluster.nodes > 1:
        text = f"{session.cluster.nodes} machines train together only where they are given: unsloth-tui submit, or F10"
        found.insert(0, Problem("cluster.nodes", text, mend={"cluster.nodes": 1}))
    return found


def investigate(session: Session) -> Findings:
    """Look at the model folder, the files and the machine; takes up to some seconds on large files."""
    problems: list[Problem] = []
    card = _model(session, problems)
    adapter = _adapter(session, card, problems)
    rows = _data("data.source", session.data, problems)
    held_out = _data("evaluation.source", session.held_out_data, problems)
    problems += [*programs.missing(session), *_template(session), *_group(session, rows)]
    facts = Facts(
        examples=rows.count if rows else None,
        held_out_examples=held_out.count if held_out else None,
        conversations=rows.conversations if rows else None,
        context_length=card.context_length if card else None,
        parameters=card.parameters if card else None,
        has_chat_template=card.has_chat_template if card else None,
        linears=card.linears if card else {},
        adapter_parameters=adapter.parameters if adapter else None,
        gpus=_gpus(session),
        bfloat16=computes_bfloat16(_first_gpu(session)) if session.model.device != "cpu" else None,
        seconds_per_example=pace.seconds_per_example(session),
    )
    ground = Ground(
        shape=card.shape if card else None,
        longest_tokens=rows.longest_tokens if rows else None,
        gpu=_gpu(session),
    )
    return Findings(facts, tuple(problems), replace(ground, factor=pace.memory_factor(session, ground)))


def _model(session: Session, problems: list[Problem]) -> ModelCard | None:
    name = session.model.name
    if not name:
        return None
    if not is_path(name):
        if name.count("/") != 1 or any(not part for part in name.split("/")):
            problems.append(Problem("model.name", f"{name} is neither a folder here nor a name on the hub (owner/model)"))
            return None
        from tui.catalog.hub import (  # huggingface_hub costs a third of a second that others need not wait
            cached_card,
            may_be_on_hub,
        )

        if not may_be_on_hub(name):
            problems.append(Problem("model.name", f"{name} is no name on the hub (owner/model)"))
            return None
        return cached_card(name, session.model.revision)
    try:
        card = read_model(name)
    except ModelError as error:
        problems.append(Problem("model.name", str(error)))
        return None
    if card.adapter_of:
        text = f"{name} is an adapter; choose its base model {card.adapter_of}, and the adapter as lora.continue_from"
        mend = {"model.name": card.adapter_of, "lora.continue_from": name}
        problems.append(Problem("model.name", text, mend=mend))
        return None
    return card


def _template(session: Session) -> Iterator[Problem]:
    """What is wrong with the chat template that is named: a Jinja file, or one of Unsloth's."""
    key, wanted, known = "data.chat_template", session.data.chat_template, template_names()
    if wanted is None or wanted in known:
        return
    if wanted.endswith(JINJA):
        if not expanded(wanted).is_file():
            yield Problem(key, f"there is no file {wanted}")
    elif known:
        near = difflib.get_close_matches(wanted.lower(), known, 1)
        meant = f"did you mean {near[0]}? " if near else ""
        text = f"Unsloth has no chat template {wanted}; {meant}Known are {', '.join(known)}, and files that end in .jinja"
        yield Problem(key, text, mend={key: near[0] if near else None})


def _adapter(session: Session, card: ModelCard | None, problems: list[Problem]) -> ModelCard | None:
    """The adapter that is continued from, if it belongs to the session's model."""
    name = session.lora.continue_from
    if not name:
        return None
    folder = expanded(name)
    inside = folder / "adapter"
    try:
        adapter = read_model(str(inside if inside.is_dir() else folder))
    except ModelError as error:
        problems.append(Problem("lora.continue_from", str(error)))
        return None
    if not adapter.adapter_of:
        problems.append(Problem("lora.continue_from", f"{name} is a model, not an adapter"))
    elif card and not _same_model(adapter.adapter_of, card.name):
        text = f"this adapter belongs to {adapter.adapter_of}"
        problems.append(Problem("lora.continue_from", text, mend={"model.name": adapter.adapter_of}))
    elif not card and session.model.name and not _same_model(adapter.adapter_of, session.model.name):
        text = f"this adapter was made for {adapter.adapter_of}, which is what will be loaded"
        problems.append(advice("lora.continue_from", text, {"model.name": adapter.adapter_of}))
    return adapter


def _same_model(one: str, other: str) -> bool:
    return one == other or expanded(one).resolve() == expanded(other).resolve()


@dataclass(frozen=True)
class Rows:
    """What a look at a file has shown."""

    count: int | None
    """Those that can be used; None where they are not on this machine."""
    conversations: bool
    longest_tokens: int | None
    """At most, of one row; None where not every row was looked at."""
    columns: tuple[str, ...] = ()
    """Of the rows that were looked at; none where there are none to look at."""


def _data(key: str, data: DataSection | None, problems: list[Problem]) -> Rows | None:
    """What a dataset holds; what is wrong with it is noted."""
    if data is None or not data.source:
        return None
    try:
        reading = reading_of(data)
        if reading.confidence < SURE:
            text = f"is not sure: {reading.reason}; see on F3 (or by inspect) whether that is right"
            problems.append(advice("data.format", text, {"data.format": reading.format}))
        if not is_here(data):
            return Rows(None, reading.format not in ("text", "tokens"), None)
        count = count_rows(data)
        longest, bad = 0, []
        columns: dict[str, None] = {}
        for record, found in examples(islice(iterate_records(data), ROWS_READ), reading, data):
            columns |= dict.fromkeys(record.row or ())
            if isinstance(found, DataError):
                bad.append(f"{record.place}: {found}")
            else:
                longest = max(longest, _tokens_at_most(found))
    except DataError as error:
        problems.append(Problem(key, str(error), mend=error.mend))
        return None
    problems += _bad_rows(key, bad, min(count, ROWS_READ), data)
    most = longest if count <= ROWS_READ else None
    return Rows(count - len(bad), reading.format not in ("text", "tokens"), most, tuple(columns))


def _group(session: Session, rows: Rows | None) -> Iterator[Problem]:
    """The column by which rows are held out together has to be there."""
    key, wanted = "evaluation.group_column", session.evaluation.group_column
    if wanted and rows and rows.columns and wanted not in rows.columns:
        yield Problem(key, f"there is no column {wanted!r}; there are {', '.join(rows.columns)}", mend={key: None})


def _bad_rows(key: str, bad: list[str], rows: int, data: DataSection) -> Iterator[Problem]:
    if not bad:
        return
    told = bad[0] if len(bad) == 1 else f"{len(bad)} of {rows} rows cannot be used; the first: {bad[0]}"
    if len(bad) == rows:
        yield Problem(key, f"not one of {rows} rows can be used; the first: {bad[0]}" if rows > 1 else told)
    elif data.skip_bad_rows:
        yield advice(key, f"left out: {told}")
    else:
        yield Problem(key, told, mend={"data.skip_bad_rows": True})


def _tokens_at_most(example: Example) -> int:
    """Three bytes a token are few in every language; a turn has some of its own besides."""
    if example.tokens:
        return len(example.tokens)
    return sum(len(said.encode(errors="replace")) // 3 + TURN_TOKENS for _, said in example.told)


def _gpu(session: Session) -> GpuReading | None:
    """The GPU that the run would compute on."""
    gpus = read_gpus() if session.model.device != "cpu" else ()
    first = _first_gpu(session)
    return gpus[first] if first < len(gpus) else None


def _gpus(session: Session) -> int:
    here = len(read_gpus())
    device = session.model.device
    if device == "cpu":
        return 0
    return here if device == "auto" else min(here, len(device.split(",")))


def _first_gpu(session: Session) -> int:
    """The number of the first GPU that the run sees; 0 where it is told by its UUID."""
    first = session.model.device.partition(",")[0]
    return int(first) if first.isdecimal() and len(first) <= 6 else 0


def relevant(session: Session) -> Iterator[object]:
    """The values that `investigate` goes by: as long as they stay, it need not look again."""
    yield from (session.model, session.data, session.evaluation.source, session.evaluation.group_column)
    yield from (session.lora.continue_from, session.training.custom_loss, session.training.report_to)
    yield from (session.training.packing, session.export.kinds, session.run.notify)
