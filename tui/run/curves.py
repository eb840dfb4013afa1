"""A run's figures as files for elsewhere: every update as CSV, the curve of the loss as SVG or PNG."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence
from pathlib import Path

from tui.run.curve_picture import HEIGHT, WIDTH, Dot, Label, Shape, Stroke, to_png, to_svg
from tui.run.state import RunState
from tui.session import file

COLUMNS = (
    "step", "epoch", "loss", "learning_rate", "grad_norm", "tokens", "tokens_per_s", "seconds", "peak_memory_bytes",
    "eval_loss", "perplexity",
)  # fmt: skip
LEFT, RIGHT, TOP, BOTTOM = 70, 20, 50, 50
RAW, TRAINING, HELD_OUT, INK, GRID = "#bcd3ee", "#1f6fc4", "#d9691e", "#333333", "#e3e3e3"
FLAT = 0.4
"""Losses whose least is more than this part of their greatest would lie flat on an axis from 0."""
MAX_POINTS = 1200
"""A longer curve is drawn through the least and the greatest of each of half as many stretches."""

Points = list[tuple[float, float]]
KINDS = (".csv", ".svg", ".png")


class UnknownKind(Exception):
    """The name of the file does not say what to write."""


def export(state: RunState, name: str, path: Path) -> None:
    """Write a run's figures as the ending of the file says: .csv, .svg or .png. Raises UnknownKind, OSError."""
    match path.suffix.lower():
        case ".csv":
            file.write_atomic(path, to_csv(state))
        case ".svg":
            file.write_atomic(path, to_svg(shapes_of(state, name)))
        case ".png":
            file.write_atomic(path, to_png(shapes_of(state, name)))
        case _:
            raise UnknownKind(f"the name has to end in {', '.join(KINDS[:-1])} or {KINDS[-1]}")


def to_csv(state: RunState) -> str:
    """A line for every update that was told and for every evaluation; what is not known is left empty."""
    lines: dict[int, dict[str, object]] = {}
    for step in state.steps:
        lines[step.step] = {name: getattr(step, name) for name in COLUMNS[:9]}
    for it in state.evaluations:
        line = lines.setdefault(it.step, {"step": it.step})
        line |= {"eval_loss": it.loss, "perplexity": it.perplexity}
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines[step] for step in sorted(lines))
    return text.getvalue()


def shapes_of(state: RunState, name: str) -> list[Shape]:
    """The loss of every update, their running mean, and the held-out loss, with axes and a legend."""
    raw: Points = [(float(it.step), it.loss) for it in state.steps if math.isfinite(it.loss)]
    held_out: Points = [(float(it.step), it.loss) for it in state.evaluations if math.isfinite(it.loss)]
    frame = _Frame([*raw, *held_out])
    smooth = list(zip([x for x, _ in raw], _running_mean([y for _, y in raw]), strict=True))
    return [
        Label((LEFT, 28), _printable(name), 16, INK),
        *frame.axes(),
        *frame.line(_thin(raw), RAW, 1),
        *frame.line(_thin(smooth), TRAINING, 2),
        *frame.line(held_out, HELD_OUT, 2),
        *(frame.dot(point, HELD_OUT) for point in held_out),
        *_legend([("training", TRAINING)] + ([("held out", HELD_OUT)] if held_out else [])),
    ]


class _Frame:
    """Where the points of a picture lie, from 0 to the last update, and over the losses there are."""

    def __init__(self, points: Points) -> None:
        self.right = max((x for x, _ in points), default=1.0) or 1.0
        low, high = min((y for _, y in points), default=0.0), max((y for _, y in points), default=1.0)
        from_zero = low <= FLAT * high
        self.bottom = min(0.0, low) if from_zero else low - 0.05 * (high - low)
        self.top = (max(0.0, high) * 1.05 if from_zero else high + 0.05 * (high - low)) or 1.0
        if self.top <= self.bottom:
            self.top = self.bottom + 1.0

    def at(self, x: float, y: float) -> tuple[float, float]:
        """The place of a point in the picture."""
        across = LEFT + x / self.right * (WIDTH - LEFT - RIGHT)
        down = TOP + (self.top - y) / (self.top - self.bottom) * (HEIGHT - TOP - BOTTOM)
        return round(across, 2), round(down, 2)

    def line(self, points: Points, colour: str, width: int) -> list[Shape]:
        """A curve through points."""
        if len(points) < 2:
            return [self.dot(point, colour) for point in points]
        return [Stroke(tuple(self.at(*point) for point in points), colour, width)]

    def dot(self, point: tuple[float, float], colour: str) -> Dot:
        """One point by itself."""
        return Dot(self.at(*point), 4, colour)

    def axes(self) -> list[Shape]:
        """Lines and numbers at round values of both axes."""
        shapes: list[Shape] = []
        for value in _round_values(self.bottom, self.top):
            x, y = self.at(0, value)
            shapes.append(Stroke(((x, y), (WIDTH - RIGHT, y)), GRID))
            shapes.append(Label((x - 8, y + 4), f"{value:g}", 12, INK, "end"))
        for value in _round_values(0, self.right):
            x, y = self.at(value, self.bottom)
            shapes.append(Stroke(((x, y), (x, y + 5)), INK))
            shapes.append(Label((x, y + 20), f"{value:g}", 12, INK, "middle"))
        shapes.append(Label(((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 10), "update", 13, INK, "middle"))
        shapes.append(Label((14, TOP - 8), "loss", 13, INK))
        return shapes


def _legend(entries: Sequence[tuple[str, str]]) -> list[Shape]:
    shapes: list[Shape] = []
    for row, (text, colour) in enumerate(entries):
        x, y = WIDTH - RIGHT - 110, TOP + 14 + 20 * row
        shapes.append(Stroke(((x, y), (x + 24, y)), colour, 3))
        shapes.append(Label((x + 32, y + 4), text, 13, INK))
    return shapes


def _round_values(low: float, high: float, about: int = 6) -> list[float]:
    """Round numbers between two values, about as many as asked for."""
    step = 10 ** math.floor(math.log10((high - low) / about))
    step *= next(factor for factor in (1, 2, 5, 10) if (high - low) / (step * factor) <= about)
    return [round(number * step, 12) for number in range(math.ceil(low / step), math.floor(high / step) + 1)]


def _running_mean(values: Sequence[float]) -> list[float]:
    """The mean of each value and those before it, over a sixtieth of them, as the window draws it."""
    past = 1 - 1 / max(5.0, len(values) / 60)
    means, mean = [], 0.0
    for number, value in enumerate(values, 1):
        mean = past * mean + (1 - past) * value
        means.append(mean / (1 - past**number))
    return means


def _thin(points: Points) -> Points:
    """At most `MAX_POINTS` of a curve: of each stretch its least and its greatest, in their order."""
    if len(points) <= MAX_POINTS:
        return points
    stretch = -(-len(points) * 2 // MAX_POINTS)
    kept: Points = []
    for start in range(0, len(points), stretch):
        part = points[start : start + stretch]
        kept += sorted({min(part, key=lambda it: it[1]), max(part, key=lambda it: it[1])})
    return kept


def _printable(text: str) -> str:
    return "".join(char for char in text if char.isprintable())
