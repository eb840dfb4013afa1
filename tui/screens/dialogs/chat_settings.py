"""Asks how the model is to answer: a preset or each value of it, and the system prompt."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.widgets import Label, Static, TextArea

from tui.run.chat_presets import OWN, PRESETS, preset_of, with_preset
from tui.screens.dialogs.base import Dialog
from tui.session.fields import fields_of
from tui.session.file import replace_values
from tui.session.schema import Session
from tui.session.sections.chat import ChatSection
from tui.widgets.choice import Choice
from tui.widgets.field_row import FieldRow
from tui.widgets.foreign import foreign

LEFT_OUT = {"chat.system_prompt", "chat.keep_loaded_minutes"}


class SettingsDialog(Dialog[ChatSection | None]):
    """The settings of the talk; Escape changes nothing."""

    HELP = (
        "How the next answers are drawn. Greedy always takes the likeliest token; a higher temperature dares more, "
        "and min_p keeps it from daring nonsense. The system prompt stands before every conversation."
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", "Cancel", show=False),
        Binding("ctrl+s", "take", "Take", show=False, priority=True),
        Binding("up", "app.focus_previous", "Up", show=False),
        Binding("down", "app.focus_next", "Down", show=False),
    ]

    def __init__(self, settings: ChatSection) -> None:
        super().__init__()
        self.edited = Session().model_copy(update={"chat": settings})
        self.refused: dict[str, str] = {}

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog -form"):
            yield Label("How the model answers", classes="section", markup=False)
            with Horizontal(classes="row"):
                yield Label(f"{'  Preset':22}")
                yield Choice((*PRESETS, OWN), preset_of(self.edited.chat), id="preset")
            with VerticalScroll(can_focus=False):
                for spec in fields_of(Session):
                    if spec.section == "chat" and spec.key not in LEFT_OUT:
                        yield FieldRow(spec, self.edited)
            yield Static("", id="help", markup=False)
            yield Label("System prompt")
            yield TextArea(self.edited.chat.system_prompt, id="system", compact=True, soft_wrap=True)
            yield Label("Enter or ctrl+s takes it, from the next answer on; Escape changes nothing", classes="hint")

    def on_choice_changed(self, event: Choice.Changed) -> None:
        if event.choice.id == "preset":
            self.take_over(self.edited.model_copy(update={"chat": with_preset(self.edited.chat, event.value)}))

    def on_field_row_edited(self, event: FieldRow.Edited) -> None:
        self.take_over(replace_values(self.edited, event.changes))

    def on_field_row_refused(self, event: FieldRow.Refused) -> None:
        self.refused = {key: text for key, text in {**self.refused, event.key: event.text}.items() if text}

    def on_field_row_entered(self, event: FieldRow.Entered) -> None:
        self.query_one("#help", Static).update(foreign(event.row.spec.help))

    def take_over(self, edited: Session) -> None:
        """Show other values, and which preset they are."""
        self.edited = edited
        for row in self.query(FieldRow):
            row.show(edited)
        self.query_one("#preset", Choice).value = preset_of(edited.chat)

    def on_input_submitted(self) -> None:
        self.action_take()

    def action_take(self) -> None:
        if self.refused:
            key, text = next(iter(self.refused.items()))
            self.query_one("#help", Static).update(foreign(f"{key.partition('.')[2]}: {text}"))
            return
        system = self.query_one("#system", TextArea).text.strip()
        self.dismiss(self.edited.chat.model_copy(update={"system_prompt": system}))
