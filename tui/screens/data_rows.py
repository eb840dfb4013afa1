"""Rows of a dataset: a table of the first ones, one of them in full, and the ways from one to another."""

from __future__ import annotations

import random
from collections.abc import Sequence

from textual.getters import query_one
from textual.reactive import var
from textual.timer import Timer
from textual.widgets import DataTable

from tui.data.examples import Example
from tui.run.events import PhaseChanged, Previewed
from tui.screens.base import PlaceScreen
from tui.screens.data_looks import Look, example_of
from tui.screens.data_row import FACES, RowPane, Shown
from tui.screens.data_text import row_json, shared_out, table_of
from tui.screens.messages import PreviewWanted
from tui.session.schema import Session
from tui.widgets.foreign import cell

NUMBERED = 10
"""How wide the column of numbers and the edges of the table are together."""
PAUSE_S = 0.2
"""So long the cursor rests on a row before its tokens are asked for."""


class RowsScreen(PlaceScreen):
    """A place with a table of rows and a pane for the one under the cursor; what is looked at is `seen`."""

    session: var[Session] = var(Session)
    preview: var[Previewed | None] = var(None)
    workbench_phase: var[PhaseChanged | None] = var(None)

    table = query_one("#rows", DataTable)
    row = query_one(RowPane)

    def __init__(self) -> None:
        super().__init__()
        self.seen = Look()
        self.total: int | None = None
        self.soon: Timer | None = None

    def rows_by_length(self, longest: bool) -> Sequence[int]:
        """Numbers of the longest or shortest rows of the whole dataset; none while that is not known."""
        return ()

    def show_table(self, look: Look) -> None:
        """List the first rows."""
        self.table.clear(columns=True)
        self.table.visible = bool(look.records)
        columns, rows = table_of(look)
        share = 1 if self.has_class("-narrow") else 0.6 if self.has_class("-broad") else 0.5
        room = int(self.size.width * share) - NUMBERED
        widths = shared_out(room, [values for _, values in rows])
        self.table.add_column("#")
        for column in columns:
            self.table.add_column(cell(column, 30))
        for record, values in rows:
            self.table.add_row(str(record.number), *map(cell, values, widths))

    def on_data_table_row_highlighted(self, event: DataTable.RowHighlighted) -> None:
        if event.cursor_row != self.row.at and self.seen.records:
            self.show_row(event.cursor_row)

    def on_row_pane_sought(self, event: RowPane.Sought) -> None:
        self.go(event.row)
        self.focus_list()

    def focus_list(self) -> None:
        """Give the focus back to what the rows are chosen from."""
        self.table.focus()

    def go(self, at: int) -> None:
        """Show a row of the whole dataset, counted from 0; the table follows as far as it goes."""
        last = None if self.total is None else self.total - 1
        at = max(0, at if last is None else min(at, last))
        if self.seen.reading is None and at >= len(self.seen.records):
            return
        self.show_row(at)
        if at < self.table.row_count:
            self.table.move_cursor(row=at)

    def show_row(self, at: int) -> None:
        """Show what is known of a row, and ask the engine for what is not."""
        if not self.seen.records:
            self.row.display = False
            return
        if at < len(self.seen.records):
            record = self.seen.records[at]
            found = example_of(record, self.seen)
            told = {"turns": found.told} if isinstance(found, Example) else {"problem": str(found)}
            self.row.show(at, Shown(record.place, row_json(record), **told))
        else:
            self.row.show(at, Shown())
        self.ask_for_row()

    def ask_for_row(self) -> None:
        """Ask for a row that is not in the table, or for its tokens when they are looked at, once the cursor rests."""
        if self.soon:
            self.soon.stop()
        wants_tokens = self.row.face == "tokens"
        if self.seen.reading is None or not (wants_tokens or self.row.at >= len(self.seen.records)):
            return
        wanted = PreviewWanted(self.row.at, wants_tokens and bool(self.session.model.name))
        self.soon = self.set_timer(PAUSE_S, lambda: self.post_message(wanted))

    def watch_preview(self, preview: Previewed | None) -> None:
        if self.is_mounted and (preview is None or preview.row == self.row.at):
            self.row.preview = preview

    def watch_workbench_phase(self, phase: PhaseChanged | None) -> None:
        if self.is_mounted:
            self.row.waiting = phase.text if phase and phase.phase != "ready" else ""

    def action_view(self) -> None:
        """The next way of seeing the row."""
        face = FACES[(FACES.index(self.row.face) + 1) % len(FACES)]
        if face == "tokens" and not self.session.model.name:
            self.notify("Tokens are those of a model: choose one first (F2)")
            face = "data"
        self.row.face = face
        self.ask_for_row()

    def action_move(self, by: int) -> None:
        self.go(self.row.at + by)

    def action_jump(self) -> None:
        if self.row.display:
            self.row.number.focus()

    def action_random(self) -> None:
        self.go(random.randrange(max(1, self.total or len(self.seen.records))))

    def action_extreme(self, longest: bool) -> None:
        """The longest or the shortest row: of everything once it was checked, until then of the first ones."""
        if rows := self.rows_by_length(longest):
            self.go(rows[0] - 1)
        elif self.seen.records:
            rows_told = [len(row_json(record)) for record in self.seen.records]
            self.go(rows_told.index((max if longest else min)(rows_told)))
            self.notify("of the rows in the table; F9 looks through all of them")

    def action_edges(self) -> None:
        self.row.tokens.edges = not self.row.tokens.edges
