"""A line that says how something is done, until its reader has done it a few times."""

from __future__ import annotations

from textual.widgets import Label

from tui.remembered import Remembered


class Hint(Label):
    """Goes away once the window remembers that the thing is known; `name` is what it is remembered by."""

    def __init__(self, name: str, text: str) -> None:
        super().__init__(text, classes="hint", markup=False)
        self.about = name

    def on_mount(self) -> None:
        self.watch(self.app, "remembered", self.show)

    def show(self, remembered: Remembered) -> None:
        """Stay only as long as needed."""
        self.display = not remembered.knows(self.about)
