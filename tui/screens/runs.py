"""The Runs place: every run so far, and the way back into it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.getters import query_one
from textual.widget import Widget
from textual.widgets import DataTable, Label

from tui.run.folder import RunFolder, list_runs
from tui.run.state import RunState
from tui.run.watcher import read_state
from tui.screens.base import PlaceScreen
from tui.screens.messages import RunPicked
from tui.session.file import SessionError, load
from tui.widgets.foreign import cell

REFRESH_S = 2.0
SIGNS = {
    "waiting": "…", "loading": "…", "training": "▶", "finished": "✓", "stopped": "■", "paused": "‖", "failed": "✗",
    "crashed": "✗",
}  # fmt: skip


@dataclass(frozen=True)
class RunRow:
    """One line of the table."""

    folder: RunFolder
    state: RunState
    model: str
    data: str


class RunsScreen(PlaceScreen):
    """A table of runs, the newest first."""

    PLACE = "runs"
    CSS_PATH = "runs.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "open", "Open", id="runs.open", tooltip="Watch the run under the cursor"),
        Binding("ctrl+l", "look", "Refresh", id="runs.look", tooltip="Read all runs again"),
    ]

    headline = query_one("#headline", Label)
    table = query_one("#table", DataTable)

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[RunRow] = []

    def compose_body(self) -> Iterable[Widget]:
        yield Label("reading …", id="headline", markup=False)
        yield DataTable(id="table", cursor_type="row", zebra_stripes=True)

    def on_mount(self) -> None:
        self.table.add_columns("", "run", "state", "updates", "loss", "held out", "model", "data")
        self.set_interval(REFRESH_S, self.look_if_alive)

    def on_screen_resume(self) -> None:
        self.action_look()

    def action_look(self) -> None:
        self.look("runs", lambda outdated: [] if outdated() else [_row(folder) for folder in list_runs()], self.show_runs)

    def look_if_alive(self) -> None:
        """Follow the runs that are still going on."""
        if self.is_current and any(not row.state.ended for row in self.rows):
            self.action_look()

    def show_runs(self, rows: list[RunRow]) -> None:
        cursor = self.table.cursor_row
        self.rows = rows
        self.table.clear()
        for row in rows:
            state, last = row.state, row.state.last_step
            self.table.add_row(
                SIGNS[state.status],
                cell(row.folder.name, 48),
                cell(f"{state.status}: {state.failure.text}" if state.failure else state.status, 40),
                f"{last.step if last else 0}/{state.plan.steps if state.plan else '?'}",
                f"{last.loss:.4f}" if last else "",
                f"{state.evaluations[-1].loss:.4f}" if state.evaluations else "",
                cell(row.model, 30),
                cell(row.data, 30),
            )
        self.table.move_cursor(row=min(cursor, max(0, len(rows) - 1)))
        self.headline.update(
            f"{len(rows)} runs; Enter opens the one under the cursor"
            if rows
            else "No runs yet. Start one on Tune (F4, then ctrl+t)."
        )
        if self.focused is None:
            self.table.focus()

    def on_data_table_row_selected(self, event: DataTable.RowSelected) -> None:
        self.action_open()

    def action_open(self) -> None:
        if 0 <= self.table.cursor_row < len(self.rows):
            self.post_message(RunPicked(self.rows[self.table.cursor_row].folder))


def _row(folder: RunFolder) -> RunRow:
    try:
        session = load(folder.session)
        model, data = Path(session.model.name).name, Path(session.data.source).name
    except SessionError:
        model = data = "?"
    return RunRow(folder, read_state(folder), model, data)
