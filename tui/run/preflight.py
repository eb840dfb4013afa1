"""Everything that is wrong with a session, found before anything heavy is loaded."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from tui.catalog.local import ModelCard, ModelError, is_path, read_model
from tui.data.mapping import Example, iterate_examples, shape_of
from tui.data.sources import DataError, count_rows
from tui.machine.gpu import GpuReading, computes_bfloat16, read_gpus
from tui.run import pace, programs
from tui.run.forecast import Ground
from tui.session.checks import check
from tui.session.facts import Facts
from tui.session.problem import Problem, advice
from tui.session.schema import Session

TURN_TOKENS = 12
"""What a chat template adds to a turn, about."""

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
    """Every problem of a session and of the things it names."""
    return investigate(session).all_problems(session)


def investigate(session: Session) -> Findings:
    """Look at the model folder, the files and the machine; takes up to some seconds on large files."""
    problems: list[Problem] = []
    card = _model(session, problems)
    adapter = _adapter(session, card, problems)
    rows = _data("data.source", session.data.source, session, problems)
    held_out = _data("evaluation.source", session.evaluation.source or "", session, problems)
    problems += programs.missing(session)
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
        from tui.catalog.hub import cached_card  # huggingface_hub costs a third of a second that others need not wait

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


def _adapter(session: Session, card: ModelCard | None, problems: list[Problem]) -> ModelCard | None:
    """The adapter that is continued from, if it belongs to the session's model."""
    name = session.lora.continue_from
    if not name:
        return None
    folder = Path(name).expanduser()
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
    return one == other or Path(one).expanduser().resolve() == Path(other).expanduser().resolve()


@dataclass(frozen=True)
class Rows:
    """What a look at a file has shown."""

    count: int
    conversations: bool
    longest_tokens: int | None
    """At most, of one row; None where not every row was looked at."""


def _data(key: str, source: str, session: Session, problems: list[Problem]) -> Rows | None:
    """What a file holds; what is wrong with the first of its rows is noted."""
    if not source:
        return None
    try:
        shape = shape_of(source, session.data.format)
        longest = max(map(_tokens_at_most, islice(iterate_examples(source, shape), ROWS_READ)), default=0)
        count = count_rows(source)
    except DataError as error:
        problems.append(Problem(key, str(error)))
        return None
    return Rows(count, shape.format != "text", longest if count <= ROWS_READ else None)


def _tokens_at_most(example: Example) -> int:
    """Three bytes a token are few in every language; a turn has some of its own besides."""
    turns = example.turns or (("", example.text),)
    return sum(len(content.encode(errors="replace")) // 3 + TURN_TOKENS for _, content in turns)


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
    yield from (session.model, session.data.source, session.data.format, session.evaluation.source)
    yield from (session.lora.continue_from, session.training.custom_loss, session.training.report_to)
    yield from (session.training.packing, session.export.kinds, session.run.notify)
