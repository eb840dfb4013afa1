"""Where one types what is said to a model: Enter sends, up and down on an empty line bring back what was said before."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widgets import TextArea

LEFT_TO_OTHERS = {"f6", "f7", "ctrl+z", "ctrl+y", "pageup", "pagedown", "ctrl+k"}
"""Keys of a text area that mean something else in the window, or in its Chat place."""


def _own(bindings: Iterable[BindingType]) -> list[BindingType]:
    return [it for it in bindings if isinstance(it, Binding) and not LEFT_TO_OTHERS & set(it.key.split(","))]


class PromptArea(TextArea, inherit_bindings=False):
    """A text that grows by some lines before it scrolls."""

    BINDINGS: ClassVar[list[BindingType]] = [
        *_own(TextArea.BINDINGS),
        Binding("ctrl+j,shift+enter", "new_line", "New line", show=False, id="prompt.line", tooltip="Begin another line"),
        Binding("up", "cursor_up", "Earlier", show=False, id="prompt.up", tooltip="On an empty line: what was said before"),
        Binding("down", "cursor_down", "Later", show=False, id="prompt.down", tooltip="On an empty line: what came after"),
    ]
    DEFAULT_CSS = """
    PromptArea { height: auto; min-height: 1; max-height: 8; }
    """

    @dataclass
    class Submitted(Message):
        """What was typed is to be sent."""

        area: PromptArea
        text: str

        @property
        def control(self) -> PromptArea:
            return self.area

    def __init__(self, *, placeholder: str = "", id: str | None = None) -> None:
        super().__init__(id=id, placeholder=placeholder, compact=True, soft_wrap=True, highlight_cursor_line=False)
        self.said: list[str] = []
        """What can be brought back, the oldest first."""
        self._at = 0
        self._brought: str | None = None

    def remember(self, text: str) -> None:
        """Let a text be brought back from now on."""
        if text and self.said[-1:] != [text]:
            self.said.append(text)
        self._at, self._brought = len(self.said), None

    async def _on_key(self, event: events.Key) -> None:
        if event.key == "enter":
            event.stop()
            event.prevent_default()
            self.submit()
            return
        await super()._on_key(event)

    def submit(self) -> None:
        """Send what is typed, if anything is."""
        if self.text.strip():
            self.post_message(self.Submitted(self, self.text.strip()))

    def action_new_line(self) -> None:
        self.insert("\n")
        self.scroll_cursor_visible()

    def action_cursor_up(self, select: bool = False) -> None:
        if select or not self._bring(-1):
            super().action_cursor_up(select)

    def action_cursor_down(self, select: bool = False) -> None:
        if select or not self._bring(1):
            super().action_cursor_down(select)

    def put(self, text: str) -> None:
        """Show a text with the cursor at its end."""
        self.text = text
        self.move_cursor(self.document.end)

    def _bring(self, by: int) -> bool:
        """Bring another text back, unless something else is being typed. Returns whether up and down mean that now."""
        if self.text and self.text != self._brought:
            return False
        if not self.text:
            self._at, self._brought = len(self.said), None
        at = self._at + by
        if not 0 <= at <= len(self.said):
            return self._brought is not None or not self.text
        self._at = at
        self._brought = self.said[at] if at < len(self.said) else None
        self.put(self._brought or "")
        return True
