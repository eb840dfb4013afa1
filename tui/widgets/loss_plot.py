"""What the curves of a run are: the loss, raw and smoothed, the held-out loss, and the other figures of an update."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from textual_plot import AxisFormatter

from tui import words
from tui.run.state import RunState
from tui.widgets.axes import LogAxis, NumberAxis, TimeAxis, clock
from tui.widgets.curve_data import Columns, Floats, running_mean
from tui.widgets.series_plot import Line, Mark, Picture

Quantity = Literal["loss", "learning_rate", "grad_norm", "tokens_per_s", "memory"]
Scale = Literal["step", "time", "tokens"]
QUANTITIES: dict[Quantity, str] = {
    "loss": "loss", "learning_rate": "learning rate", "grad_norm": "grad norm", "tokens_per_s": "tokens/s",
    "memory": "peak memory",
}  # fmt: skip
SCALES: dict[Scale, str] = {"step": "by update", "time": "by time", "tokens": "by tokens"}
SMOOTHING: tuple[float | None, ...] = (None, 1, 20, 100)
"""How many updates the strong curve is a mean of; None for a number that fits the length of the run."""
SMOOTHED: tuple[Quantity, ...] = ("loss", "grad_norm", "tokens_per_s")
FEWEST_SMOOTHED, SMOOTHED_SHARE = 5.0, 60


@dataclass(frozen=True)
class Look:
    """How the curves are looked at."""

    quantity: Quantity = "loss"
    scale: Scale = "step"
    smoothing: float | None = None
    log: bool = False
    cursor: int | None = None
    """Which of the updates is read, counted from 0."""

    def window(self, count: int) -> float:
        """How many updates are smoothed over."""
        if self.quantity not in SMOOTHED:
            return 1
        return self.smoothing or max(FEWEST_SMOOTHED, count / SMOOTHED_SHARE)


def x_of(columns: Columns, state: RunState, scale: Scale) -> Floats:
    """Where each update lies on the x axis."""
    return columns.elapsed(state.resumed) if scale == "time" else columns[scale]


def picture(columns: Columns, state: RunState, look: Look) -> Picture:
    """The curves and marks of a run; empty before the first update."""
    if not len(columns):
        return Picture()
    x, y = x_of(columns, state, look.scale), _scaled(columns[look.quantity], look)
    window = look.window(len(columns))
    lines = [Line(x, y, "curve-raw" if window > 1 else "curve-train")]
    if window > 1:
        lines.append(Line(x, _scaled(running_mean(columns[look.quantity], window), look), "curve-train"))
    marks = list(_occasions(columns, x, state))
    if look.quantity == "loss" and state.evaluations:
        held_out, signs = _held_out(columns, x, state, look)
        lines[:0] = [held_out] if len(held_out.x) > 1 else []  # the one drawn last covers the others
        marks += signs
    return Picture(
        lines=tuple(lines),
        marks=tuple(marks),
        uprights=_epochs(columns, x),
        cursor=None if look.cursor is None else float(x[min(look.cursor, len(x) - 1)]),
        x_axis=_x_axis(look.scale),
        y_axis=LogAxis() if look.log else NumberAxis(_say(look.quantity)),
        from_zero=not look.log,
    )


def reading(columns: Columns, state: RunState, at: int, said_at: str, quantity: Quantity = "loss") -> str:
    """The figures of one update, in a line: ``update 40: loss 0.213, rate 1.2e-4, grad norm 1.20, 12:04``."""
    at = min(at, len(columns) - 1)
    values = {name: float(columns[name][at]) for name in ("step", "loss", "learning_rate", "grad_norm", "tokens")}
    parts = [f"update {values['step']:.0f}: loss {values['loss']:.4g}", f"rate {values['learning_rate']:.2g}"]
    if math.isfinite(values["grad_norm"]):
        parts.append(f"grad norm {values['grad_norm']:.3g}")
    if quantity in ("tokens_per_s", "memory"):
        parts.append(f"{QUANTITIES[quantity]} {_say(quantity)(float(columns[quantity][at]))}")
    parts += [f"{words.count(values['tokens'])} tokens", f"{clock(float(columns.elapsed(state.resumed)[at]))} in", said_at]
    return ", ".join(parts)


def _scaled(values: Floats, look: Look) -> Floats:
    """What is drawn of values: on a log scale their logarithm, where they have one."""
    if not look.log:
        return values
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(values > 0, np.log10(values), math.nan)


def _held_out(columns: Columns, x: Floats, state: RunState, look: Look) -> tuple[Line, list[Mark]]:
    at = _places(columns, x, (it.step for it in state.evaluations))
    losses = np.array([it.loss for it in state.evaluations])
    y = _scaled(losses, replace(look, quantity="loss"))
    marks = [Mark("◆", at, y, "curve-eval")]
    if np.isfinite(losses).any():
        best = int(np.nanargmin(losses))
        marks.append(Mark("★", at[best : best + 1], y[best : best + 1], "curve-eval"))
    return Line(at, y, "curve-eval"), marks


def _occasions(columns: Columns, x: Floats, state: RunState) -> Iterable[Mark]:
    """Checkpoints below; what was changed, and where the run went on, above."""
    for sign, height, steps, colour in (
        ("▲", 0.0, [it.step for it in state.checkpoints], "curve-train"),
        ("▼", 0.95, [it.step for it in state.changes], "curve-eval"),
        ("»", 0.95, [it.step for it in state.resumed], "curve-eval"),
    ):
        if steps:
            yield Mark(sign, _places(columns, x, sorted(steps)), height, colour)


def _places(columns: Columns, x: Floats, steps: Iterable[int]) -> Floats:
    """Where updates lie on the x axis, by their number; one that is not logged lies at the next that is."""
    at = np.searchsorted(columns["step"], list(steps))
    return x[np.minimum(at, len(x) - 1)]


def _epochs(columns: Columns, x: Floats) -> Floats:
    """Where each epoch but the first begins."""
    ends = np.arange(1, int(columns["epoch"][-1]) + 1)
    return x[np.minimum(np.searchsorted(columns["epoch"], ends), len(x) - 1)]


def _x_axis(scale: Scale) -> AxisFormatter:
    return TimeAxis() if scale == "time" else NumberAxis(words.count)


def _say(quantity: Quantity) -> Callable[[float], str]:
    own: dict[Quantity, Callable[[float], str]] = {"memory": words.size, "tokens_per_s": words.count}
    return own.get(quantity, "{:.4g}".format)
