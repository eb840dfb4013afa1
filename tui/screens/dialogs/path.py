"""Asks for a session file to read or to write, and stays open until that has worked."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, Label, Static

from tui.session import file
from tui.session.schema import Session
from tui.widgets.foreign import foreign
from tui.widgets.paths import PathSuggester

Named = tuple[Path, Session]


class PathDialog(ModalScreen[Named | None]):
    """A path to type; Escape means none."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss(None)", "Cancel", show=False)]
    HEADING: ClassVar[str]

    def __init__(self, suggestion: str) -> None:
        super().__init__()
        self.suggestion = suggestion

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Label(self.HEADING, classes="section", markup=False)
            yield Input(self.suggestion, suggester=PathSuggester(), compact=True, select_on_focus=False)
            yield Static("", classes="complaint", markup=False)
            yield Label("Enter confirms, right completes, Escape cancels", classes="hint")

    def on_input_submitted(self, event: Input.Submitted) -> None:
        if not event.value.strip():
            return
        try:
            self.dismiss(self.use(Path(event.value.strip()).expanduser()))
        except file.SessionError as error:
            self.query_one(".complaint", Static).update(foreign("\n".join(map(str, error.problems))))
        except (OSError, RuntimeError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            self.query_one(".complaint", Static).update(foreign(f"{event.value.strip()}: {reason}"))

    def use(self, path: Path) -> Named:
        """Do what was asked for. Raises SessionError or OSError, whose words are then shown."""
        raise NotImplementedError


class SaveDialog(PathDialog):
    """Writes the session."""

    HEADING = "Save the session as"

    def __init__(self, session: Session, suggestion: str) -> None:
        super().__init__(suggestion)
        self.session = session
        self.warned_of = ""

    def use(self, path: Path) -> Named:
        if path.suffix != ".toml":
            raise ValueError("sessions are saved under a name that ends in .toml")
        if path.exists() and str(path) not in (self.suggestion, self.warned_of):
            self.warned_of = str(path)
            raise ValueError("this file is there already; Enter once more replaces it")
        file.save(self.session, path)
        return path, self.session


class OpenDialog(PathDialog):
    """Reads a session."""

    HEADING = "Open a session"

    def use(self, path: Path) -> Named:
        return path, file.load(path)
