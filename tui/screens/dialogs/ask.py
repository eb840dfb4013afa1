"""A question with two answers, and a text to be read."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.widgets import Button, Label, Static

from tui.screens.dialogs.base import Dialog
from tui.widgets.foreign import foreign


class AskDialog(Dialog[bool]):
    """Asks before something is done that cannot be undone; Escape means no."""

    HELP = (
        "Something that cannot be undone, or that costs something: Enter presses the button that is marked, tab goes "
        "to the other one, Escape means no."
    )
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss(False)", "No", show=False)]

    def __init__(self, question: str, yes: str, no: str = "Cancel") -> None:
        super().__init__()
        self.question, self.yes, self.no = question, yes, no

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Static(foreign(self.question), markup=False)
            with Horizontal(classes="buttons"):
                yield Button(self.no, id="no", compact=True)
                yield Button(self.yes, id="yes", variant="primary", compact=True)

    def on_button_pressed(self, event: Button.Pressed) -> None:
        self.dismiss(event.button.id == "yes")


class TextDialog(Dialog[None]):
    """Shows a text until it is closed."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q,enter,f1", "dismiss", "Close", show=False)]

    def __init__(self, title: str, text: str) -> None:
        super().__init__()
        self.heading, self.text = title, text

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Label(self.heading, classes="section", markup=False)
            with VerticalScroll():
                yield Static(foreign(self.text), markup=False)
            yield Label("Escape closes", classes="hint")
