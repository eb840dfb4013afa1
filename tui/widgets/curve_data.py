"""The updates of a run as columns of numbers that grow with it, and what is drawn of them."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tui.run.events import Resumed, StepDone
from tui.run.state import Series

Floats = NDArray[np.float64]
NAMES = ("step", "loss", "learning_rate", "grad_norm", "tokens", "tokens_per_s", "memory", "time", "seconds", "epoch")
EXPONENT = 230.0
"""A block of the running mean grows by at most this power of e, far from the end of a float."""


class Columns:
    """Follows a series of updates, and takes in only what is new: a million of them cost nothing twice."""

    def __init__(self) -> None:
        self._table = np.empty((1024, len(NAMES)))
        self._count = 0
        self._last: StepDone | None = None

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, name: str) -> Floats:
        return self._table[: self._count, NAMES.index(name)]

    def follow(self, steps: Series[StepDone]) -> None:
        """Take in what came since the last call; all of it when a resumed run has another past."""
        if self._count > len(steps) or (self._count and steps[self._count - 1] is not self._last):
            self._count = 0
        if new := steps[self._count :]:
            while self._count + len(new) > len(self._table):
                self._table = np.concatenate([self._table, np.empty_like(self._table)])
            self._table[self._count : self._count + len(new)] = [_row(step) for step in new]
            self._count += len(new)
            self._last = new[-1]

    def elapsed(self, resumed: Sequence[Resumed]) -> Floats:
        """Seconds of training up to each update; the time between an end and a resumption does not count."""
        if not self._count:
            return np.empty(0)
        time, work = self["time"], self["seconds"] * np.diff(self["step"], prepend=0.0)
        gaps = np.diff(time, prepend=time[0] - self["seconds"][0])
        starts = np.searchsorted([it.time for it in resumed], time)
        return np.cumsum(np.where(np.diff(starts, prepend=starts[0]) > 0, work, np.maximum(gaps, 0.0)))


def _row(step: StepDone) -> tuple[float, ...]:
    norm = math.nan if step.grad_norm is None else step.grad_norm
    return (
        step.step, step.loss, step.learning_rate, norm, step.tokens, step.tokens_per_s, step.peak_memory_bytes, step.time,
        step.seconds, step.epoch,
    )  # fmt: skip


def running_mean(values: Floats, window: float) -> Floats:
    """Exponential running mean over about `window` values; what is no number is left out of it.

    Its start is corrected as in Adam (Kingma and Ba 2015, section 3). The sum is taken in blocks, each scaled by the power
    at its start, so that numpy does the work.
    """
    if window <= 1 or not len(values):
        return values
    past = 1 - 1 / window
    means = np.full(len(values), math.nan)
    there = np.isfinite(values)
    known = values[there]
    block = max(1, int(EXPONENT / -math.log(past)))
    powers = past ** np.arange(1, min(block, len(known)) + 1)
    mean, parts = 0.0, []
    for start in range(0, len(known), block):
        piece = known[start : start + block]
        decay = powers[: len(piece)]
        part = decay * (mean + (1 - past) * np.cumsum(piece / decay))
        mean = float(part[-1])
        parts.append(part)
    if parts:
        means[there] = np.concatenate(parts) / (1 - past ** np.arange(1, len(known) + 1))
    return means


def thin(x: Floats, y: Floats, points: int) -> tuple[Floats, Floats]:
    """At most about `points` of a curve: of each stretch its least and its greatest value, in their order."""
    there = np.isfinite(y)
    if not there.all():
        x, y = x[there], y[there]
    stretch = -(-len(x) * 2 // max(2, points))
    if stretch <= 2:
        return x, y
    whole = len(x) // stretch * stretch
    rows = y[:whole].reshape(-1, stretch)
    kept = np.sort(np.stack([rows.argmin(axis=1), rows.argmax(axis=1)], axis=1), axis=1)
    kept += np.arange(0, whole, stretch)[:, None]
    at = np.unique(np.concatenate([[0], kept.ravel(), np.arange(whole, len(x)), [len(x) - 1]]))
    return x[at], y[at]


def visible(x: Floats, limits: tuple[float, float] | None) -> slice:
    """The points within limits of an axis that never falls, and one more on either side."""
    if limits is None:
        return slice(0, len(x))
    first, last = np.searchsorted(x, limits[0], "left"), np.searchsorted(x, limits[1], "right")
    return slice(max(0, int(first) - 1), min(len(x), int(last) + 1))
