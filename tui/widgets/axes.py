"""How the axes of a plot are divided and labelled: numbers, powers of ten, times."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
from textual_plot import NumericAxisFormatter

TIMES = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400)
"""Seconds between two marks that read well."""


class NumberAxis(NumericAxisFormatter):  # type: ignore[misc]
    """Round numbers, said in a way of their own."""

    def __init__(self, say: Callable[[float], str] = "{:.4g}".format) -> None:
        self.say = say

    def get_ticks(self, min_: float, max_: float, max_ticks: int = 8) -> list[float]:
        power = 10.0 ** math.floor(math.log10((max_ - min_) / max_ticks))
        apart = next(power * factor for factor in (1, 2, 5, 10, 20) if (max_ - min_) / (power * factor) <= max_ticks)
        numbers = range(math.ceil(min_ / apart), math.floor(max_ / apart) + 1)
        return [round(number * apart, 12) for number in numbers]

    def get_labels_for_ticks(self, ticks: Sequence[float]) -> list[str]:
        return [self.say(tick) for tick in ticks]


class TimeAxis(NumericAxisFormatter):  # type: ignore[misc]
    """Seconds, marked at whole minutes and hours."""

    def get_ticks(self, min_: float, max_: float, max_ticks: int = 8) -> list[float]:
        apart = next((it for it in TIMES if (max_ - min_) / it <= max_ticks - 1), 86400 * math.ceil((max_ - min_) / 6e5))
        return [float(tick) for tick in np.arange(math.ceil(min_ / apart) * apart, max_, apart)]

    def get_labels_for_ticks(self, ticks: Sequence[float]) -> list[str]:
        return [clock(tick) for tick in ticks]


class LogAxis(NumericAxisFormatter):  # type: ignore[misc]
    """Values that are plotted as their decimal logarithm, labelled as themselves."""

    def get_ticks(self, min_: float, max_: float, max_ticks: int = 8) -> list[float]:
        digits = (1, 2, 5) if max_ - min_ < 3 else (1,)
        powers = range(math.floor(min_), math.ceil(max_) + 1)
        ticks = [power + math.log10(digit) for power in powers for digit in digits]
        within = [tick for tick in ticks if min_ <= tick <= max_]
        return within[:: -(-len(within) // max_ticks)] if len(within) > 1 else [min_, max_]

    def get_labels_for_ticks(self, ticks: Sequence[float]) -> list[str]:
        return [f"{10**tick:.3g}" for tick in ticks]


def clock(seconds: float) -> str:
    """``0:45``, ``12:30``, ``2:05:00``."""
    whole = round(seconds)
    hours, minutes = divmod(whole // 60, 60)
    return f"{hours}:{minutes:02d}:{whole % 60:02d}" if hours else f"{minutes}:{whole % 60:02d}"
