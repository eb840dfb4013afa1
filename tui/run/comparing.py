"""Runs beside each other: the settings in which they differ, what came of them, and what their models say."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from tui import words
from tui.run.changeable import as_changed
from tui.run.events import Voice
from tui.run.folder import RunFolder
from tui.run.state import RunState, exact_share, form_share
from tui.run.watcher import read_state
from tui.session import file
from tui.session.diff import LEFT_OUT
from tui.session.fields import form_fields
from tui.session.schema import Session
from tui.session.text import to_look_at

MAX_RUNS = 6
"""More curves than this cannot be told apart."""


@dataclass(frozen=True)
class Compared:
    """One of the runs that are compared."""

    name: str
    session: Session
    state: RunState


@dataclass(frozen=True)
class Line:
    """Something of every run, in their order."""

    title: str
    values: tuple[str, ...]


def read_run(folder: RunFolder) -> Compared:
    """A run to compare; one whose session is damaged has the defaults. Reads its files."""
    try:
        session = file.load(folder.session)
    except file.SessionError:
        session = Session()
    state = read_state(folder)
    return Compared(folder.name, as_changed(session, state.changes), state)


def settings(runs: Sequence[Compared]) -> list[Line]:
    """The settings that are not the same in all of these runs, in the order of the session file."""
    lines = [
        Line(spec.title, tuple(to_look_at(spec.value_in(run.session), spec) or LEFT_OUT for run in runs))
        for spec in form_fields(Session)
    ]
    return [line for line in lines if len(set(line.values)) > 1]


def figures(runs: Sequence[Compared]) -> list[Line]:
    """What came of each run, in numbers."""
    lines = [
        Line("state", tuple(run.state.status for run in runs)),
        Line("updates", tuple(str(run.state.last_step.step) if run.state.last_step else "–" for run in runs)),
        Line("last loss", tuple(_loss([it.loss for it in run.state.steps][-1:]) for run in runs)),
        Line("lowest held-out loss", tuple(_loss([it.loss for it in run.state.evaluations]) for run in runs)),
        Line("length", tuple(words.seconds(_length(run.state)) for run in runs)),
        Line("tokens a second", tuple(words.count(run.state.tokens_per_s) for run in runs)),
        Line("peak memory", tuple(words.size(_peak(run.state)) for run in runs)),
        Line("exactly right, base", tuple(_exact(run, "base") for run in runs)),
        Line("exactly right, tuned", tuple(_exact(run, "tuned") for run in runs)),
        Line("in the right form, tuned", tuple(_form(run) for run in runs)),
    ]
    return [line for line in lines if set(line.values) != {"–"}]


def samples(runs: Sequence[Compared]) -> list[Line]:
    """What the tuned models say to the same prompts: the last sample of each, and the held-out prompts."""
    said: dict[str, list[str]] = {}
    for at, run in enumerate(runs):
        for sample in run.state.samples:  # a later one of the same prompt takes the place of an earlier one
            said.setdefault(sample.prompt, ["–"] * len(runs))[at] = sample.answer
        for row in run.state.compared:
            said.setdefault(row.prompt, ["–"] * len(runs))[at] = row.tuned
    return [Line(prompt, tuple(answers)) for prompt, answers in said.items()]


def _loss(losses: Sequence[float]) -> str:
    finite = [loss for loss in losses if math.isfinite(loss)]
    return f"{min(finite):.4f}" if finite else "–"


def _length(state: RunState) -> float | None:
    return state.worked_s if state.started else None


def _peak(state: RunState) -> int | None:
    return max((step.peak_memory_bytes for step in state.steps), default=0) or None


def _exact(run: Compared, voice: Voice) -> str:
    return words.share(exact_share(run.state.compared, voice)) if run.state.compared else "–"


def _form(run: Compared) -> str:
    pattern = run.session.evaluation.answer_pattern
    return words.share(form_share(run.state.compared, "tuned", pattern)) if pattern and run.state.compared else "–"
