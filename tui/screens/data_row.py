"""One row of a dataset, seen as a conversation, as the tokens that the model is trained on, or as it lies in the data."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.getters import query_one
from textual.message import Message
from textual.reactive import var
from textual.widgets import Input, Label, Static

from tui.run.events import Previewed
from tui.screens.data_text import amount, conversation_text
from tui.widgets.foreign import foreign
from tui.widgets.token_view import LEGEND, TokenView

Face = Literal["conversation", "tokens", "data"]
FACES: tuple[Face, ...] = ("conversation", "tokens", "data")
TITLES: dict[Face, str] = {"conversation": "as a conversation", "tokens": "as it is trained on", "data": "as it lies there"}


@dataclass(frozen=True)
class Shown:
    """A row, as far as it is known without its tokens."""

    place: str = ""
    source: str = ""
    turns: Iterable[tuple[str, str]] = ()
    problem: str = ""
    """Why it cannot be used."""


class RowPane(Vertical):
    """A row with its number, which can be typed over, and what is known of it."""

    @dataclass
    class Sought(Message):
        """Another row is to be shown, counted from 0."""

        row: int

    written_by: var[str] = var("", init=False)
    """What writes conversations as text, in words."""
    face: var[Face] = var[Face]("conversation", init=False)
    preview: var[Previewed | None] = var(None, init=False)
    """The tokens of this row, once they are known."""
    waiting: var[str] = var("", init=False)
    """What is being done to get them, in words."""

    number = query_one("#row-number", Input)
    title = query_one("#row-title", Label)
    text = query_one("#row-text", Static)
    tokens = query_one(TokenView)
    figures = query_one("#row-figures", Label)

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self.at = 0
        self.row = Shown()

    def compose(self) -> ComposeResult:
        with Horizontal(id="row-head"):
            yield Label("Row", classes="section")
            yield Input(id="row-number", type="integer", compact=True)
            yield Label("", id="row-title", classes="section", markup=False)
        with VerticalScroll(id="row-box"):
            yield Static("", id="row-text", markup=False)
            yield TokenView()
        yield Label("", id="row-figures", classes="hint", markup=False)

    def on_mount(self) -> None:
        self.display = False

    def show(self, at: int, row: Shown) -> None:
        """Show a row as far as it is known; its tokens come later."""
        self.display = True
        self.at, self.row = at, row
        with self.prevent(Input.Changed):
            self.number.value = str(at + 1)
        if self.preview and self.preview.row != at:
            self.set_reactive(RowPane.preview, None)
        self.draw()

    def watch_preview(self, preview: Previewed | None) -> None:
        if preview and not preview.error:
            self.row = Shown(preview.place, preview.source, preview.turns)
        self.draw()

    def watch_face(self) -> None:
        self.draw()

    def watch_waiting(self) -> None:
        self.draw()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        if event.value.isdecimal() and int(event.value) > 0:
            self.post_message(self.Sought(int(event.value) - 1))

    def draw(self) -> None:
        """Draw the face that is chosen, or the nearest that is known."""
        tokens = self.preview if self.face == "tokens" and self.preview and self.preview.pieces else None
        self.tokens.preview = tokens
        self.tokens.display, self.text.display = bool(tokens), not tokens
        self.title.update(foreign(f"{TITLES[self.face]}{f' · {self.row.place}' if self.row.place else ''}"))
        if not tokens:
            self.text.update(foreign(self._plain_text()))
        self.figures.update(foreign(self._figures()))

    def _plain_text(self) -> str:
        if self.face == "data":
            return self.row.source
        if self.row.problem:
            return f"this row cannot be used: {self.row.problem}"
        return conversation_text(self.row.turns)

    def _figures(self) -> str:
        if self.face != "tokens":
            return ""
        preview = self.preview
        if preview is None:
            return f"{self.waiting} …" if self.waiting else ""
        if preview.error:
            return preview.error
        cut = f"{preview.cut:,} cut off" if preview.cut else ""
        told = [amount(preview.tokens, "token"), f"{preview.learned:,} learned", cut]
        told += [self.written_by, LEGEND]
        return " · ".join(part for part in told if part)
