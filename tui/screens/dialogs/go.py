"""Goes to a place by one letter: for terminals without function keys."""

from __future__ import annotations

from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import Label, Static

from tui.screens.dialogs.base import Dialog
from tui.widgets.place_bar import PLACES


class GoDialog(Dialog[str | None]):
    """Answers with the mode of a place, or None."""

    HELP = "The first letter of a place goes there."
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss", "Stay", show=False)]

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Label("Go to", classes="section")
            yield Static("\n".join(f"{it.mode[0]}  {it.title:6} {it.help}" for it in PLACES), markup=False)
            yield Label(
                "Alt with a digit does what the function key does: alt+2 is F2. ctrl+p finds everything.", classes="hint"
            )

    def on_key(self, event: events.Key) -> None:
        for place in PLACES:
            if event.key in (place.mode[0], place.key.removeprefix("f")):
                event.stop()
                self.dismiss(place.mode)
