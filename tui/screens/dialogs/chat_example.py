"""Asks which answer is worth learning from, lets it be mended, and adds it to a dataset."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.widgets import Button, Input, Label, Static, TextArea

from tui.resources import expanded
from tui.run.chat_commands import Message
from tui.run.chat_events import Voice
from tui.run.conversation import Exchange
from tui.run.example_file import add_example, why_not
from tui.run.said import said
from tui.screens.dialogs.base import Dialog
from tui.widgets.choice import Choice
from tui.widgets.foreign import foreign
from tui.widgets.paths import PathSuggester

WHOLE, ALONE = "with what was said before", "this turn alone"


class ExampleDialog(Dialog[Path | None]):
    """The prompt and the answer as they are to be learned; Escape adds nothing."""

    HELP = (
        "Adds the prompt and the answer, as they stand here, as one line to a dataset of conversations: mend the "
        "answer into what it should have been, and train on it later."
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", "Cancel", show=False),
        Binding("ctrl+s", "add", "Add", show=False, priority=True),
    ]

    def __init__(
        self,
        exchange: Exchange,
        opening: tuple[Message, ...],
        earlier: Mapping[Voice, tuple[Message, ...]],
        suggestion: str,
    ) -> None:
        super().__init__()
        self.exchange, self.opening, self.earlier, self.suggestion = exchange, opening, earlier, suggestion
        self.answers = {answer.voice: said(answer.text).answer for answer in exchange.answers if answer.text}
        self.voice: Voice = next(iter(self.answers))

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog -wide"):
            yield Label("Add it to a dataset", classes="section", markup=False)
            if len(self.answers) > 1:
                yield Choice(tuple(self.answers), self.voice, id="voice")
            yield Label("The prompt")
            yield TextArea(self.exchange.prompt, id="asked", compact=True, soft_wrap=True)
            yield Label("The answer to be learned")
            yield TextArea(self.answers[self.voice], id="answered", compact=True, soft_wrap=True)
            if any(self.earlier.values()):
                yield Choice((ALONE, WHOLE), ALONE, id="reach")
            yield Label("The file: one conversation a line, added at its end")
            yield Input(self.suggestion, id="file", suggester=PathSuggester(), compact=True, select_on_focus=False)
            yield Static("", classes="complaint", markup=False)
            with Horizontal(classes="buttons"):
                yield Button("Add", id="add", variant="primary", compact=True)
            yield Label("ctrl+s adds it, tab goes on, Escape cancels", classes="hint")

    def on_mount(self) -> None:
        self.query_one("#answered", TextArea).focus()

    def on_choice_changed(self, event: Choice.Changed) -> None:
        if event.choice.id == "voice":
            self.voice = next(voice for voice in self.answers if voice == event.value)
            self.query_one("#answered", TextArea).text = self.answers[self.voice]

    def on_input_submitted(self) -> None:
        self.action_add()

    def on_button_pressed(self) -> None:
        self.action_add()

    def action_add(self) -> None:
        """Add what stands there, unless the file is of another kind."""
        name = self.query_one("#file", Input).value.strip()
        prompt, answer = (self.query_one(id, TextArea).text for id in ("#asked", "#answered"))
        if not name or not prompt.strip() or not answer.strip():
            self.complain("a file, a prompt and an answer are needed")
            return
        try:
            path = expanded(name).absolute()
            if complaint := why_not(path):
                self.complain(complaint)
                return
            add_example(path, [*self.before(), Message("user", prompt), Message("assistant", answer)])
            self.dismiss(path)
        except (OSError, ValueError) as error:
            self.complain(f"{name}: {getattr(error, 'strerror', None) or error}")

    def before(self) -> tuple[Message, ...]:
        """What stands before the prompt in the example."""
        reach = next(iter(self.query("#reach").results(Choice)), None)
        return (*self.opening, *(self.earlier[self.voice] if reach and reach.value == WHOLE else ()))

    def complain(self, text: str) -> None:
        """Say why nothing was added."""
        self.query_one(".complaint", Static).update(foreign(text))
