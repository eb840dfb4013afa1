"""The curves of the run that is watched, with the keys that look at them in other ways."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any, ClassVar, TypeVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.getters import query_one
from textual.reactive import var
from textual.widgets import Static

from tui.run.state import RunState
from tui.widgets.curve_data import Columns, visible
from tui.widgets.loss_plot import QUANTITIES, SCALES, SMOOTHED, SMOOTHING, Look, Quantity, picture, reading, x_of
from tui.widgets.series_plot import SeriesPlot

LOOK_S = 1.0
VISIBLE_GROWTH = 0.02
"""A curve is drawn anew when it has this share more points."""
PATIENCE_S = 10.0
"""A slower curve is drawn anew after this time."""
STAY_S, FEW = 6.0, 300
"""And one of many points none sooner than after this time: a picture costs kilobytes on the line."""
ROOMY = 60
"""With fewer columns the caption says only what the signs mean."""
SMALL: tuple[Quantity, ...] = ("learning_rate", "grad_norm")
"""What the small plots show."""
T = TypeVar("T")


class Curves(Vertical):
    """The plot of what is chosen, with small ones of rate and grad norm below where there is room."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"curves--train", "curves--raw", "curves--eval"}
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            "v",
            "next_quantity",
            "Curve",
            show=False,
            id="plot.what",
            tooltip="Loss, learning rate, grad norm, tokens/s or memory",
        ),
        Binding("w", "next_smoothing", "Smoothing", show=False, id="plot.smooth", tooltip="Smooth more or less"),
        Binding("o", "log", "Log scale", show=False, id="plot.log", tooltip="Logarithmic y axis, or a straight one"),
        Binding("x", "next_scale", "X axis", show=False, id="plot.x", tooltip="By update, by time or by tokens"),
        Binding("comma", "read(-1)", "Read back", show=False, id="plot.read_back", tooltip="Read the update before"),
        Binding("full_stop", "read(1)", "Read on", show=False, id="plot.read_on", tooltip="Read the next update"),
        Binding("less_than_sign", "read(-10)", "Far back", show=False, id="plot.far_back", tooltip="Ten columns back"),
        Binding("greater_than_sign", "read(10)", "Far on", show=False, id="plot.far_on", tooltip="Ten columns on"),
        Binding("plus,equals_sign", "zoom(0.7)", "Zoom in", show=False, id="plot.in", tooltip="Show fewer updates"),
        Binding("minus", "zoom(1.43)", "Zoom out", show=False, id="plot.out", tooltip="Show more updates"),
        Binding("left", "pan(-0.2)", "Earlier", show=False, id="plot.left", tooltip="Move to earlier updates"),
        Binding("right", "pan(0.2)", "Later", show=False, id="plot.right", tooltip="Move to later updates"),
        Binding("0,escape", "show_all", "All", show=False, id="plot.all", tooltip="Show the whole curve, and read no point"),
    ]

    run_state: var[RunState] = var(RunState)
    chosen: var[Look] = var(Look, init=False)

    caption = query_one("#caption", Static)
    plot = query_one("#plot-main", SeriesPlot)

    def __init__(self) -> None:
        super().__init__()
        self.columns = Columns()
        self.drawn: tuple[int, ...] = ()
        self.drawn_at = 0.0

    def compose(self) -> ComposeResult:
        yield Static("", id="caption", markup=False)
        yield SeriesPlot(id="plot-main")
        with Horizontal(id="small-plots"):
            for quantity in SMALL:
                with Vertical(classes="small"):
                    yield Static(QUANTITIES[quantity], classes="small-title", markup=False)
                    yield SeriesPlot(id=f"plot-{quantity}", steered=False)

    def on_mount(self) -> None:
        self.set_interval(LOOK_S, self.draw_if_needed)

    def on_resize(self) -> None:
        self.call_after_refresh(self.draw)  # the small plots may have appeared

    def watch_run_state(self, before: RunState, after: RunState) -> None:
        if len(after.steps) < len(before.steps) or before.status != after.status:
            self.draw()

    def watch_chosen(self, before: Look, after: Look) -> None:
        if before.scale != after.scale:
            self.plot.limits = None
        self.draw()

    def draw_if_needed(self) -> None:
        """Draw when the curve has grown visibly."""
        now = _extent(self.run_state)
        waited = time.monotonic() - self.drawn_at
        grown = now[0] - (self.drawn[0] if self.drawn else 0)
        others = now[1:] != self.drawn[1:]
        due = grown >= max(1, (now[0] - grown) * VISIBLE_GROWTH) or others or (grown and waited > PATIENCE_S)
        if due and (waited > STAY_S or now[0] < FEW) and self.screen is self.app.screen and self.display:
            self.draw()

    def draw(self) -> None:
        """Paint everything anew."""
        if not self.is_mounted:
            return
        self.drawn, self.drawn_at = _extent(self.run_state), time.monotonic()
        self.columns.follow(self.run_state.steps)
        self.plot.show(picture(self.columns, self.run_state, self.chosen))
        if self.query_one("#small-plots").display:
            for quantity in SMALL:
                look = Look(quantity=quantity, scale=self.chosen.scale)
                self.query_one(f"#plot-{quantity}", SeriesPlot).show(picture(self.columns, self.run_state, look))
        self.caption.update(self.told(), layout=False)

    def told(self) -> Content:
        """What is seen, or the figures under the cursor."""
        look = self.chosen
        if look.cursor is not None and len(self.columns):
            at = min(look.cursor, len(self.columns) - 1)
            when = time.strftime("%H:%M", time.localtime(float(self.columns["time"][at])))
            return Content(reading(self.columns, self.run_state, at, when, look.quantity))
        roomy = self.size.width >= ROOMY
        by = f" {SCALES[look.scale]}" if roomy or look.scale != "step" else ""
        parts: list[Any] = [(f"{QUANTITIES[look.quantity]}{by}{', log' if look.log else ''}  ", "")]
        if look.quantity in SMOOTHED:
            over = look.window(len(self.columns))
            parts += [("⠒ each", "curves--raw"), (f" ━ over {over:.0f}", "curves--train")] if over > 1 else []
        if look.quantity == "loss" and (found := self.run_state.evaluations):
            best = min(found, key=lambda it: it.loss)
            parts.append((f" ◆ held out ★ best{f' {best.loss:.4g} at {best.step}' if roomy else ''}", "curves--eval"))
        if len(self.plot.uprights):
            parts.append((" ┊ epoch", "curves--raw"))
        if self.run_state.checkpoints:
            parts.append((" ▲ saved", "curves--train"))
        if self.run_state.changes:
            parts.append((" ▼ changed", "curves--eval"))
        if self.run_state.resumed:
            parts.append((" » resumed", "curves--eval"))
        return Content.assemble(
            *(Content.styled(text, self.get_visual_style(name)) if name else text for text, name in parts)
        )

    # ---- keys

    def action_next_quantity(self) -> None:
        self.chosen = replace(self.chosen, quantity=_after(tuple(QUANTITIES), self.chosen.quantity))

    def action_next_smoothing(self) -> None:
        self.chosen = replace(self.chosen, smoothing=_after(SMOOTHING, self.chosen.smoothing))

    def action_next_scale(self) -> None:
        self.chosen = replace(self.chosen, scale=_after(tuple(SCALES), self.chosen.scale))

    def action_log(self) -> None:
        self.chosen = replace(self.chosen, log=not self.chosen.log)

    def action_zoom(self, factor: float) -> None:
        self.plot.zoom(factor)

    def action_pan(self, share: float) -> None:
        self.plot.pan(share)

    def action_show_all(self) -> None:
        self.plot.limits = None
        self.chosen = replace(self.chosen, cursor=None)
        self.draw()

    def action_read(self, columns: int) -> None:
        """Move the point that is read by columns of the plot, an update at least."""
        self.columns.follow(self.run_state.steps)
        if not len(self.columns):
            return
        seen = visible(x_of(self.columns, self.run_state, self.chosen.scale), self.plot.limits)
        cursor = self.chosen.cursor
        if cursor is None or not seen.start <= cursor < seen.stop:
            at = seen.stop - 1
        else:
            at = cursor + columns * max(1, (seen.stop - seen.start) // max(1, self.plot.size.width))
        self.chosen = replace(self.chosen, cursor=max(seen.start, min(seen.stop - 1, at)))


def _extent(state: RunState) -> tuple[int, ...]:
    """How much there is to draw."""
    others = (state.evaluations, state.checkpoints, state.changes, state.resumed)
    return len(state.steps), *(len(kind) for kind in others)


def _after(values: tuple[T, ...], value: T) -> T:
    """The next of some values, and the first again after the last."""
    return values[(values.index(value) + 1) % len(values)]
