"""The list of the Runs place, kept up to date."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.widget import Widget
from textual.widgets import DataTable, Input, Label

from tui.run.listing import Listing, RunRow
from tui.run.waiting import Outlook
from tui.screens.base import Outdated
from tui.screens.runs_table import RunsTable
from tui.widgets.empty import Empty

REFRESH_S = 2.0


class RunsList(RunsTable):
    """Looks at every run, again and again while one goes on."""

    PLACE = "runs"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+l", "look", "Refresh", id="runs.look", tooltip="Look at all runs again", show=False),
    ]

    def __init__(self) -> None:
        super().__init__()
        self.listing, self.outlook = Listing(), Outlook()

    def compose_body(self) -> Iterable[Widget]:
        with Horizontal(id="top"):
            yield Label("reading …", id="headline", markup=False)
            yield Input(placeholder="/ finds by words", id="filter", compact=True)
        yield Empty(
            "Every run will stand here, and stay",
            "F2        choose a model",
            "F3        choose what it learns from",
            "ctrl+t    start the run; it goes on when this window is closed",
            "ctrl+p    Demo trains a small model on sample data: some minutes",
        )
        yield DataTable(id="table", cursor_type="row", zebra_stripes=True)
        yield Label("", id="about", markup=False)

    def on_mount(self) -> None:
        self.set_interval(REFRESH_S, self.look_if_alive)

    def on_screen_resume(self) -> None:
        self.action_look()

    def action_look(self) -> None:
        self.look("runs", self.find, self.take)

    def find(self, outdated: Outdated) -> tuple[list[RunRow], dict[str, str]]:
        """Every run, and what those in the queue wait for."""
        rows = [] if outdated() else self.listing.rows()
        return rows, {it.ticket.name: it.why for it in self.outlook.look(rows)}

    def look_if_alive(self) -> None:
        """Follow the runs that are still going on or wait."""
        if self.is_current and any(not row.ended or row.place for row in self.found):
            self.action_look()

    def take(self, looked: tuple[list[RunRow], dict[str, str]]) -> None:
        """Show what a look has found, if it is anything new."""
        first = self.headline.content == "reading …"
        found, reasons = looked
        if reasons != self.reasons:
            self.reasons = reasons
            self.show_about()
        if found != self.found or first:
            self.found = found
            self.marked &= {row.name for row in found}
            self.show_rows()
        self.set_class(not found, "-empty")
        if not found:
            self.set_focus(None)  # the line to find by is hidden, and would still take what is typed
        if found and (first or self.focused is None):
            self.table.focus()
