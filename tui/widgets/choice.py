"""A choice between a few words, changed in place with left and right."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget


class Choice(Widget, can_focus=True):
    """Shows the chosen word; left, right, space and a click move to the next."""

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

    def __init__(self, words: tuple[str, ...], value: str, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.words = words
        self.set_reactive(Choice.value, value)

    def render(self) -> Content:
        return Content(f"‹ {self.value} ›")

    def action_move(self, by: int) -> None:
        at = self.words.index(self.value) if self.value in self.words else 0
        self.value = self.words[(at + by) % len(self.words)]
        self.post_message(self.Changed(self, self.value))

    def on_click(self) -> None:
        self.action_move(1)
