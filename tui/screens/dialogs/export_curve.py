"""Asks for a file for a run's figures, and stays open until it is written."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, Label, Static

from tui.run.curves import UnknownKind
from tui.widgets.foreign import foreign
from tui.widgets.paths import PathSuggester


class CurveDialog(ModalScreen[Path | None]):
    """A path to type; Escape means none."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss(None)", "Cancel", show=False)]

    def __init__(self, suggestion: str, write: Callable[[Path], None]) -> None:
        super().__init__()
        self.suggestion, self.write = suggestion, write
        self.warned_of = ""

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Label("Write the figures of this run to", classes="section")
            yield Input(self.suggestion, suggester=PathSuggester(), compact=True, select_on_focus=False)
            yield Static("", classes="complaint", markup=False)
            yield Label(".svg: a picture of the curve; .csv: every update. Enter writes, Escape cancels", classes="hint")

    def on_input_submitted(self, event: Input.Submitted) -> None:
        name = event.value.strip()
        if not name:
            return
        try:
            path = Path(name).expanduser().absolute()
            if path.exists() and str(path) != self.warned_of:
                self.warned_of = str(path)
                self.complain("this file is there already; Enter once more replaces it")
                return
            self.write(path)
            self.dismiss(path)
        except (OSError, RuntimeError, ValueError, UnknownKind) as error:
            self.complain(f"{name}: {getattr(error, 'strerror', None) or error}")

    def complain(self, text: str) -> None:
        """Say why it is not written yet."""
        self.query_one(".complaint", Static).update(foreign(text))
