"""Asks for a few numbers of a run: what is to change while it trains, or how long it is to go on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.widgets import Input, Label, Static

from tui.run.changeable import CHANGEABLE
from tui.run.state import RunState
from tui.screens.dialogs.base import Dialog
from tui.session import file
from tui.session.fields import fields_of, get_value
from tui.session.schema import Session
from tui.session.text import to_text
from tui.widgets.foreign import foreign

Numbers = dict[str, int | float]


@dataclass(frozen=True)
class Asked:
    """One number that can be typed."""

    key: str
    title: str
    value: int | float | None
    """What holds now; None where it is left open."""


class NumbersDialog(Dialog[Numbers]):
    """Answers with what was changed, by key; empty when nothing was."""

    HELP = "What is changed here holds from the next update on; the run remembers it, and its session file stays as it was."
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "leave", "Cancel", show=False)]

    def __init__(self, question: str, asked: list[Asked], session: Session, past: Callable[[], int]) -> None:
        """`past` tells how many updates have been done by now."""
        super().__init__()
        self.question, self.asked, self.session, self.past = question, asked, session, past

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Static(foreign(self.question), markup=False)
            for it in self.asked:
                with Horizontal(classes="number"):
                    yield Label(it.title)
                    yield Input(to_text(it.value), name=it.key, compact=True)
            yield Static("", classes="complaint", markup=False)
            yield Label("Enter takes it, Escape changes nothing", classes="hint")

    def action_leave(self) -> None:
        self.dismiss({})

    def on_input_submitted(self) -> None:
        typed = {str(entry.name): entry.value.strip() for entry in self.query(Input)}
        try:
            self.dismiss(changed(self.asked, typed, self.session, self.past()))
        except ValueError as error:
            self.query_one(".complaint", Static).update(foreign(str(error)))


def changed(asked: list[Asked], typed: dict[str, str], session: Session, past: int) -> Numbers:
    """What was typed and is another number than before. Raises ValueError with a sentence for what is not allowed."""
    values: Numbers = {}
    for it in asked:
        text = typed[it.key]
        if not text or text == to_text(it.value):
            continue
        try:
            values[it.key] = int(text) if text.isdecimal() else float(text)
        except ValueError:
            raise ValueError(f"{it.title}: should be a number") from None
    if not past < values.get("training.max_steps", past + 1):
        raise ValueError(f"{past} updates are done already: the number has to be larger")
    try:
        file.replace_values(session, dict(values))
    except file.SessionError as error:
        raise ValueError(str(error)) from None
    return values


def changeable(state: RunState, session: Session) -> list[Asked]:
    """Everything that may change while the run trains, with what holds now."""
    titles = {spec.key: spec.title for spec in fields_of(Session)}
    now = {key: value for change in state.changes for key, value in change.values.items()}
    asked = []
    for key in CHANGEABLE:
        value = now.get(key, get_value(session, key))
        if key == "training.max_steps" and value is None and state.plan:
            value = state.plan.steps
        if key not in now and _is_off(key, session):
            value = None
        asked.append(Asked(key, titles[key], value if isinstance(value, int | float) else None))
    return asked


def _is_off(key: str, session: Session) -> bool:
    """Whether the session has something happen by no number of updates."""
    return (key == "training.save_steps" and session.training.save_strategy != "steps") or (
        key == "evaluation.eval_steps" and session.evaluation.eval_strategy != "steps"
    )
