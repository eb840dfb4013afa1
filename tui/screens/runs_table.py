"""The table of the Runs place: found by words, sorted, marked."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.coordinate import Coordinate
from textual.getters import query_one
from textual.widgets import DataTable, Input, Label

from tui.run.listing import RunRow, matching
from tui.screens import runs_text
from tui.screens.base import PlaceScreen
from tui.widgets.foreign import foreign

SIGN_COLUMNS = 2
"""The mark and the sign of how it stands, before the columns with a head."""


class RunsTable(PlaceScreen):
    """Those of the runs that were found that are wanted: those that wait first, then the newest."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            "slash",
            "find",
            "Find",
            id="runs.find",
            tooltip="Show only runs with these words (name, model, data, tags, state)",
        ),
        Binding("escape", "leave_filter", "List", show=False),
        Binding("s", "sort", "Sort", id="runs.sort", tooltip="Sort by the next column"),
        Binding("S", "reverse", "Reverse", id="runs.reverse", tooltip="Sort the other way round", show=False),
        Binding("space", "mark", "Mark", id="runs.mark", tooltip="Mark the run, or take its mark away"),
    ]

    headline = query_one("#headline", Label)
    entry = query_one("#filter", Input)
    table = query_one("#table", DataTable)

    def __init__(self) -> None:
        super().__init__()
        self.reasons: dict[str, str] = {}
        """What those in the queue wait for, by name."""
        self.found: list[RunRow] = []
        """Every run."""
        self.rows: list[RunRow] = []
        """Those that are shown, in their order."""
        self.marked: set[str] = set()
        self.sorted_by, self.backwards = 0, False
        self.heads: list[str] = []

    def show_rows(self) -> None:
        """Bring the table up to date: anew when other runs are shown or in another order, else where a row changed."""
        before, matched = self.rows, matching(self.found, self.entry.value)
        at = self.current
        self.rows = runs_text.in_order(matched, self.sorted_by, self.backwards)
        heads = list(runs_text.titles(self.sorted_by, self.backwards))
        if heads != self.heads or [row.name for row in before] != [row.name for row in self.rows]:
            self.heads = heads
            self.fill(at)
        else:
            for place, (old, new) in enumerate(zip(before, self.rows, strict=True)):
                if old != new:
                    self.show_row(place, new)
        self.show_headline()
        self.show_about()

    def fill(self, at: RunRow | None) -> None:
        """Fill the table anew, and leave the cursor on this run."""
        scroll = self.table.scroll_offset
        self.table.clear(columns=True)
        self.table.add_columns(*[""] * SIGN_COLUMNS, *self.heads)
        self.table.add_rows(runs_text.cells(row, row.name in self.marked) for row in self.rows)
        names = [row.name for row in self.rows]
        self.table.move_cursor(row=names.index(at.name) if at and at.name in names else 0, animate=False)
        self.table.scroll_to(scroll.x, scroll.y, animate=False)

    def show_row(self, place: int, row: RunRow) -> None:
        """Bring one line up to date."""
        for column, told in enumerate(runs_text.cells(row, row.name in self.marked)):
            self.table.update_cell_at(Coordinate(place, column), told, update_width=True)

    def show_headline(self) -> None:
        """Say how many there are."""
        self.headline.update(runs_text.headline(self.rows, len(self.found), len(self.marked)))

    def show_about(self) -> None:
        """Say what does not fit into the line under the cursor."""
        self.query_one("#about", Label).update(foreign(self.told_of_current()))

    def told_of_current(self) -> str:
        """Why the run under the cursor ended or waits, and its notes."""
        return runs_text.about(self.current, self.reasons.get(self.current.name, "")) if self.current else ""

    @property
    def current(self) -> RunRow | None:
        """The run under the cursor."""
        at = self.table.cursor_row
        return self.rows[at] if 0 <= at < len(self.rows) else None

    @property
    def chosen(self) -> list[RunRow]:
        """The marked runs, or else the one under the cursor."""
        marked = [row for row in self.rows if row.name in self.marked]
        return marked or ([self.current] if self.current else [])

    def action_find(self) -> None:
        self.entry.focus()

    def action_leave_filter(self) -> None:
        """Go back to the list; from there, show all of it again."""
        if self.focused is self.table:
            self.entry.value = ""
        self.table.focus()

    def on_input_changed(self, event: Input.Changed) -> None:
        self.show_rows()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        self.table.focus()

    def action_sort(self) -> None:
        self.sort_by((self.sorted_by + 1) % len(runs_text.COLUMNS))

    def sort_by(self, column: int) -> None:
        """Sort by one of the columns."""
        self.sorted_by, self.backwards = column, False
        self.show_rows()

    def on_data_table_header_selected(self, event: DataTable.HeaderSelected) -> None:
        column = event.column_index - SIGN_COLUMNS
        if column == self.sorted_by:
            self.action_reverse()
        elif column >= 0:
            self.sort_by(column)

    def on_data_table_row_highlighted(self, event: DataTable.RowHighlighted) -> None:
        self.show_about()

    def action_reverse(self) -> None:
        self.backwards = not self.backwards
        self.show_rows()

    def action_mark(self) -> None:
        """Mark the run under the cursor and go to the next."""
        if row := self.current:
            self.marked ^= {row.name}
            at = self.table.cursor_row
            self.show_row(at, row)
            self.table.move_cursor(row=at + 1)
            self.show_headline()
