"""The Tune place: how the model is trained, with help for each value, and the start of the run."""

from __future__ import annotations

from collections.abc import Iterable

from textual.containers import Horizontal, VerticalScroll
from textual.getters import query_one
from textual.reactive import var
from textual.widget import Widget
from textual.widgets import Label, Static

from tui import words
from tui.screens.base import PlaceScreen
from tui.screens.messages import FieldsRefused, SessionEdited
from tui.session.checks import Problem, check
from tui.session.schema import Session
from tui.widgets.foreign import foreign
from tui.widgets.form import FieldRow, Form, describe


class TuneScreen(PlaceScreen):
    """The form, what follows from it, and what is wrong with it."""

    PLACE = "tune"
    CSS_PATH = "tune.tcss"

    session: var[Session] = var(Session)

    form = query_one(Form)
    outcome = query_one("#outcome", Static)
    help_text = query_one("#help", Label)

    def __init__(self) -> None:
        super().__init__()
        self.current: FieldRow | None = None
        self.refused: dict[str, str] = {}

    def compose_body(self) -> Iterable[Widget]:
        with Horizontal(id="columns"):
            yield Form(self.session)
            with VerticalScroll(id="outcome-box", can_focus=False):
                yield Static("", id="outcome", markup=False)
        yield Label("", id="help", markup=False)

    def on_mount(self) -> None:
        self.show_outcome()
        self.form.query(FieldRow).first().query_one("Choice, Input").focus()

    def watch_session(self) -> None:
        if self.is_mounted:
            self.form.session = self.session
            self.show_outcome()

    def on_field_row_entered(self, event: FieldRow.Entered) -> None:
        self.current = event.row
        self.show_help()

    def on_field_row_refused(self, event: FieldRow.Refused) -> None:
        self.refused = {key: text for key, text in self.refused.items() if key != event.key}
        if event.text:
            self.refused[event.key] = event.text
        self.show_help()
        self.show_outcome()
        self.post_message(FieldsRefused(self.refused))

    def on_field_row_edited(self, event: FieldRow.Edited) -> None:
        self.post_message(SessionEdited(event.key, event.value))

    def show_help(self) -> None:
        """What the field with the focus is about, or why it does not take what was typed."""
        row = self.current
        if row:
            wrong = f"✗ {row.complaint}\n" if row.complaint else ""
            self.help_text.update(foreign(wrong + describe(row.spec)))
            self.help_text.set_class(bool(row.complaint), "-wrong")

    def show_outcome(self) -> None:
        """What the values come to, and what is wrong with them."""
        problems = [*(Problem(key, text) for key, text in self.refused.items()), *check(self.session)]
        self.outcome.update(foreign("\n".join([*outcome_lines(self.session), "", *problem_lines(problems)])))


def outcome_lines(session: Session) -> list[str]:
    """What follows from a session, a line each."""
    training = session.training
    batch, accumulation = training.per_device_train_batch_size, training.gradient_accumulation_steps
    length = (
        f"{training.max_steps} updates"
        if training.max_steps
        else f"{training.num_train_epochs:g} epoch{'s' * (training.num_train_epochs != 1)}"
    )
    precision = "4-bit" if session.model.load_in_4bit else "16-bit"
    method = "full fine-tuning" if session.model.full_finetuning else f"LoRA, rank {session.lora.r}"
    scale = session.lora.lora_alpha / (session.lora.r**0.5 if session.lora.use_rslora else session.lora.r)
    return [
        "What it comes to",
        f"  {method}, {precision}",
        *([] if session.model.full_finetuning else [f"  adapter scale {scale:g}"]),
        f"  {session.effective_batch} examples/update ({batch}×{accumulation})",
        f"  {length}",
        f"  ≤ {words.count(session.effective_batch * session.model.max_seq_length)} tokens/update",
    ]


def problem_lines(problems: list[Problem]) -> list[str]:
    """Everything that is wrong, blocking things first."""
    if not problems:
        return ["Nothing is wrong with it.", "ctrl+t starts the run."]
    ordered = sorted(problems, key=lambda problem: not problem.blocking)
    return ["Before it can start" if ordered[0].blocking else "Worth a thought"] + [
        f"{'✗' if problem.blocking else '!'} {problem}" for problem in ordered
    ]
