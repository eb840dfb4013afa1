"""How the rows are read, to be changed by hand: the fields of the session that say it."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical, VerticalScroll
from textual.reactive import var
from textual.widgets import Label

from tui.screens.messages import FieldsRefused
from tui.screens.tune_text import help_lines
from tui.session.fields import form_fields
from tui.session.schema import Session
from tui.widgets.field_row import FieldRow
from tui.widgets.foreign import foreign

FIRST = ("data.format", "data.column", "data.user", "data.assistant", "data.system", "data.text")
ROWS = [*FIRST, *(spec.key for spec in form_fields(Session) if spec.section == "data" and spec.key not in FIRST)]
SHOWN_ELSEWHERE = ("data.source",)


class Rows(VerticalScroll, can_focus=False, inherit_bindings=False):
    """Scrolls with the focus; up and down are the mapping's."""


class MappingFields(Vertical):
    """The fields of [data] as rows; up and down go from one to the next."""

    BINDINGS = [  # noqa: RUF012  (Textual declares it so)
        Binding("down", "app.focus_next", "Next field", show=False, id="mapping.next", tooltip="Go to the next field"),
        Binding("up", "app.focus_previous", "Previous field", show=False, id="mapping.previous", tooltip="Go back a field"),
    ]

    session: var[Session] = var(Session, init=False)

    def __init__(self, session: Session, *, id: str) -> None:
        super().__init__(id=id)
        self.refused: dict[str, str] = {}
        self.set_reactive(MappingFields.session, session)

    def compose(self) -> ComposeResult:
        yield Label("", id="columns-there", classes="hint", markup=False)
        specs = {spec.key: spec for spec in form_fields(Session)}
        with Rows():
            for key in ROWS:
                if key not in SHOWN_ELSEWHERE:
                    yield FieldRow(specs[key], self.session)
        yield Label("", id="mapping-help", markup=False)

    def watch_session(self, session: Session) -> None:
        for row in self.query(FieldRow):
            row.show(session)

    def on_field_row_entered(self, event: FieldRow.Entered) -> None:
        self.show_help(event.row)

    def on_field_row_refused(self, event: FieldRow.Refused) -> None:
        self.refused = {key: text for key, text in self.refused.items() if key != event.key}
        if event.text:
            self.refused[event.key] = event.text
        self.post_message(FieldsRefused("data", self.refused))
        for row in self.query(FieldRow):
            if row.spec.key == event.key:
                self.show_help(row)

    def show_help(self, row: FieldRow) -> None:
        """What a field is about, and what is wrong with what is typed into it."""
        self.query_one("#mapping-help", Label).update(foreign("\n".join(help_lines(row.spec, row.complaint, row.problems))))

    def tell(self, columns: str) -> None:
        """Say which columns there are to choose from."""
        self.query_one("#columns-there", Label).update(foreign(columns))

    def focus_first(self) -> None:
        self.query(FieldRow).first().editor.focus()
