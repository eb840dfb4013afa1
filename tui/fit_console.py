"""Measuring settings without a window: progress on stderr, the table and the answers on stdout."""

from __future__ import annotations

import sys
import uuid
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Literal

from tui.console import plain, say, to_json
from tui.run import commands, events
from tui.run.fit_table import COLUMNS, LEGEND, NUMBERS, cells, ordered, outcome_of, sentences
from tui.run.process import send
from tui.run.talk import hear_fit, open_workbench
from tui.session import file
from tui.session.schema import Session

Answer = Literal["same", "fastest"]


def fit(session: Session, within_s: float, *, as_json: bool) -> events.Fitted:
    """Measure, and print what was found; Ctrl-C ends it with the best so far."""
    folder = open_workbench(session.model.device)
    wanted = commands.Fit(id=uuid.uuid4().hex, session=file.dumps(session), within_s=within_s)
    told = events.Fitted(id=wanted.id)
    send(folder, wanted)
    heard = hear_fit(folder, wanted)
    try:
        while not told.done:
            try:
                event = next(heard)
            except KeyboardInterrupt:
                say("ending, with the best so far")
                send(folder, commands.Cancel(id=wanted.id))
                heard = hear_fit(folder, wanted)
                continue
            match event:
                case events.Fitted():
                    if event.text and event.text != told.text:
                        say(f"{(event.fraction or 0):4.0%}  {event.text}")
                    told = event
                case events.PhaseChanged(text=text) if text:
                    say(text)
                case events.Failed(text=text) | events.EngineSeen(alive=False, reason=text):
                    told = replace(told, done=True, error=text)
    finally:
        send(folder, commands.Release())
    print_found(told, as_json=as_json)
    return told


def changes_of(told: events.Fitted, answer: Answer) -> dict[str, object]:
    """What an answer changes in the session; nothing where the session is as good."""
    trial = getattr(outcome_of(told), answer)
    return dict(trial.changes) if trial else {}


def print_found(told: events.Fitted, *, as_json: bool) -> None:
    """The table and the answers, or all of it as one JSON object."""
    if as_json:
        outcome = outcome_of(told)
        answers = {name: asdict(trial) if trial else None for name, trial in vars(outcome).items()}
        print(to_json({**asdict(told), **answers}))
        return
    outcome = outcome_of(told)
    if told.trials:
        print_table([COLUMNS, *(cells(trial, told, outcome) for trial in ordered(told))])
        say(LEGEND)
    for sentence in sentences(told):
        print(sentence, file=sys.stderr if told.error else sys.stdout)


def print_table(rows: Sequence[Sequence[str]]) -> None:
    """Rows with their columns aligned, numbers on the right."""
    widths = [max(len(row[at]) for row in rows) for at in range(len(rows[0]))]
    for row in rows:
        told = [
            f"{cell:>{width}}" if at in NUMBERS else f"{cell:{width}}"
            for at, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        print(plain("  ".join(told)).rstrip())
