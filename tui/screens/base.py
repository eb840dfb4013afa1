"""What every place has: the bar on top, its own body, the keys at the bottom."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from textual.app import ComposeResult
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import Footer

from tui.widgets.place_bar import PlaceBar


class PlaceScreen(Screen[None]):
    """One of the six places."""

    PLACE: ClassVar[str]

    def compose(self) -> ComposeResult:
        yield PlaceBar(self.PLACE)
        yield from self.compose_body()
        yield Footer(show_command_palette=False)

    def compose_body(self) -> Iterable[Widget]:
        """The widgets between the bar and the keys."""
        raise NotImplementedError
