"""The Data place: choose a dataset, see how it is read, and any row as it is trained on."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.getters import query_one
from textual.reactive import var
from textual.widget import Widget
from textual.widgets import DataTable, Input, Label, Static

from tui.data.formats import Shape
from tui.data.mapping import Example, shape_of, to_example
from tui.data.sources import DataError, Row, iterate_rows, read_rows
from tui.resources import resource
from tui.run.events import PhaseChanged, Previewed
from tui.screens.base import Outdated, PlaceScreen
from tui.screens.messages import PreviewWanted, SessionEdited
from tui.session.schema import Session
from tui.widgets.choice import Choice
from tui.widgets.foreign import cell, foreign
from tui.widgets.paths import PathSuggester

SHOWN_ROWS = 100
FORMATS = ("auto", "messages", "sharegpt", "alpaca", "prompt-completion", "text")

NOTHING_YET = "No dataset is chosen yet; type a path, or ctrl+g takes the sample data"


@dataclass(frozen=True)
class Look:
    """What was seen of a dataset."""

    source: str
    rows: tuple[Row, ...] = ()
    shape: Shape | None = None
    problem: str = ""


class DataScreen(PlaceScreen):
    """The path, how it is read, its first rows, and one example."""

    PLACE = "data"
    CSS_PATH = "data.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+r", "render", "As trained", id="data.render", tooltip="Show the row as the model is trained on it"),
        Binding(
            "ctrl+g", "sample", "Sample data", id="data.sample", tooltip="Use the shell commands that come with the program"
        ),
    ]

    session: var[Session] = var(Session)
    preview: var[Previewed | None] = var(None)
    workbench_phase: var[PhaseChanged | None] = var(None)

    source = query_one("#source", Input)
    summary = query_one("#summary", Label)
    total = query_one("#total", Label)
    table = query_one("#rows", DataTable)
    example = query_one("#example", Static)
    example_title = query_one("#example-title", Label)

    def __init__(self) -> None:
        super().__init__()
        self.seen = Look("")
        self.rendered = False

    def compose_body(self) -> Iterable[Widget]:
        yield Label(".jsonl .json .csv .tsv .parquet or .txt; right completes, Enter takes", classes="hint")
        yield Input(placeholder="/path/to/train.jsonl", id="source", compact=True, suggester=PathSuggester())
        with Horizontal(id="format-row"):
            yield Label("read as")
            yield Choice(FORMATS, self.session.data.format, id="format")
            yield Label("", id="total", markup=False)
        yield Label(NOTHING_YET, id="summary", markup=False)
        yield DataTable(id="rows", cursor_type="row", zebra_stripes=True)
        yield Label("", id="example-title", classes="section", markup=False)
        with VerticalScroll(id="example-box"):
            yield Static("", id="example", markup=False)

    def on_mount(self) -> None:
        self.source.value = self.session.data.source
        self.table.display = False
        self.read(self.session)

    def watch_session(self, before: Session, after: Session) -> None:
        if not self.is_mounted:
            return
        if before.data.source != after.data.source:
            self.source.value = after.data.source
        if (before.data.source, before.data.format) != (after.data.source, after.data.format):
            self.query_one("#format", Choice).value = after.data.format
            self.read(after)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        if source := event.value.strip():
            path = str(Path(source).expanduser().absolute())
            if path == self.session.data.source:
                self.read(self.session)
            self.post_message(SessionEdited({"data.source": path}))

    def on_choice_changed(self, event: Choice.Changed) -> None:
        self.post_message(SessionEdited({"data.format": event.value}))

    def action_sample(self) -> None:
        self.post_message(SessionEdited({"data.source": str(resource("sample_data") / "shell" / "train.jsonl")}))

    def action_render(self) -> None:
        if not self.session.model.name:
            self.notify("Choose a model first: its chat template writes the example", severity="warning")
            return
        self.rendered = True
        self.show_example()
        if self.seen.shape:
            self.post_message(PreviewWanted(max(0, self.table.cursor_row)))

    def read(self, session: Session) -> None:
        """Look into the session's dataset in the background."""
        self.total.update("")
        source, wanted = session.data.source, session.data.format
        if source:
            self.summary.update("reading …")
            self.look("rows", lambda _outdated: look_into(source, wanted), self.show_look)
        else:
            self.show_look(Look(""))

    def show_total(self, told: str) -> None:
        self.total.update(foreign(told))

    def show_look(self, look: Look) -> None:
        self.seen = look
        self.summary.set_class(bool(look.problem), "-wrong")
        if look.shape:
            self.summary.update(foreign(f"{look.shape.format}: {look.shape.reason}"))
            source, shape = look.source, look.shape
            self.look("total", lambda outdated: count(source, shape, outdated), self.show_total)
        else:
            self.summary.update(foreign(look.problem) if look.source else NOTHING_YET)
        self.table.clear(columns=True)
        self.table.display = bool(look.rows)
        columns, rows = table_of(look)
        self.table.add_column("#")
        for column in columns:
            self.table.add_column(cell(column, 30))
        width = max(16, (self.size.width - 8) // max(1, len(columns)) - 2)
        for number, values in enumerate(rows, 1):
            self.table.add_row(str(number), *(cell(value, width) for value in values))
        self.show_example()

    def on_data_table_row_highlighted(self, event: DataTable.RowHighlighted) -> None:
        self.show_example()
        if self.rendered and self.seen.shape:
            self.post_message(PreviewWanted(event.cursor_row))

    def watch_preview(self) -> None:
        if self.is_mounted:
            self.show_example()

    def watch_workbench_phase(self) -> None:
        if self.is_mounted and self.rendered:
            self.show_example()

    def show_example(self) -> None:
        """Show the row under the cursor: as a conversation, or as the model is trained on it."""
        at = self.table.cursor_row
        if not 0 <= at < len(self.seen.rows):
            self.example_title.update("")
            self.example.update("")
            return
        row = self.seen.rows[at]
        preview = self.preview
        if self.rendered and preview and preview.row == at and preview.text:
            self.example_title.update(f"Row {at + 1} as the model is trained on it: {preview.tokens} tokens")
            self.example.update(foreign(preview.text))
            return
        title = f"Row {at + 1}"
        if self.rendered:
            phase = self.workbench_phase
            failed = preview and preview.row == at and preview.error
            title += f": {preview.error}" if preview and failed else ""
            title += f" ({phase.text} …)" if phase and phase.text and phase.phase != "ready" and not failed else ""
        self.example_title.update(foreign(title))
        self.example.update(foreign(as_conversation(row, self.seen.shape)))


def look_into(source: str, wanted: str) -> Look:
    """The first rows of a file and how it is read, or why it cannot be."""
    look = Look(source)
    try:
        look = Look(source, tuple(read_rows(source, SHOWN_ROWS)))
        return Look(source, look.rows, shape_of(source, wanted))
    except DataError as error:
        return Look(source, look.rows, problem=str(error))


def count(source: str, shape: Shape, outdated: Outdated) -> str:
    """How many rows of a file can be used, and what is wrong with the first that cannot, in words."""
    rows = usable = 0
    first = ""
    try:
        for row in iterate_rows(source):
            if outdated():
                return ""
            rows += 1
            try:
                to_example(row, shape)
                usable += 1
            except DataError as error:
                first = first or f"; row {rows}: {error}"
    except DataError as error:
        return str(error)
    return f"{rows} rows" if usable == rows else f"{usable} of {rows} rows can be used{first}"


def table_of(look: Look) -> tuple[list[str], list[list[str]]]:
    """The columns and the cells of the first rows: what is asked and answered, or as it lies in the file."""
    if look.shape and look.shape.format != "text":
        return ["asked", "answered"], [asked_and_answered(row, look.shape) for row in look.rows]
    columns = list(dict.fromkeys(str(column) for row in look.rows for column in row))[:12]
    return columns, [[shown(row.get(column)) for column in columns] for row in look.rows]


def asked_and_answered(row: Row, shape: Shape) -> list[str]:
    """The last question and answer of a row, or what is wrong with it."""
    try:
        example = to_example(row, shape)
    except DataError as error:
        return [f"✗ {error}", ""]
    return [example.prompt[-1]["content"] if example.prompt else "", example.answer]


def shown(value: object) -> str:
    """A value of a row as text for a table."""
    return value if isinstance(value, str) else "" if value is None else json.dumps(value, ensure_ascii=False, default=str)


def as_conversation(row: Row, shape: Shape | None) -> str:
    """A row as its turns, or as it lies in the file when it cannot be read."""
    if shape is None:
        return json.dumps(row, ensure_ascii=False, indent=1, default=str)
    try:
        example: Example = to_example(row, shape)
    except DataError as error:
        return f"this row cannot be used: {error}"
    return example.text or "\n".join(f"{role + ':':11}{content}" for role, content in example.turns)
