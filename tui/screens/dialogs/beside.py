"""Asks what becomes of a session that is started while a run is at work."""

from __future__ import annotations

from typing import ClassVar, Literal

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.widgets import Button, Static

from tui.screens.dialogs.base import Dialog
from tui.widgets.foreign import foreign

Answer = Literal["", "queue", "beside"]


class BesideDialog(Dialog[Answer]):
    """Behind the run in the queue, or beside it; Escape means neither."""

    HELP = (
        "Two runs on one GPU share its memory and are each slower. One that waits for its turn is started by itself when a "
        "GPU is free, with this window or without it; Runs (F7) shows and changes the order."
    )
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss('')", "Cancel", show=False)]

    def __init__(self, running: str) -> None:
        super().__init__()
        self.running = running

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Static(foreign(f"{self.running} is still running. When is this session trained?"), markup=False)
            with Horizontal(classes="buttons"):
                yield Button("Cancel", id="cancel", compact=True)
                yield Button("Beside it, now", id="beside", compact=True)
                yield Button("When its turn comes", id="queue", variant="primary", compact=True)

    def on_mount(self) -> None:
        self.query_one("#queue").focus()

    def on_button_pressed(self, event: Button.Pressed) -> None:
        answers: dict[str | None, Answer] = {"queue": "queue", "beside": "beside"}
        self.dismiss(answers.get(event.button.id, ""))
