"""The curve of the loss: every update faint, their running mean strong, the held-out loss beside it."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.reactive import var
from textual_plot import HiResMode, LegendLocation, PlotWidget

from tui.run.state import RunState

MAX_POINTS = 600
"""A longer curve is thinned to the least and the greatest of each of as many stretches."""

LOOK_S = 1.0
VISIBLE_GROWTH = 0.02
"""A curve is drawn anew when it has this share more points."""
PATIENCE_S = 10.0
"""A slower curve is drawn anew after this time."""
LEGEND_WIDTH = 60
"""In a narrower plot the legend would cover the curves."""


class LossPlot(PlotWidget, inherit_bindings=False):  # type: ignore[misc, call-arg]
    """Draws the losses of a run; keeps quiet while none are known."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("plus,equals_sign", "move('zoom_x_in')", "Zoom in", show=False, id="plot.in", tooltip="Show fewer updates"),
        Binding("minus", "move('zoom_x_out')", "Zoom out", show=False, id="plot.out", tooltip="Show more updates"),
        Binding("left", "move('pan_left')", "Earlier", show=False, id="plot.left", tooltip="Move to earlier updates"),
        Binding("right", "move('pan_right')", "Later", show=False, id="plot.right", tooltip="Move to later updates"),
        Binding("0", "show_all", "All", show=False, id="plot.all", tooltip="Show the whole curve again"),
    ]

    run_state: var[RunState] = var(RunState)

    def __init__(self) -> None:
        super().__init__(allow_pan_and_zoom=True)
        self._drawn = (0, 0)
        self._drawn_at = 0.0
        self.zoomed = False

    def on_mount(self) -> None:
        self.margin_top, self.margin_bottom = 1, 2
        self.app.theme_changed_signal.subscribe(self, lambda _theme: self.draw())
        self.set_interval(LOOK_S, self.draw_if_needed)

    def watch_run_state(self, before: RunState, after: RunState) -> None:
        if len(after.steps) < len(before.steps) or before.status != after.status:
            self.draw()

    def draw_if_needed(self) -> None:
        """Draw when the curve has grown visibly: a picture costs milliseconds here and kilobytes on the line."""
        steps, evaluations = len(self.run_state.steps), len(self.run_state.evaluations)
        grown = steps - self._drawn[0]
        waited = time.monotonic() - self._drawn_at
        due = (
            grown >= max(1, self._drawn[0] * VISIBLE_GROWTH)
            or evaluations != self._drawn[1]
            or (grown and waited > PATIENCE_S)
        )
        if due and self.screen is self.app.screen:
            self.draw()

    def action_move(self, how: str) -> None:
        """Zoom or pan, and stay there while the curve grows."""
        self.zoomed = True
        getattr(self, f"action_{how}")()

    def action_show_all(self) -> None:
        self.zoomed = False
        self.draw()

    def on_resize(self) -> None:
        self.draw()

    def draw(self) -> None:
        """Paint all curves anew, in the colours of the theme."""
        # Rich, which the plot is drawn with, knows the sixteen colours of a terminal without this prefix
        colours = {name: value.removeprefix("ansi_") for name, value in self.app.theme_variables.items()}
        self.clear()
        steps = self.run_state.steps
        self._drawn, self._drawn_at = (len(steps), len(self.run_state.evaluations)), time.monotonic()
        if not steps:
            self.refresh()
            return
        x = [float(step.step) for step in steps]
        y = [step.loss for step in steps]
        smooth = running_mean(y, window=max(5.0, len(y) / 60))
        if len(steps) == 1:
            self.scatter(x, y, marker="●", marker_style=colours["curve-train"])
        self.plot(*thin(x, y), line_style=colours["curve-raw"], hires_mode=HiResMode.BRAILLE)
        self.plot(*thin(x, smooth), line_style=colours["curve-train"], hires_mode=HiResMode.BRAILLE, label="training")
        if evaluations := self.run_state.evaluations:
            at = [float(evaluation.step) for evaluation in evaluations]
            losses = [evaluation.loss for evaluation in evaluations]
            self.scatter(at, losses, marker="◆", marker_style=colours["curve-eval"], label="held out")
        self.show_legend(location=LegendLocation.TOPRIGHT, is_visible=self.size.width >= LEGEND_WIDTH)
        if self.zoomed:
            return
        self.set_xlimits(0, max(2.0, x[-1]) * 1.02)  # a mark on the edge would be cut
        if finite := [value for value in y if math.isfinite(value)]:
            self.set_ylimits(min(0.0, min(finite)), max(finite) * 1.05 or 1.0)


def running_mean(values: Sequence[float], window: float) -> list[float]:
    """Exponential running mean over about `window` values.

    Its start is corrected as in Adam (Kingma and Ba 2015, section 3).
    """
    past = 1 - 1 / window
    means, mean = [], 0.0
    for number, value in enumerate(values, 1):
        mean = past * mean + (1 - past) * (value if math.isfinite(value) else mean)
        means.append(mean / (1 - past**number))
    return means


def thin(x: Sequence[float], y: Sequence[float], points: int = MAX_POINTS) -> tuple[list[float], list[float]]:
    """At most `points` of a curve: of each stretch its least and its greatest value, in their order."""
    if len(x) <= points:
        return list(x), list(y)
    stretch = -(-len(x) * 2 // points)
    kept: list[int] = []
    for start in range(0, len(x), stretch):
        span = range(start, min(start + stretch, len(x)))
        kept += sorted({min(span, key=y.__getitem__), max(span, key=y.__getitem__)})
    return [x[at] for at in kept], [y[at] for at in kept]
