"""A choice between a few words, changed in place with left and right."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.geometry import Size
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget
from textual.widgets import Select

ALL_SHOWN = 4
"""So many words are shown side by side."""


class Choice(Widget, can_focus=True):
    """Shows the words with the chosen one in brackets; left, right, space and a click move."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "move(-1)", "Previous", show=False, id="choice.back", tooltip="Choose the word before"),
        Binding("right,space,enter", "move(1)", "Next", show=False, id="choice.next", tooltip="Choose the next word"),
    ]

    value: reactive[str] = reactive("")

    @dataclass
    class Changed(Message):
        """Another word was chosen."""

        choice: Choice
        value: str

        @property
        def control(self) -> Choice:
            return self.choice

    def __init__(self, words: tuple[str, ...], value: str, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self.words = words
        self.set_reactive(Choice.value, value)

    @property
    def _shown(self) -> list[str]:
        """All words where they fit, else the chosen one."""
        every = [f"‹{word}›" if word == self.value else f" {word} " for word in self.words]
        fits = sum(map(len, every)) <= self.size.width or not self.size.width
        return every if len(self.words) <= ALL_SHOWN and fits else [f"‹ {self.value} ›"]

    def get_content_width(self, container: Size, viewport: Size) -> int:
        every = sum(len(word) + 2 for word in self.words)
        return every if len(self.words) <= ALL_SHOWN else max(len(word) + 4 for word in self.words)

    def render(self) -> Content:
        return Content.assemble(*((word, "bold" if word.startswith("‹") else "dim") for word in self._shown))

    def action_move(self, by: int) -> None:
        at = self.words.index(self.value) if self.value in self.words else 0
        self._choose(self.words[(at + by) % len(self.words)])

    def on_click(self, event: events.Click) -> None:
        shown, x = self._shown, event.x
        if len(shown) == 1:
            self.action_move(1)
            return
        for word, text in zip(self.words, shown, strict=True):
            if x < len(text):
                self._choose(word)
                return
            x -= len(text)

    def _choose(self, word: str) -> None:
        self.value = word
        self.post_message(self.Changed(self, word))


class LongChoice(Select[str], inherit_bindings=False):
    """A choice between many words: Enter opens the list; up and down stay free to move through a form."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter,space", "show_overlay", "Choose", show=False, id="choice.open", tooltip="Open the list"),
    ]

    def __init__(self, words: tuple[str, ...], value: str) -> None:
        super().__init__(((word, word) for word in words), value=value, allow_blank=False, compact=True)
