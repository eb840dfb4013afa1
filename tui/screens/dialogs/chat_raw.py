"""Shows what a model reads: the conversation with its template, token by token, special ones reversed."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.reactive import var
from textual.widgets import Label, Static

from tui.run.events import Previewed, PromptShown
from tui.screens.dialogs.base import Dialog
from tui.widgets.foreign import foreign
from tui.widgets.token_view import TokenView


class RawPromptDialog(Dialog[None]):
    """Waits for the engine's answer, which comes by `shown`."""

    HELP = (
        "The conversation as the model reads it: written with its chat template and cut into tokens. What has a "
        "background of its own is a special token, which no text can contain."
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,enter", "dismiss", "Close", show=False),
        Binding("e", "edges", "Edges", show=False),
    ]

    shown: var[PromptShown | None] = var(None)

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog -wide"):
            yield Label("What the model reads", classes="section", markup=False)
            with VerticalScroll():
                yield Static("asking the engine …", id="told", markup=False)
                yield TokenView()
            yield Label("special tokens are reversed; e shows where tokens end, Escape closes", classes="hint")

    def watch_shown(self, shown: PromptShown | None) -> None:
        if not self.is_mounted or shown is None or not (shown.text or shown.error or shown.pieces):
            return
        cut = "" if len("".join(shown.pieces)) >= len(shown.text) else "; only the first are shown"
        self.query_one("#told", Static).update(foreign(shown.error or f"{shown.tokens:,} tokens{cut}"))
        pieces, marks = (shown.pieces, shown.marks) if shown.pieces else ((shown.text,), ".")
        self.query_one(TokenView).preview = Previewed(id=shown.id, pieces=pieces, marks=marks)

    def action_edges(self) -> None:
        tokens = self.query_one(TokenView)
        tokens.edges = not tokens.edges
