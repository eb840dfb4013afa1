"""A form made from the schema: one row a field, with its title, its value and its unit."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.message import Message
from textual.reactive import var
from textual.widgets import Collapsible, Input, Label

from tui.session.fields import FieldSpec, fields_of, get_value
from tui.session.file import SessionError, replace_value
from tui.session.schema import Session
from tui.widgets.choice import Choice

SECTIONS = {
    "model": "Model",
    "lora": "LoRA adapter",
    "data": "Data",
    "training": "Training",
    "evaluation": "Evaluation",
    "chat": "Chat",
    "run": "Run",
}
ELSEWHERE = ("model.name", "data.source")
"""Fields that have a screen of their own."""


class FieldRow(Horizontal):
    """One field of the session."""

    @dataclass
    class Edited(Message):
        """A field was given another value that the schema allows."""

        key: str
        value: Any

    @dataclass
    class Refused(Message):
        """What was typed into a field is not allowed; with an empty text, it is allowed again."""

        key: str
        text: str

    @dataclass
    class Entered(Message):
        """A field got the focus."""

        row: FieldRow

    def __init__(self, spec: FieldSpec, session: Session) -> None:
        super().__init__(classes="field -text" if spec.kind in (str, tuple) and not spec.choices else "field")
        self.spec = spec
        self.session = session
        self.complaint = ""
        self._on_the_way: list[Any] = []

    @property
    def value(self) -> Any:
        return get_value(self.session, self.spec.key)

    def compose(self) -> ComposeResult:
        yield Label(self.spec.title, classes="title", markup=False)
        if self.spec.kind is bool:
            yield Choice(("off", "on"), "on" if self.value else "off")
        elif self.spec.choices:
            yield Choice(self.spec.choices, str(self.value))
        else:
            yield Input(to_text(self.value), compact=True, placeholder="left out" if self.spec.optional else "")
        yield Label(self.spec.unit, classes="unit", markup=False)

    def on_mount(self) -> None:
        self._mark()

    def show(self, session: Session) -> None:
        """Show the value of a session. What was typed here and comes back from the window is shown already."""
        self.session = session
        self._mark()
        if self.value in self._on_the_way:
            del self._on_the_way[: self._on_the_way.index(self.value) + 1]
            return
        with self.prevent(Input.Changed):
            for choice in self.query(Choice):
                choice.value = ("on" if self.value else "off") if self.spec.kind is bool else str(self.value)
            for entry in self.query(Input):
                if self._typed(entry) != self.value and not self.complaint:
                    entry.value = to_text(self.value)

    def on_choice_changed(self, event: Choice.Changed) -> None:
        event.stop()
        self._offer(event.value == "on" if self.spec.kind is bool else event.value)

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

    def _typed(self, entry: Input) -> Any:
        try:
            return from_text(entry.value, self.spec)
        except ValueError:
            return None

    def _offer(self, value: Any) -> None:
        try:
            replace_value(self.session, self.spec.key, value)
        except SessionError as error:
            self._complain(error.problems[0].text)
            return
        self._complain("")
        if value != (self._on_the_way[-1] if self._on_the_way else self.value):
            self._on_the_way.append(value)
            self.post_message(self.Edited(self.spec.key, value))

    def _complain(self, text: str) -> None:
        self.complaint = text
        self.set_class(bool(text), "-wrong")
        self.post_message(self.Refused(self.spec.key, text))

    def _mark(self) -> None:
        self.set_class(self.value != self.spec.default, "-changed")


class SectionFields(Collapsible):
    """The less usual fields of one section, built when they are first opened."""

    def __init__(self, name: str, specs: list[FieldSpec], session: Session) -> None:
        super().__init__(title=SECTIONS[name], collapsed=True)
        self.specs = specs
        self.session = session

    def on_mount(self) -> None:
        self.count()

    def on_collapsible_expanded(self) -> None:
        contents = self.query_one(Collapsible.Contents)
        if not contents.query(FieldRow):
            contents.mount_all(FieldRow(spec, self.session) for spec in self.specs)

    def count(self) -> None:
        """Say in the title how many fields inside differ from their defaults."""
        changed = sum(get_value(self.session, spec.key) != spec.default for spec in self.specs)
        title = SECTIONS[self.specs[0].section]
        self.title = f"{title}: {len(self.specs)} more" + (f", {changed} changed" if changed else "")


class Form(VerticalScroll, can_focus=False, inherit_bindings=False):
    """The whole session as rows; the fields that matter most first."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down", "app.focus_next", "Next field", show=False, id="form.next", tooltip="Go to the next field"),
        Binding("up", "app.focus_previous", "Previous field", show=False, id="form.previous", tooltip="Go back a field"),
    ]

    session: var[Session] = var(Session, init=False)

    def __init__(self, session: Session) -> None:
        super().__init__()
        self.set_reactive(Form.session, session)

    def compose(self) -> ComposeResult:
        specs = [spec for spec in fields_of(Session) if spec.key not in ELSEWHERE]
        for name, members in by_section(spec for spec in specs if spec.main):
            yield Label(SECTIONS[name], classes="section", markup=False)
            for spec in members:
                yield FieldRow(spec, self.session)
        yield Label("Everything else", classes="section", markup=False)
        for name, members in by_section(spec for spec in specs if not spec.main):
            yield SectionFields(name, members, self.session)

    def watch_session(self, session: Session) -> None:
        for row in self.query(FieldRow):
            row.show(session)
        for section in self.query(SectionFields):
            section.session = session
            section.count()


def by_section(specs: Iterable[FieldSpec]) -> list[tuple[str, list[FieldSpec]]]:
    """Fields grouped by their section, in the order of SECTIONS."""
    listed = list(specs)
    groups = [(name, [spec for spec in listed if spec.section == name]) for name in SECTIONS]
    return [(name, members) for name, members in groups if members]


def to_text(value: Any) -> str:
    """A value as it is typed: numbers short, lists with commas, nothing for what is left out."""
    if value is None:
        return ""
    if isinstance(value, tuple):
        return ", ".join(value)
    if isinstance(value, float):
        return f"{value:g}" if float(f"{value:g}") == value else repr(value)
    return str(value)


def from_text(text: str, spec: FieldSpec) -> Any:
    """A value from what was typed. Raises ValueError with a sentence for people."""
    text = text.strip() if spec.kind is not str else text
    if spec.optional and not text:
        return None
    if spec.kind is tuple:
        return tuple(word for word in text.replace(",", " ").split())
    if spec.kind is int:
        try:
            return int(text)
        except ValueError:
            raise ValueError("should be a whole number") from None
    if spec.kind is float:
        try:
            return float(text)
        except ValueError:
            raise ValueError("should be a number, like 0.0002 or 2e-4") from None
    return text


def describe(spec: FieldSpec) -> str:
    """A field in full: what it does, its range, its default, and what it becomes."""
    default = to_text(spec.default) or ("left out" if spec.optional else "empty")
    facts = [f"default {default}", spec.bounds, f"key {spec.key}", f"becomes {spec.to}" if spec.to else ""]
    return f"{spec.help}\n{' · '.join(fact for fact in facts if fact)}"
