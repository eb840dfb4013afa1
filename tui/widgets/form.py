"""A form made from the schema: the fields that matter most first, the rest folded, all of it searchable."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.getters import query_one
from textual.reactive import reactive, var
from textual.widget import Widget
from textual.widgets import Label, Static

from tui.session.fields import FieldSpec, form_fields
from tui.session.problem import Problem
from tui.session.schema import Session
from tui.widgets.field_row import FieldRow

SECTIONS = {
    "model": "Model",
    "lora": "LoRA adapter",
    "data": "Data",
    "training": "Training",
    "evaluation": "Evaluation",
    "guards": "Guards",
    "export": "Export",
    "chat": "Chat",
    "cluster": "Cluster",
    "run": "Run",
}
ELSEWHERE = ("model.name", "data.source")
"""Fields that have a screen of their own."""

FOUND_SHOWN = 20

Problems = dict[str, list[Problem]]


class SectionFields(Static, can_focus=True):
    """The title of the less usual fields of one section, which are built below it when it is first opened."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter,space", "unfold", "Unfold", show=False, id="section.toggle", tooltip="Show or hide these fields"),
    ]

    collapsed: reactive[bool] = reactive(True, init=False)

    def __init__(self, specs: list[FieldSpec], session: Session) -> None:
        super().__init__()
        self.specs = specs
        self.session = session
        self.problems: Problems = {}
        self.typed: dict[str, str] = {}
        self.rows: list[FieldRow] = []

    def action_unfold(self) -> None:
        self.collapsed = not self.collapsed

    def on_click(self) -> None:
        self.action_unfold()

    def watch_collapsed(self, collapsed: bool) -> None:
        if not self.rows and isinstance(self.parent, Widget):
            self.rows = [
                FieldRow(spec, self.session, told(self.problems, spec), self.typed.get(spec.key)) for spec in self.specs
            ]
            self.parent.mount_all(self.rows, after=self)
        for row in self.rows:
            row.display = not collapsed

    def show(self, session: Session, problems: Problems) -> None:
        """Say anew how many fields are inside, how many of them differ from their defaults or have a problem."""
        self.session, self.problems = session, problems
        self.refresh()

    def render(self) -> Content:
        changed = sum(spec.value_in(self.session) != spec.default for spec in self.specs)
        wrong = sum(len(told(self.problems, spec)) for spec in self.specs)
        title = f"{'▶' if self.collapsed else '▼'} {SECTIONS[self.specs[0].section]}: {len(self.specs)} more"
        title += f", {changed} changed" if changed else ""
        return Content(title + (f", {wrong} to look at" if wrong else ""))


class Rows(VerticalScroll, can_focus=False, inherit_bindings=False):
    """Scrolls with the focus; up and down are the form's, to go from field to field."""


class Form(Vertical):
    """The whole session as rows."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down", "app.focus_next", "Next field", show=False, id="form.next", tooltip="Go to the next field"),
        Binding("up", "app.focus_previous", "Previous field", show=False, id="form.previous", tooltip="Go back a field"),
    ]

    session: var[Session] = var(Session, init=False)
    problems: var[Problems] = var(dict, init=False)

    body = query_one("#body", Rows)
    found = query_one("#found", Rows)

    def __init__(self, session: Session) -> None:
        super().__init__()
        self.set_reactive(Form.session, session)
        self.typed: dict[str, str] = {}
        """What is typed and not allowed, by key: it outlives the rows of a search."""
        self.specs = [spec for spec in form_fields(Session) if spec.key not in ELSEWHERE]

    def compose(self) -> ComposeResult:
        with Rows(id="body"):
            for name, members in by_section(spec for spec in self.specs if spec.main):
                yield Label(SECTIONS[name], classes="section", markup=False)
                for spec in members:
                    yield FieldRow(spec, self.session)
            yield Label("Everything else", classes="section", markup=False)
            for _, members in by_section(spec for spec in self.specs if not spec.main):
                section = SectionFields(members, self.session)
                section.typed = self.typed
                yield section
        yield Rows(id="found")

    def on_mount(self) -> None:
        self.found.display = False

    def watch_session(self, session: Session) -> None:
        for row in self.query(FieldRow):
            row.show(session)
        for section in self.query(SectionFields):
            section.show(session, self.problems)

    def watch_problems(self, problems: Problems) -> None:
        for row in self.query(FieldRow):
            row.tell(told(problems, row.spec))
        for section in self.query(SectionFields):
            section.show(self.session, problems)

    def on_field_row_refused(self, event: FieldRow.Refused) -> None:
        self.typed.pop(event.key, None)
        if event.text:
            self.typed[event.key] = event.typed

    def forget_typed(self) -> None:
        """Show the values of the session in place of what is typed and not allowed."""
        self.typed.clear()
        for row in self.query(FieldRow):
            row.retype(None)

    async def search(self, text: str) -> int:
        """Show the fields whose name or help has these words, or the whole form. Returns how many there are."""
        matches = matching(self.specs, text)
        self.found.display = bool(text.strip())
        self.body.display = not self.found.display
        async with self.batch():
            await self.found.remove_children()
            if self.found.display:
                shown = matches[:FOUND_SHOWN]
                await self.found.mount_all(
                    FieldRow(spec, self.session, told(self.problems, spec), self.typed.get(spec.key)) for spec in shown
                )
            else:
                for row in self.body.query(FieldRow):
                    row.retype(self.typed.get(row.spec.key))
        return len(matches)


def told(problems: Problems, spec: FieldSpec) -> list[Problem]:
    """The problems of one field."""
    return [problem for key in spec.keys for problem in problems.get(key, ())]


def matching(specs: Sequence[FieldSpec], text: str) -> list[FieldSpec]:
    """The fields that have all words of a text, those with the words in title or key first."""
    words = text.lower().split()
    named = [spec for spec in specs if all(word in _names(spec) for word in words)]
    helped = [spec for spec in specs if spec not in named and all(word in _everything(spec) for word in words)]
    return [*named, *helped]


def _names(spec: FieldSpec) -> str:
    return f"{spec.title} {spec.key} {' '.join(spec.keys)}".lower()


def _everything(spec: FieldSpec) -> str:
    return f"{_names(spec)} {spec.help} {' '.join(spec.choices)}".lower()


def by_section(specs: Iterable[FieldSpec]) -> list[tuple[str, list[FieldSpec]]]:
    """Fields grouped by their section, in the order of SECTIONS."""
    listed = list(specs)
    groups = [(name, [spec for spec in listed if spec.section == name]) for name in SECTIONS]
    return [(name, members) for name, members in groups if members]
