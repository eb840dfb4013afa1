"""A plot of one or more curves in the colours of the theme, which stays where it was zoomed to while they grow."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from textual import on
from textual_plot import AxisFormatter, HiResMode, PlotWidget

from tui.widgets.axes import NumberAxis
from tui.widgets.curve_data import Floats, thin, visible

MAX_POINTS = 600
"""More points of one curve cost time and show nothing more."""
POINTS_A_COLUMN = 4
MOST_TICKS, TICK_COLUMNS, TICK_ROWS = 8, 10, 2
"""So many marks on an axis at most, and so much room for each."""
UPRIGHT_COLUMNS = 8
"""Upright lines that would stand closer to each other, on average, hide the curve, and are left out."""
MARK_COLUMNS = 4
"""Signs of one kind stand at least so far from each other."""
LIMIT = 1e-9
FLAT = 0.4
"""A curve whose least value is more than this part of its greatest would lie flat on an axis from 0."""


@dataclass(frozen=True)
class Line:
    """A curve, and the colour slot it is drawn in."""

    x: Floats
    y: Floats
    colour: str


@dataclass(frozen=True)
class Mark:
    """A sign at some places of the x axis: on the points given, or along the lower or upper edge."""

    sign: str
    x: Floats
    y: Floats | float
    """Values, or how high on the plot, 0 to 1."""
    colour: str


@dataclass(frozen=True)
class Picture:
    """Everything that is on a plot."""

    lines: tuple[Line, ...] = ()
    marks: tuple[Mark, ...] = ()
    uprights: Floats = field(default_factory=lambda: np.empty(0))
    """Where faint lines stand from top to bottom."""
    cursor: float | None = None
    x_axis: AxisFormatter = field(default_factory=NumberAxis)
    y_axis: AxisFormatter = field(default_factory=NumberAxis)
    from_zero: bool = True
    """Whether the y axis starts at 0 when nothing lies below, and the curve does not lie flat then."""


class SeriesPlot(PlotWidget, inherit_bindings=False):  # type: ignore[misc, call-arg]
    """Draws a picture; knows nothing of where it comes from."""

    def __init__(self, *, id: str | None = None, steered: bool = True) -> None:
        super().__init__(id=id, allow_pan_and_zoom=steered)
        self.can_focus = steered
        self.picture = Picture()
        self.limits: tuple[float, float] | None = None
        """What of the x axis is shown; None for all of it."""

    def on_mount(self) -> None:
        self.margin_top, self.margin_bottom, self.margin_left = 0, 1, 8
        self.app.theme_changed_signal.subscribe(self, lambda _theme: self.draw())

    def on_resize(self) -> None:
        self.draw()

    def _rerender(self) -> None:
        """Note that there is something to draw. A refresh of the whole widget as well would send every picture twice."""
        self._needs_rerender = True

    def show(self, picture: Picture) -> None:
        """Draw something else."""
        self.picture = picture
        self.draw()

    @on(PlotWidget.ScaleChanged)
    def moved_by_mouse(self, event: PlotWidget.ScaleChanged) -> None:
        event.stop()
        self.limits = (event.x_min, event.x_max)
        self.draw()

    def zoom(self, factor: float) -> None:
        """Show so many times of what is shown, about the cursor or the middle."""
        first, last = self.limits or self.extent
        middle = self.picture.cursor
        middle = (first + last) / 2 if middle is None or not first <= middle <= last else middle
        whole = self.extent
        wanted = (middle - (middle - first) * factor, middle + (last - middle) * factor)
        self.limits = (max(whole[0], wanted[0]), min(whole[1], wanted[1]))
        if self.limits == whole or self.limits[1] - self.limits[0] < LIMIT:
            self.limits = None
        self.draw()

    def pan(self, share: float) -> None:
        """Move by a share of what is shown."""
        if self.limits is None:
            return
        first, last = self.limits
        by = (last - first) * share
        by = max(self.extent[0] - first, min(self.extent[1] - last, by))
        self.limits = (first + by, last + by)
        self.draw()

    def show_all(self) -> None:
        """Show the whole curve again."""
        self.limits = None
        self.draw()

    @property
    def extent(self) -> tuple[float, float]:
        """From where to where the curves reach; a mark on the edge would be cut."""
        ends = [float(line.x[-1]) for line in self.picture.lines if len(line.x)]
        return 0.0, max([*ends, LIMIT]) * 1.02

    @property
    def uprights(self) -> Floats:
        """Where upright lines are drawn: nowhere where they would hide the curve."""
        found = self.picture.uprights[visible(self.picture.uprights, self.limits)]
        return found if len(found) * UPRIGHT_COLUMNS <= self.size.width else found[:0]

    def draw(self) -> None:
        """Paint everything anew."""
        self.clear()
        self._v_lines_labels.clear()
        lines = [self._thinned(line) for line in self.picture.lines]
        shown = [line for line in lines if len(line.x)]
        if not shown:
            self.refresh()
            return
        low, high = self._heights(shown)
        self.set_x_formatter(self.picture.x_axis)
        self.set_y_formatter(self.picture.y_axis)
        first, last = self.limits or self.extent
        self.set_xlimits(first, last)
        self.set_ylimits(low, high)
        # the library would write labels over each other where there is little room
        self.set_xticks(self.picture.x_axis.get_ticks(first, last, max(2, min(MOST_TICKS, self.size.width // TICK_COLUMNS))))
        self.set_yticks(self.picture.y_axis.get_ticks(low, high, max(2, min(MOST_TICKS, self.size.height // TICK_ROWS))))
        for x in self.uprights:
            self.plot([x, x], [low, high], line_style=self.colour("faint"), hires_mode=HiResMode.BRAILLE)
        for line in shown:
            if len(line.x) == 1:
                self.scatter(line.x, line.y, marker="●", marker_style=self.colour(line.colour))
            self.plot(line.x, line.y, line_style=self.colour(line.colour), hires_mode=HiResMode.BRAILLE)
        for mark in self.picture.marks:
            self._mark(mark, low, high)
        if self.picture.cursor is not None:
            self.add_v_line(self.picture.cursor, line_style=self.colour("foreground"))
        if self._needs_canvas_resize:
            self.refresh()
        else:
            self._render_plot()
            self._needs_rerender = False

    def colour(self, slot: str) -> str:
        """A colour of the theme, as Rich writes it: it knows the sixteen of a terminal without the prefix, and no shades."""
        told = str(self.app.theme_variables[slot]).removeprefix("ansi_")
        return "bright_black" if told == "transparent" else told

    def _thinned(self, line: Line) -> Line:
        seen = visible(line.x, self.limits)
        points = min(MAX_POINTS, POINTS_A_COLUMN * max(20, self.size.width))
        x, y = thin(line.x[seen], line.y[seen], points)
        return replace(line, x=x, y=y)

    def _heights(self, lines: list[Line]) -> tuple[float, float]:
        """The least and the greatest of what is shown, with some air above."""
        low, high = min(float(line.y.min()) for line in lines), max(float(line.y.max()) for line in lines)
        from_zero = self.picture.from_zero and low <= FLAT * high
        if from_zero:
            low = min(low, 0.0)
        room = (high - low) * 0.06 or abs(high) * 0.1 or 1.0
        return (low if from_zero else low - room), high + room

    def _apart(self, x: Floats) -> list[int]:
        """Those of some places that are far enough from the next one, from the last back: else they cover the curve."""
        first, last = self.limits or self.extent
        room = MARK_COLUMNS * (last - first) / max(1, self.size.width)
        kept: list[int] = []
        for at in range(len(x) - 1, -1, -1):
            if not kept or x[kept[-1]] - x[at] >= room:
                kept.append(at)
        return kept[::-1]

    def _mark(self, mark: Mark, low: float, high: float) -> None:
        seen = visible(mark.x, self.limits)
        x = mark.x[seen]
        y = np.full(len(x), low + (high - low) * mark.y) if isinstance(mark.y, float) else mark.y[seen]
        if len(x):
            kept = self._apart(x)
            self.scatter(x[kept], y[kept], marker=mark.sign, marker_style=self.colour(mark.colour))
