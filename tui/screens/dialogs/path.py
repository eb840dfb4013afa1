"""Asks for a file, with completion."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, Label

from tui.widgets.paths import PathSuggester


class PathDialog(ModalScreen[Path | None]):
    """Asks where to read or write; Escape means nowhere."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss(None)", "Cancel", show=False)]

    def __init__(self, title: str, suggestion: str) -> None:
        super().__init__()
        self.heading, self.suggestion = title, suggestion

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Label(self.heading, classes="section", markup=False)
            yield Input(self.suggestion, suggester=PathSuggester(), compact=True)
            yield Label("Enter confirms, right completes, Escape cancels", classes="hint")

    def on_input_submitted(self, event: Input.Submitted) -> None:
        if event.value.strip():
            self.dismiss(Path(event.value.strip()).expanduser())
