"""How far something is: a bar with its share in numbers, or one that only moves where that is not known."""

from __future__ import annotations

from textual.widgets import ProgressBar

SEEN = 200
"""So many states of the bar can be told apart; to draw others would be bytes over a slow line for nothing."""


class Progress(ProgressBar):
    """The bar of whatever is being done now."""

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id, show_eta=False)

    def show(self, fraction: float | None) -> None:
        """Draw a fraction of 1, or None."""
        self.update(total=None if fraction is None else 1.0, progress=int((fraction or 0.0) * SEEN) / SEEN)
        self.query_one("#percentage").visible = self.visible and fraction is not None
