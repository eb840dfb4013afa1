"""Measures which settings train the session fastest here: what will be done, how far it is, what was found, what to take."""

from __future__ import annotations

from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.getters import query_one
from textual.widgets import Button, DataTable, Label, Static

from tui.run.events import Values
from tui.run.fit_table import COLUMNS, LEGEND, NUMBERS, cells, ordered, outcome_of, sentences
from tui.run.fitter import Fitter
from tui.screens.dialogs.base import Dialog
from tui.session.schema import Session
from tui.widgets.foreign import cell, foreign, plain
from tui.widgets.progress import Progress

REFRESH_S = 0.2
NARROW = (0, 2, 3, 6, 1)
"""Which columns are shown where not all have room, in this order."""
WIDE_FROM = 120
BEFORE = """\
A few real updates of this session are trained with each setting that promises to be faster: other portions of the same \
update, less that is recomputed, the weights in 4 and in 16 bits, packed rows. The longest rows come first, so that what \
has room here has room in the training. Nothing that is learned is kept.

It takes about three minutes once the model is loaded, and can be stopped at any time with the best so far."""
HINTS = {
    "before": "Enter measures, Escape closes",
    "measuring": "x stops with the best so far; s and f take an answer over; Escape closes",
    "after": "s and f take an answer over, ctrl+z takes it back; Escape closes",
}


class FitDialog(Dialog[Values | None]):
    """Measures in an engine of its own, which ends with the dialog; gives what is to change in the session, or None."""

    HELP = (
        "Tries batches, precisions and ways to save memory on this GPU, a few updates each, and offers the fastest "
        "that fit: one with the same mathematics as the session, one that may differ."
    )
    CSS_PATH = "fit.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", "Close", show=False),
        Binding("x", "stop", "Stop", show=False),
        Binding("s", "take('same')", "The same mathematics", show=False),
        Binding("f", "take('fastest')", "The fastest", show=False),
    ]

    told = query_one("#told", Static)
    bar = query_one("#bar", Progress)
    table = query_one("#trials", DataTable)
    answers = query_one("#answers", Static)

    def __init__(self, session: Session, hindrance: str = "") -> None:
        """`hindrance` says why nothing can be measured now; empty where nothing is in the way."""
        super().__init__()
        self.session, self.hindrance = session, hindrance
        self.fitter: Fitter | None = None
        self.stopping = False

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Label("The fastest settings for this session", classes="section")
            yield Static(foreign(self.hindrance or BEFORE), id="told", markup=False)
            yield Progress(id="bar")
            yield DataTable(id="trials", cursor_type="none", zebra_stripes=True, show_header=False)
            yield Static("", id="answers", markup=False)
            with Horizontal(classes="buttons"):
                yield Button("Stop", id="stop", compact=True)
                yield Button("Close", id="close", compact=True)
                yield Button("Take the same mathematics", id="same", compact=True, disabled=True)
                yield Button("Take the fastest", id="fastest", compact=True, disabled=True)
                yield Button("Measure", id="go", variant="primary", compact=True, disabled=bool(self.hindrance))
            yield Label("", id="hint", classes="hint", markup=False)

    def on_mount(self) -> None:
        self.show_stage("before")
        self.query_one("#close" if self.hindrance else "#go", Button).focus()

    def on_unmount(self) -> None:
        if self.fitter:
            self.fitter.close()

    # ---- what is done

    def on_button_pressed(self, event: Button.Pressed) -> None:
        match event.button.id:
            case "go":
                self.measure()
            case "stop":
                self.action_stop()
            case "same" | "fastest" as answer:
                self.action_take(answer)
            case _:
                self.dismiss(None)

    def measure(self) -> None:
        """Start the engine and look at it from now on."""
        try:
            self.fitter = Fitter(self.session)
        except OSError as error:
            self.notify(plain(str(error)), severity="error", markup=False)
            return
        self.show_stage("measuring")
        self.query_one("#stop", Button).focus()
        self.set_interval(REFRESH_S, self.refresh_found)

    def action_stop(self) -> None:
        """End with the best so far."""
        if self.fitter and not self.fitter.told.done:
            try:
                self.fitter.stop()
            except OSError as error:
                self.notify(plain(str(error)), severity="error", markup=False)
            else:
                self.stopping = True

    def action_take(self, answer: str) -> None:
        """Close, and change the session to one of the answers."""
        trial = getattr(outcome_of(self.fitter.told), answer) if self.fitter else None
        if trial:
            self.dismiss(dict(trial.changes))
        elif self.fitter and self.fitter.told.trials:
            self.notify("the session as it is is as good" if self.fitter.told.done else "nothing better was found yet")

    # ---- what is shown

    def show_stage(self, stage: str) -> None:
        """``before``, ``measuring`` or ``after``: which widgets there are, and what the keys do."""
        for name in ("before", "measuring", "after"):
            self.set_class(name == stage, f"-{name}")
        self.query_one("#hint", Label).update(HINTS[stage])

    def refresh_found(self) -> None:
        """Take in what came, and draw it."""
        if self.fitter is None or self.has_class("-after"):
            return
        before, told = self.fitter.told, self.fitter.drain()
        self.show_progress()
        if told.trials != before.trials or told.done:
            self.show_found()
        if told.done:
            self.show_stage("after")
            ended = f"measured on {told.device}" if told.trials else "it ended before anything was measured"
            self.told.update(foreign(told.error or ended))
            buttons = (self.query_one(f"#{name}", Button) for name in ("same", "fastest", "close"))
            next(button for button in buttons if not button.disabled).focus()

    def show_progress(self) -> None:
        """What is being done, and how far it is."""
        assert self.fitter
        told, phase = self.fitter.told, self.fitter.phase
        measuring = phase.phase == "training"
        doing = f"measuring: {told.text}" if measuring else phase.text
        self.told.update(foreign("stopping after this update …" if self.stopping else doing))
        self.bar.show(told.fraction if measuring else phase.fraction)

    def show_found(self) -> None:
        """The table and the answers."""
        assert self.fitter
        told = self.fitter.told
        outcome = outcome_of(told)
        rows = [cells(trial, told, outcome) for trial in ordered(told)]
        room = range(len(COLUMNS)) if self.app.size.width >= WIDE_FROM else NARROW
        known = [at for at in room if any(row[at] for row in rows)]
        self.table.show_header = bool(rows)
        self.table.clear(columns=True)
        self.table.add_columns(*(_aligned(COLUMNS[at], at) for at in known))
        for row in rows:
            self.table.add_row(*(_aligned(row[at], at) for at in known))
        for name, trial in vars(outcome).items():
            self.query_one(f"#{name}", Button).disabled = trial is None
        self.answers.update(foreign("\n".join([LEGEND, *sentences(told)]) if told.trials else ""))


def _aligned(text: str, column: int) -> Text:
    """A cell of a column of `COLUMNS`: numbers on the right."""
    shown = cell(text)
    shown.justify = "right" if column in NUMBERS else "left"
    return shown
