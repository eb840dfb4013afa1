"""Runs beside each other: their curves in one picture, and a table of what differs and what came of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import DataTable, Label, Static

from tui.run import comparing
from tui.run.comparing import Compared
from tui.screens.dialogs.base import Dialog
from tui.widgets.curve_data import Floats, running_mean
from tui.widgets.foreign import plain
from tui.widgets.series_plot import Line, Mark, Picture, SeriesPlot

COLOURS = ("curve-train", "curve-eval", "primary", "warning", "error", "foreground")
"""One for each run; the numbers at the ends of the curves tell them apart as well."""
TITLE_WIDTH = 26
CUT = 400
"""Longer answers are cut; Chat and Live show whole ones."""


class CompareDialog(Dialog[None]):
    """Up to six runs, a column each."""

    HELP = (
        "The loss of the marked runs in one plot, and below what came of each, in what their settings differ, and what they "
        "answer. Held-out loss compares best: training loss can be low because a run has learned its data by heart."
    )
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q,c", "dismiss", "Close", show=False)]

    def __init__(self, runs: Sequence[Compared]) -> None:
        super().__init__()
        self.runs = list(runs)

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield SeriesPlot(steered=False)
            yield Static(id="legend", markup=False)
            yield DataTable(cursor_type="row", zebra_stripes=True)
            yield Label("up and down scroll, Escape closes", classes="hint")

    def on_mount(self) -> None:
        self.query_one(SeriesPlot).show(picture(self.runs))
        self.app.theme_changed_signal.subscribe(self, lambda _theme: self.show_legend())
        self.show_legend()
        self.call_after_refresh(self.show_table)
        self.query_one(DataTable).focus()

    def show_legend(self) -> None:
        """The name of each run in the colour of its curve."""
        plot = self.query_one(SeriesPlot)
        names = [
            Content.styled(f"{at + 1} {plain(run.name)}   ", plot.colour(COLOURS[at])) for at, run in enumerate(self.runs)
        ]
        self.query_one("#legend", Static).update(Content("").join(names))

    def show_table(self) -> None:
        """What came of them, what differs, and what they say."""
        table: DataTable[Text] = self.query_one(DataTable)
        width = max(12, (table.size.width - TITLE_WIDTH) // len(self.runs) - 3)
        table.add_column("", width=TITLE_WIDTH)
        for at, run in enumerate(self.runs, 1):
            table.add_column(Text(f"{at} {plain(run.name)}"[:width]), width=width)
        for heading, lines in (
            ("what came of it", comparing.figures(self.runs)),
            ("settings that differ", comparing.settings(self.runs)),
            ("what the tuned models say", comparing.samples(self.runs)),
        ):
            table.add_row(Text(heading if lines else f"{heading}: none", style="bold"))
            for line in lines:
                told = [Text(plain(text[:CUT])) for text in (line.title, *line.values)]
                table.add_row(*told, height=None)


def picture(runs: Sequence[Compared]) -> Picture:
    """The running mean of each run's loss, with the number of the run at its end."""
    lines, marks = [], []
    for at, run in enumerate(runs):
        if run.state.steps:
            x: Floats = np.array([float(step.step) for step in run.state.steps])
            y: Floats = np.array([step.loss for step in run.state.steps])
            smooth = running_mean(y, max(5.0, len(y) / 60))
            lines.append(Line(x, smooth, COLOURS[at]))
            marks.append(Mark(str(at + 1), x[-1:], smooth[-1:], COLOURS[at]))
    return Picture(tuple(lines), tuple(marks))
