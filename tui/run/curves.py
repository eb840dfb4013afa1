"""A run's figures as files for elsewhere: every update as CSV, the curve of the loss as SVG."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence
from pathlib import Path
from xml.sax.saxutils import escape

from tui.run.state import RunState
from tui.session import file

COLUMNS = (
    "step", "epoch", "loss", "learning_rate", "grad_norm", "tokens", "tokens_per_s", "seconds", "peak_memory_bytes",
    "eval_loss", "perplexity",
)  # fmt: skip
WIDTH, HEIGHT = 900, 500
LEFT, RIGHT, TOP, BOTTOM = 70, 20, 50, 50
RAW, TRAINING, HELD_OUT, INK, GRID = "#bcd3ee", "#1f6fc4", "#d9691e", "#333333", "#e3e3e3"
MAX_POINTS = 1200
"""A longer curve is drawn through the least and the greatest of each of half as many stretches."""

Points = list[tuple[float, float]]


class UnknownKind(Exception):
    """The name of the file does not say what to write."""


def export(state: RunState, name: str, path: Path) -> None:
    """Write a run's figures as the ending of the file says: .csv or .svg. Raises UnknownKind, OSError."""
    write = {".csv": lambda: to_csv(state), ".svg": lambda: to_svg(state, name)}.get(path.suffix.lower())
    if write is None:
        raise UnknownKind("the name has to end in .csv or .svg")
    file.write_atomic(path, write())


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


def to_svg(state: RunState, name: str) -> str:
    """The loss of every update, their running mean, and the held-out loss, with axes and a legend."""
    raw: Points = [(float(it.step), it.loss) for it in state.steps if math.isfinite(it.loss)]
    held_out: Points = [(float(it.step), it.loss) for it in state.evaluations if math.isfinite(it.loss)]
    frame = _Frame([*raw, *held_out])
    smooth = list(zip([x for x, _ in raw], _running_mean([y for _, y in raw]), strict=True))
    body = [
        f'<text x="{LEFT}" y="28" font-size="16" font-weight="bold" fill="{INK}">{escape(_printable(name))}</text>',
        *frame.axes(),
        frame.line(_thin(raw), RAW, 1),
        frame.line(_thin(smooth), TRAINING, 2),
        frame.line(held_out, HELD_OUT, 2),
        *(frame.dot(point, HELD_OUT) for point in held_out),
        *_legend([("training", TRAINING)] + ([("held out", HELD_OUT)] if held_out else [])),
    ]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" '
        'font-family="sans-serif">\n'
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>\n'
        + "\n".join(part for part in body if part)
        + "\n</svg>\n"
    )


class _Frame:
    """Where the points of a picture lie, from 0 to the last update and to the greatest loss."""

    def __init__(self, points: Points) -> None:
        self.right = max((x for x, _ in points), default=1.0) or 1.0
        self.bottom = min(0.0, min((y for _, y in points), default=0.0))
        self.top = max(0.0, max((y for _, y in points), default=1.0)) * 1.05 or 1.0

    def at(self, x: float, y: float) -> tuple[float, float]:
        """The place of a point in the picture."""
        across = LEFT + x / self.right * (WIDTH - LEFT - RIGHT)
        down = TOP + (self.top - y) / (self.top - self.bottom) * (HEIGHT - TOP - BOTTOM)
        return round(across, 2), round(down, 2)

    def line(self, points: Points, colour: str, width: int) -> str:
        """A curve through points."""
        if len(points) < 2:
            return "".join(self.dot(point, colour) for point in points)
        told = " ".join(f"{x},{y}" for x, y in (self.at(*point) for point in points))
        return f'<polyline fill="none" stroke="{colour}" stroke-width="{width}" points="{told}"/>'

    def dot(self, point: tuple[float, float], colour: str) -> str:
        """One point by itself."""
        x, y = self.at(*point)
        return f'<circle cx="{x}" cy="{y}" r="4" fill="{colour}"/>'

    def axes(self) -> list[str]:
        """Lines and numbers at round values of both axes."""
        lines = []
        for value in _round_values(self.bottom, self.top):
            x, y = self.at(0, value)
            lines.append(f'<line x1="{x}" y1="{y}" x2="{WIDTH - RIGHT}" y2="{y}" stroke="{GRID}"/>')
            lines.append(f'<text x="{x - 8}" y="{y + 4}" font-size="12" text-anchor="end" fill="{INK}">{value:g}</text>')
        for value in _round_values(0, self.right):
            x, y = self.at(value, self.bottom)
            lines.append(f'<line x1="{x}" y1="{y}" x2="{x}" y2="{y + 5}" stroke="{INK}"/>')
            lines.append(f'<text x="{x}" y="{y + 20}" font-size="12" text-anchor="middle" fill="{INK}">{value:g}</text>')
        middle = (LEFT + WIDTH - RIGHT) / 2
        lines.append(f'<text x="{middle}" y="{HEIGHT - 10}" font-size="13" text-anchor="middle" fill="{INK}">update</text>')
        lines.append(f'<text x="14" y="{TOP - 8}" font-size="13" fill="{INK}">loss</text>')
        return lines


def _legend(entries: Sequence[tuple[str, str]]) -> list[str]:
    lines = []
    for row, (text, colour) in enumerate(entries):
        x, y = WIDTH - RIGHT - 110, TOP + 14 + 20 * row
        lines.append(f'<line x1="{x}" y1="{y}" x2="{x + 24}" y2="{y}" stroke="{colour}" stroke-width="3"/>')
        lines.append(f'<text x="{x + 32}" y="{y + 4}" font-size="13" fill="{INK}">{text}</text>')
    return lines


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
