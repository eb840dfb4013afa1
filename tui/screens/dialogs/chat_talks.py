"""Asks which earlier conversation is gone on with, found by any words that were said in it."""

from __future__ import annotations

import threading
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import Input, Label, OptionList
from textual.widgets.option_list import Option

from tui.run.saved_talks import Kept, SavedTalk, list_kept
from tui.screens.dialogs.base import Dialog
from tui.widgets.foreign import foreign

TITLE_LETTERS = 70


class TalksDialog(Dialog[SavedTalk | None]):
    """The conversations that were kept, the newest first; Escape opens none."""

    HELP = (
        "Every conversation is kept by itself. Letters find those in which they were said; Enter goes on with one, as "
        "if it had not ended."
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", "Cancel", show=False),
        Binding("up", "move(-1)", "Up", show=False),
        Binding("down", "move(1)", "Down", show=False),
        Binding("ctrl+d", "delete", "Delete", show=False, priority=True),
    ]

    def __init__(self) -> None:
        super().__init__()
        self.kept: list[Kept] | None = None
        """Everything that is kept; None while it is being read."""
        self.listed: list[Kept] = []
        self.doomed = ""
        """The file that the next ctrl+d deletes."""

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog -wide"):
            yield Label("Earlier conversations", classes="section", markup=False)
            yield Input(placeholder="words that were said in it", compact=True)
            yield OptionList(id="talks", markup=False)
            yield Label("", id="told", markup=False)
            yield Label("Enter goes on with it, ctrl+d deletes it, Escape cancels", classes="hint")

    def on_mount(self) -> None:
        self.query_one("#talks", OptionList).can_focus = False
        self.show_list()
        threading.Thread(target=self.find, name="find talks", daemon=True).start()

    def find(self) -> None:
        """Read them in a thread."""
        found = list_kept()
        if self.is_running:
            self.app.call_from_thread(self.take_found, found)

    def take_found(self, found: list[Kept]) -> None:
        """Show what is kept."""
        self.kept = found
        self.show_list()

    def on_input_changed(self) -> None:
        self.show_list()

    def show_list(self) -> None:
        """List those in which the typed words were said."""
        typed = self.query_one(Input).value
        self.listed = [kept for kept in self.kept or () if kept.has(typed)]
        options = self.query_one("#talks", OptionList)
        options.clear_options()
        options.add_options(Option(foreign(line(kept))) for kept in self.listed)
        if self.listed:
            options.highlighted = 0
        else:
            text = "reading …" if self.kept is None else "there is none" if not typed else "in none was that said"
            options.add_option(Option(text, disabled=True))

    def action_move(self, by: int) -> None:
        options = self.query_one("#talks", OptionList)
        if self.listed:
            options.highlighted = min(max(0, (options.highlighted or 0) + by), len(self.listed) - 1)

    @property
    def highlighted(self) -> Kept | None:
        at = self.query_one("#talks", OptionList).highlighted
        return self.listed[at] if at is not None and at < len(self.listed) else None

    def on_input_submitted(self) -> None:
        if kept := self.highlighted:
            self.dismiss(kept.talk)

    def on_option_list_option_selected(self) -> None:
        self.on_input_submitted()

    def action_delete(self) -> None:
        """Delete the file of a conversation, once it was asked for twice."""
        if (kept := self.highlighted) is None:
            return
        told = self.query_one("#told", Label)
        if self.doomed != kept.path.name:
            self.doomed = kept.path.name
            told.update("ctrl+d once more deletes it for good")
            return
        try:
            kept.path.unlink(missing_ok=True)
        except OSError as error:
            told.update(foreign(f"it cannot be deleted: {error.strerror or error}"))
            return
        told.update("")
        self.kept = [other for other in self.kept or () if other != kept]
        self.show_list()


def line(kept: Kept) -> str:
    """When it was, with whom, how long, and how it began."""
    exchanges = kept.talk.conversation.exchanges
    title = " ".join(kept.title.split())[:TITLE_LETTERS]
    whom = exchanges[-1].model if exchanges else ""
    return f"{kept.time:%d %b %H:%M}  {title}\n              {len(exchanges)} exchanges · {whom}"
