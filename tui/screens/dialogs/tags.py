"""Asks for the tags and notes of a run."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import Input, Label

from tui.run.labels import Labels
from tui.screens.dialogs.base import Dialog


class TagsDialog(Dialog[Labels | None]):
    """Two lines to fill in; Escape changes nothing."""

    HELP = "Words to find a run by, and notes on it. They belong to the run and change nothing in it."
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss(None)", "Cancel", show=False)]

    def __init__(self, name: str, labels: Labels) -> None:
        super().__init__()
        self.run_name, self.labels = name, labels

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Label(self.run_name, classes="section", markup=False)
            yield Label("Tags: words to find it by, with commas")
            yield Input(", ".join(self.labels.tags), id="tags", compact=True, select_on_focus=False)
            yield Label("Notes: whatever you want to remember about it")
            yield Input(self.labels.notes, id="notes", compact=True, select_on_focus=False)
            yield Label("Enter keeps both, tab goes to the other, Escape cancels", classes="hint")

    def on_input_submitted(self, event: Input.Submitted) -> None:
        typed = self.query_one("#tags", Input).value.split(",")
        tags = tuple(dict.fromkeys(tag.strip() for tag in typed if tag.strip()))
        self.dismiss(Labels(tags, self.query_one("#notes", Input).value.strip()))
