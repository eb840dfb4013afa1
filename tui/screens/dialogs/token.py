"""Asks for a token of the hub, hidden; it is kept in huggingface_hub's own store, and only if that is wanted."""

from __future__ import annotations

import asyncio
from typing import ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.widgets import Input, Label, Static

from tui.catalog.local import ModelError
from tui.screens.dialogs.base import Dialog
from tui.widgets.choice import Choice
from tui.widgets.foreign import foreign

WHERE = ("until the window is closed", "keep on this machine")


class TokenDialog(Dialog[str]):
    """A token to type or paste; answers with the user's name, or an empty text."""

    HELP = "Gated and private models need it. If it is kept, the hub's own programs find it too; no session or run has it."
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss('')", "Cancel", show=False),
        Binding("enter", "check", "Check and take it", show=False, priority=True),
    ]

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Label("Token of the Hugging Face hub", classes="section")
            yield Label("Made on huggingface.co under Settings, Access Tokens; one that may only read is enough.")
            yield Input(password=True, placeholder="hf_…", compact=True)
            with Horizontal(classes="row"):
                yield Choice(WHERE, WHERE[0])
            yield Static("", classes="complaint", markup=False)
            yield Label("Enter checks and takes it, Escape cancels", classes="hint")

    def action_check(self) -> None:
        if token := self.query_one(Input).value.strip():
            self.query_one(".complaint", Static).update("asking the hub …")
            self.take(token, self.query_one(Choice).value == WHERE[1])

    @work(exclusive=True)
    async def take(self, token: str, keep: bool) -> None:
        """Check the token with the hub, and take it if it is good."""
        try:
            self.dismiss(await asyncio.to_thread(take_token, token, keep))
        except ModelError as error:
            self.query_one(".complaint", Static).update(foreign(str(error)))


def take_token(token: str, keep: bool) -> str:
    """The user's name; the token is used from now on. Raises ModelError."""
    from tui.catalog.token import check_token, keep_token, use_token  # loads huggingface_hub

    if keep:
        return keep_token(token)
    user = check_token(token)
    use_token(token)
    return user
