"""Asks for a file to write, and stays open until that has worked."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import Input, Label, Static

from tui.resources import expanded
from tui.screens.dialogs.base import Dialog
from tui.widgets.foreign import foreign
from tui.widgets.paths import PathSuggester

KEYS = "Enter saves, right completes, Escape cancels"


def not_toml(path: Path) -> str:
    """Why a session cannot be written to a file of this name; empty where it can."""
    return "" if path.suffix == ".toml" else "the name has to end in .toml"


class SaveDialog(Dialog[Path | None]):
    """A path to type; Escape means none."""

    HELP = (
        "Where it is written: a path, with ~ for your home. The right arrow completes names; before a file is replaced "
        "that is there already, you are told."
    )
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss(None)", "Cancel", show=False)]

    def __init__(
        self,
        heading: str,
        suggestion: str,
        write: Callable[[Path], object],
        *,
        hint: str = KEYS,
        complaint: Callable[[Path], str] = not_toml,
        places: Callable[[Path], list[Path]] = lambda path: [path],
    ) -> None:
        """`write` may write to several `places` when it is given a path."""
        super().__init__()
        self.heading, self.suggestion, self.write = heading, suggestion, write
        self.hint, self.complaint, self.places = hint, complaint, places
        self.warned_of = ""

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Label(self.heading, classes="section", markup=False)
            yield Input(self.suggestion, suggester=PathSuggester(), compact=True, select_on_focus=False)
            yield Static("", classes="complaint", markup=False)
            yield Label(self.hint, classes="hint", markup=False)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        name = event.value.strip()
        if not name:
            return
        try:
            path = expanded(name).absolute()
            if complaint := self.complaint(path) or self._replaced(path):
                self._complain(complaint)
                return
            self.write(path)
            self.dismiss(path)
        except (OSError, ValueError) as error:
            self._complain(f"{name}: {getattr(error, 'strerror', None) or error}")

    def _replaced(self, path: Path) -> str:
        """What is there already and would be lost; said once."""
        there = [place.name for place in self.places(path) if place.exists()]
        if str(path) == self.warned_of or not there:
            return ""
        self.warned_of = str(path)
        return f"{' and '.join(there)} is there already; Enter once more replaces it"

    def _complain(self, text: str) -> None:
        self.query_one(".complaint", Static).update(foreign(text))
