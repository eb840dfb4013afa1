"""The Data place: choose a dataset, say how it is read, see any row as it is trained on, and look through all of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.getters import query_one
from textual.reactive import var
from textual.widget import Widget
from textual.widgets import ContentSwitcher, DataTable, Input, Label

from tui.data.examples import Example
from tui.data.readers.places import is_hub_name
from tui.resources import expanded, resource
from tui.run.events import Inspected
from tui.run.pace import seconds_per_example
from tui.screens.data_findings import Findings
from tui.screens.data_looks import Look, count, example_of, look_into
from tui.screens.data_mapping import MappingFields
from tui.screens.data_row import RowPane
from tui.screens.data_rows import RowsScreen
from tui.screens.data_text import amount, columns_text, template_words
from tui.screens.messages import InspectionCancelled, InspectionWanted, Learned, SessionEdited
from tui.session.schema import Session
from tui.widgets.empty import Empty
from tui.widgets.field_row import FieldRow
from tui.widgets.foreign import foreign
from tui.widgets.hint import Hint
from tui.widgets.paths import PathSuggester

NOTHING_YET = "No dataset is chosen yet; type a path, or ctrl+g takes the sample data"


class DataScreen(RowsScreen):
    """The source, how it is read, its rows, and one of them in full."""

    PLACE = "data"
    AUTO_FOCUS = ""
    """The rows get it once they are there: on them every key of this place works."""
    CSS_PATH = "data.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f9", "inspect", "Check all", id="data.inspect", tooltip="Look through the whole dataset, or end that"),
        Binding("m", "face('mapping')", "Mapping", id="data.mapping", tooltip="Say how the rows are read, and back"),
        Binding("v", "view", "View", id="data.view", tooltip="The row as a conversation, as it is trained on, as it lies"),
        Binding("n", "move(1)", "Next", show=False, id="data.next", tooltip="The next row"),
        Binding("b", "move(-1)", "Back", show=False, id="data.back", tooltip="The row before"),
        Binding("j", "jump", "Jump", show=False, id="data.jump", tooltip="Type the number of a row"),
        Binding("r", "random", "Random", show=False, id="data.random", tooltip="Any row of the whole dataset"),
        Binding("l", "extreme(True)", "Longest", show=False, id="data.longest", tooltip="The longest row"),
        Binding("s", "extreme(False)", "Shortest", show=False, id="data.shortest", tooltip="The shortest row"),
        Binding("p", "trouble", "Problem", show=False, id="data.problem", tooltip="The next row with a problem"),
        Binding("e", "edges", "Edges", show=False, id="data.edges", tooltip="Show where each token ends"),
        Binding("f8", "mend", "Mend", id="data.mend", tooltip="Apply the change that mends what is wrong here"),
        Binding("ctrl+g", "sample", "Sample data", id="data.sample", tooltip="Use the data that comes with the program"),
        Binding("escape", "face('rows')", "Rows", show=False, id="data.rows", tooltip="Back to the rows"),
    ]

    laid: var[int] = var(0, init=False)
    inspected: var[Inspected | None] = var(None)

    source = query_one("#source", Input)
    summary = query_one("#summary", Label)
    faces = query_one(ContentSwitcher)
    mapping = query_one(MappingFields)
    findings = query_one(Findings)

    def compose_body(self) -> Iterable[Widget]:
        self.set_class(not self.session.data.source, "-empty", update=False)
        yield Hint("data.source", "A file, a folder or owner/name on the hub; right completes, Enter takes")
        yield Input(placeholder="/path/to/train.jsonl", id="source", compact=True, suggester=PathSuggester())
        yield Label(NOTHING_YET, id="summary", markup=False)
        yield Empty(
            "What it learns from: questions and answers, conversations, or plain text",
            "a file      .jsonl .json .csv .tsv .parquet .arrow .txt, also .gz and .zst",
            "a folder    all such files in it",
            "the hub     owner/name, such as mlabonne/FineTome-100k",
            "ctrl+g      the sample data that comes with the program: 432 questions, a shell command each",
            "",
            "How the rows are read is found out; m maps columns by hand.",
            "A few hundred good examples of exactly what you want are worth more than many thousand others.",
        )
        with Horizontal(id="columns"):
            with ContentSwitcher(initial="rows", id="left"):
                yield DataTable(id="rows", cursor_type="row", zebra_stripes=True)
                yield MappingFields(self.session, id="mapping")
                yield Findings(id="findings")
            yield RowPane(id="row")

    def on_mount(self) -> None:
        self.source.value = self.session.data.source
        self.table.visible = False
        self.call_after_refresh(self.read)

    # ---- the dataset

    def watch_session(self, before: Session, after: Session) -> None:
        if not self.is_mounted:
            return
        self.mapping.session = after
        if before.data.source != after.data.source:
            self.source.value = after.data.source
        if before.data != after.data:
            self.findings.inspected = None  # they were about other rows
            self.read()
        elif before.model != after.model and self.row.face == "tokens":
            self.ask_for_row()

    def watch_laid(self) -> None:
        if self.is_mounted:
            for row in self.query(FieldRow):
                row.retype(None)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        if event.input is not self.source or not (typed := event.value.strip()):
            return
        source = absolute(typed)
        if source == self.session.data.source:
            self.read()
        self.post_message(SessionEdited({"data.source": source}))
        self.post_message(Learned("data.source"))
        self.table.focus()

    def on_field_row_edited(self, event: FieldRow.Edited) -> None:
        self.post_message(SessionEdited(event.changes))

    def action_sample(self) -> None:
        self.post_message(SessionEdited({"data.source": str(resource("sample_data") / "shell" / "train.jsonl")}))

    def read(self) -> None:
        """Look into the session's dataset in the background."""
        self.total = None
        data = self.session.data
        if data.source:
            self.summary.update("reading …")
            self.look("rows", lambda _outdated: look_into(data), self.show_look)
        else:
            self.show_look(Look(data))

    def show_look(self, look: Look) -> None:
        self.seen = look
        self.set_class(not look.data.source, "-empty")
        self.row.written_by = template_words(look)
        self.show_summary()
        if look.reading:
            self.look("total", lambda _outdated: count(look.data), self.show_total)
        self.mapping.tell(columns_text(look))
        self.show_table(look)
        if self.focused is None:
            (self.table if look.records else self.source).focus()
        self.show_row(min(self.row.at, max(0, len(look.records) - 1)))

    def show_total(self, total: int | None) -> None:
        self.total = total
        self.show_summary()

    def show_summary(self) -> None:
        """How it is read and how much there is, or what is wrong with it."""
        look = self.seen
        self.summary.set_class(bool(look.problem), "-wrong")
        told = f"{look.problem}{' (F8 mends it)' if look.mend else ''}" if look.data.source else NOTHING_YET
        if look.reading:
            rows = "" if self.total is None else f" · {amount(self.total, 'row')}"
            told = f"{look.reading.told}{rows}"
        self.summary.update(foreign(told))

    # ---- all rows

    def focus_list(self) -> None:
        self.query_one(f"#{self.faces.current}").focus()

    def rows_by_length(self, longest: bool) -> Sequence[int]:
        tokens = self.findings.inspected.tokens if self.findings.inspected else None
        if tokens is None:
            return ()
        return tokens.longest_rows if longest else tokens.shortest_rows

    def action_face(self, face: str) -> None:
        """Show the mapping or the findings in place of the rows, or the rows again."""
        self.show_face("rows" if face == self.faces.current else face)

    def show_face(self, face: str) -> None:
        self.faces.current = face
        self.set_class(face != "rows", "-looking")
        self.mapping.focus_first() if face == "mapping" else self.query_one(f"#{face}").focus()

    def action_inspect(self) -> None:
        if self.inspected and not self.inspected.done:
            self.post_message(InspectionCancelled())
        elif self.seen.reading:
            self.show_face("findings")
            session = self.findings.session = self.session
            self.look("pace", lambda _outdated: seconds_per_example(session), self.show_pace)
            self.post_message(InspectionWanted())
        else:
            self.notify("There is nothing to look through yet")

    def show_pace(self, pace_s: float | None) -> None:
        self.findings.pace_s = pace_s

    def watch_inspected(self, inspected: Inspected | None) -> None:
        if self.is_mounted and self.findings.session.data == self.session.data:
            self.findings.inspected = inspected

    def on_findings_row_sought(self, event: Findings.RowSought) -> None:
        self.go(event.number - 1)

    def action_trouble(self) -> None:
        """The next row with a problem, of those that are known."""
        numbers = self.findings.troubled()
        bad = numbers or [r.number for r in self.seen.records if not isinstance(example_of(r, self.seen), Example)]
        if not bad:
            self.notify("No row with a problem is known; F9 looks through all of them")
            return
        self.go(next((number for number in sorted(bad) if number > self.row.at + 1), min(bad)) - 1)

    def action_mend(self) -> None:
        """Mend what keeps the data from being read, or the finding under the cursor."""
        mend: Mapping[str, Any] = self.seen.mend or self.findings.mend
        if mend:
            self.post_message(SessionEdited(dict(mend)))
        else:
            self.notify("Nothing here can be mended by itself")


def absolute(typed: str) -> str:
    """A path from the root; a name on the hub stays as it is."""
    return typed if is_hub_name(typed) else str(expanded(typed).absolute())
