"""A form made from the schema: the fields that matter most first, the rest folded, all of it searchable."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.getters import query_one
from textual.reactive import var
from textual.widgets import Collapsible, Label

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
    "export": "Export",
    "chat": "Chat",
    "run": "Run",
}
ELSEWHERE = ("model.name", "data.source")
"""Fields that have a screen of their own."""

FOUND_SHOWN = 20

Problems = dict[str, list[Problem]]


class SectionFields(Collapsible):
    """The less usual fields of one section, built when they are first opened."""

    def __init__(self, name: str, specs: list[FieldSpec], session: Session) -> None:
        super().__init__(title=SECTIONS[name], collapsed=True)
        self.specs = specs
        self.session = session
        self.problems: Problems = {}

    def on_mount(self) -> None:
        self.count()

    def on_collapsible_expanded(self) -> None:
        contents = self.query_one(Collapsible.Contents)
        if not contents.query(FieldRow):
            contents.mount_all(FieldRow(spec, self.session, told(self.problems, spec)) for spec in self.specs)

    def count(self) -> None:
        """Say in the title how many fields inside differ from their defaults, and how many have a problem."""
        changed = sum(spec.value_in(self.session) != spec.default for spec in self.specs)
        wrong = sum(len(told(self.problems, spec)) for spec in self.specs)
        title = f"{SECTIONS[self.specs[0].section]}: {len(self.specs)} more"
        title += f", {changed} changed" if changed else ""
        self.title = title + (f", {wrong} to look at" if wrong else "")


class Form(Vertical):
    """The whole session as rows."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down", "app.focus_next", "Next field", show=False, id="form.next", tooltip="Go to the next field"),
        Binding("up", "app.focus_previous", "Previous field", show=False, id="form.previous", tooltip="Go back a field"),
    ]

    session: var[Session] = var(Session, init=False)
    problems: var[Problems] = var(dict, init=False)

    body = query_one("#body", VerticalScroll)
    found = query_one("#found", VerticalScroll)

    def __init__(self, session: Session) -> None:
        super().__init__()
        self.set_reactive(Form.session, session)
        self.specs = [spec for spec in form_fields(Session) if spec.key not in ELSEWHERE]

    def compose(self) -> ComposeResult:
        with VerticalScroll(id="body", can_focus=False):
            for name, members in by_section(spec for spec in self.specs if spec.main):
                yield Label(SECTIONS[name], classes="section", markup=False)
                for spec in members:
                    yield FieldRow(spec, self.session)
            yield Label("Everything else", classes="section", markup=False)
            for name, members in by_section(spec for spec in self.specs if not spec.main):
                yield SectionFields(name, members, self.session)
        yield VerticalScroll(id="found", can_focus=False)

    def on_mount(self) -> None:
        self.found.display = False

    def watch_session(self, session: Session) -> None:
        for row in self.query(FieldRow):
            row.show(session)
        for section in self.query(SectionFields):
            section.session = session
            section.count()

    def watch_problems(self, problems: Problems) -> None:
        for row in self.query(FieldRow):
            row.tell(told(problems, row.spec))
        for section in self.query(SectionFields):
            section.problems = problems
            section.count()

    async def search(self, text: str) -> int:
        """Show the fields whose name or help has these words, or the whole form. Returns how many there are."""
        matches = matching(self.specs, text)
        self.found.display = bool(text.strip())
        self.body.display = not self.found.display
        async with self.batch():
            await self.found.remove_children()
            if self.found.display:
                rows = (FieldRow(spec, self.session, told(self.problems, spec)) for spec in matches[:FOUND_SHOWN])
                await self.found.mount_all(rows)
        return len(matches)


def told(problems: Problems, spec: FieldSpec) -> list[Problem]:
    """The problems of one field."""
    return [problem for key in spec.keys for problem in problems.get(key, ())]


def matching(specs: Sequence[FieldSpec], text: str) -> list[FieldSpec]:
    """The fields that have all words of a text, those with the words in title or key first."""
    words = text.lower().split()
    named = [spec for spec in specs if all(word in f"{spec.title} {' '.join(spec.keys)}".lower() for word in words)]
    helped = [spec for spec in specs if spec not in named and all(word in _everything(spec) for word in words)]
    return [*named, *helped]


def _everything(spec: FieldSpec) -> str:
    return f"{spec.title} {' '.join(spec.keys)} {spec.help} {' '.join(spec.choices)}".lower()


def by_section(specs: Iterable[FieldSpec]) -> list[tuple[str, list[FieldSpec]]]:
    """Fields grouped by their section, in the order of SECTIONS."""
    listed = list(specs)
    groups = [(name, [spec for spec in listed if spec.section == name]) for name in SECTIONS]
    return [(name, members) for name, members in groups if members]
