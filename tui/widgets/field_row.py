"""One field of the session as a row: its mark, its title, its value and its unit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from textual import events
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Input, Label, Select

from tui.session.fields import FieldSpec
from tui.session.file import SessionError, replace_values
from tui.session.problem import Problem
from tui.session.schema import Session
from tui.session.text import from_text, to_text
from tui.widgets.choice import ALL_SHOWN, Choice, LongChoice

AUTO, ON, OFF = "auto", "on", "off"


class NumberInput(Input):
    """Takes a number; a slash, which is in none, is left to the form."""

    async def _on_key(self, event: events.Key) -> None:
        if event.character == "/":
            event.prevent_default()


def typed_value(text: str, spec: FieldSpec) -> Any:
    """The value that was typed; None where that is none."""
    try:
        return from_text(text, spec)
    except ValueError:
        return None


class FieldRow(Horizontal):
    """One field of the session."""

    @dataclass
    class Edited(Message):
        """A field was given another value that the schema allows."""

        changes: dict[str, Any]

    @dataclass
    class Refused(Message):
        """What was typed into a field is not allowed; with an empty text, it is allowed again."""

        key: str
        text: str
        typed: str

    @dataclass
    class Entered(Message):
        """A field got the focus."""

        row: FieldRow

    def __init__(
        self, spec: FieldSpec, session: Session, problems: Sequence[Problem] = (), typed: str | None = None
    ) -> None:
        """With `typed`, what was typed for the field elsewhere and is not allowed (yet)."""
        long = spec.kind in (str, tuple, dict) and not (spec.choices and spec.kind is str)
        super().__init__(classes="field -text" if long else "field")
        self.spec = spec
        self.session = session
        self.complaint = ""
        self.problems = list(problems)
        self._first_text = typed
        self._on_the_way: list[Any] = []
        self._title = Label(f"  {spec.title}", classes="title", markup=False)
        self._marked = (False, False, False)

    @property
    def value(self) -> Any:
        return self.spec.value_in(self.session)

    @property
    def words(self) -> tuple[str, ...]:
        """What is chosen from; empty where a value is typed."""
        if self.spec.kind is bool:
            return (AUTO, ON, OFF) if self.spec.optional else (ON, OFF)
        return self.spec.choices if self.spec.kind is str else ()

    def compose(self) -> ComposeResult:
        yield self._title
        if not self.words:
            kind = NumberInput if self.spec.kind in (int, float) else Input
            text = to_text(self.value) if self._first_text is None else self._first_text
            yield kind(text, compact=True, placeholder="left out" if self.spec.optional else "")
        elif len(self.words) <= ALL_SHOWN:
            yield Choice(self.words, self._word)
        else:
            yield LongChoice(self.words, self._word)
        if self.spec.unit:
            yield Label(self.spec.unit, classes="unit", markup=False)

    def on_mount(self) -> None:
        self._mark()

    @property
    def editor(self) -> Widget:
        """What the value is changed with."""
        return self.query_one("Input, Choice, LongChoice")

    def show(self, session: Session) -> None:
        """Show the value of a session. What was typed here and comes back from the window is shown already."""
        before, self.session = self.value, session
        if self.value in self._on_the_way:
            del self._on_the_way[: self._on_the_way.index(self.value) + 1]
            self._mark()
            return
        if self.value == before or not self.is_mounted:
            return
        self._mark()
        with self.prevent(Input.Changed, Select.Changed):
            match self.editor:
                case Choice() | LongChoice() as choice:
                    choice.value = self._word
                case Input() as entry if self.complaint or typed_value(entry.value, self.spec) != self.value:
                    entry.value = to_text(self.value)
                    self._complain("")

    def retype(self, text: str | None) -> None:
        """Show what was typed for the field elsewhere, or when that was mended there, the value."""
        if not self.query(Input):  # it is being built, or its value is chosen
            self._first_text = text
        elif text is not None:
            self.query_one(Input).value = text
        elif self.complaint:
            self._complain("")
            with self.prevent(Input.Changed):
                self.query_one(Input).value = to_text(self.value)

    def tell(self, problems: Sequence[Problem]) -> None:
        """Show what is wrong with the value."""
        self.problems = list(problems)
        self._mark()

    def reset(self) -> None:
        """Put the default back, and forget what was typed."""
        if self.complaint:
            self._complain("")
            with self.prevent(Input.Changed):
                self.query_one(Input).value = to_text(self.spec.default)
        if self.value != self.spec.default:
            self.post_message(self.Edited(self.spec.changes(self.spec.default)))

    def on_choice_changed(self, event: Choice.Changed) -> None:
        event.stop()
        self._take(event.value)

    def on_select_changed(self, event: Select.Changed) -> None:
        event.stop()
        if isinstance(event.value, str):
            self._take(event.value)

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        try:
            self._offer(from_text(event.value, self.spec))
        except ValueError as error:
            self._complain(str(error))

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        self.add_class("-current")
        self.post_message(self.Entered(self))

    def on_descendant_blur(self, event: events.DescendantBlur) -> None:
        self.remove_class("-current")

    @property
    def _word(self) -> str:
        if self.spec.kind is bool:
            return AUTO if self.value is None else ON if self.value else OFF
        return str(self.value)

    def _take(self, word: str) -> None:
        if self.spec.kind is bool:
            self._offer({AUTO: None, ON: True, OFF: False}[word])
        else:
            self._offer(word)

    def _offer(self, value: Any) -> None:
        changes = self.spec.changes(value)
        try:
            replace_values(self.session, changes)
        except SessionError as error:
            self._complain(error.problems[0].text)
            return
        self._complain("")
        if value != (self._on_the_way[-1] if self._on_the_way else self.value):
            self._on_the_way.append(value)
            self.post_message(self.Edited(changes))

    def _complain(self, text: str) -> None:
        if text or self.complaint:
            self.complaint = text
            self._mark()
            typed = self.query_one(Input).value if text else ""
            self.post_message(self.Refused(self.spec.key, text, typed))

    def _mark(self) -> None:
        wrong = bool(self.complaint) or any(problem.blocking for problem in self.problems)
        advised = bool(self.problems) and not wrong
        changed = self.value != self.spec.default
        if (wrong, advised, changed) == self._marked:
            return
        self._marked = wrong, advised, changed
        self.set_class(wrong, "-wrong")
        self.set_class(advised, "-advised")
        self.set_class(changed, "-changed")
        sign = "✗" if wrong else "!" if advised else "•" if changed else " "
        self._title.update(f"{sign} {self.spec.title}")
