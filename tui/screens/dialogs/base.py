"""What every dialog has: help on itself, and letters that move in its lists."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.screen import ModalScreen, ScreenResultType

HELP_KEYS: list[BindingType] = [
    Binding("f1", "app.explain", "Help", id="help", tooltip="What this is, and every key that works here"),
    Binding("question_mark", "app.explain", "Help", show=False, id="help.letter", tooltip="The same"),
    Binding(
        "j", "app.simulate_key('down')", "Down", show=False, id="down", tooltip="As the arrow, where j does nothing else"
    ),
    Binding("k", "app.simulate_key('up')", "Up", show=False, id="up", tooltip="As the arrow, where k does nothing else"),
]
"""Keys that work in places and in dialogs: what stands in front of a place hides the keys of the window."""


class Dialog(ModalScreen[ScreenResultType]):
    """Stands in front of a place until it is answered or closed; its HELP is what F1 says of it."""

    BINDINGS: ClassVar[list[BindingType]] = HELP_KEYS
