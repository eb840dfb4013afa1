"""How the runs are put into a table: its columns, its cells, and in which order."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import Any

from rich.text import Text

from tui import words
from tui.run.listing import RunRow
from tui.widgets.foreign import cell

SIGNS = {
    "waiting": "…", "loading": "…", "training": "▶", "finished": "✓", "stopped": "■", "paused": "‖", "failed": "✗",
    "crashed": "✗",
}  # fmt: skip
MARK = "●"


@dataclass(frozen=True)
class Column:
    """A column: what it shows, and what it is sorted by."""

    title: str
    show: Callable[[RunRow], str | Text]
    key: Callable[[RunRow], Any]
    downwards: bool = False
    """Whether the greatest comes first."""


def _loss(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"


def _by_loss(value: float | None) -> float:
    return math.inf if value is None or math.isnan(value) else value


def state_words(row: RunRow) -> str:
    """What a run does, or why it ended as it did."""
    if row.place:
        return f"waits, number {row.place}" if not row.held else f"on hold, number {row.place}"
    return f"{row.status}: {row.reason}" if row.reason else row.status


COLUMNS = (
    Column("run", lambda row: cell(row.name, 30), lambda row: row.created, downwards=True),
    Column("state", lambda row: cell(state_words(row), 16), lambda row: (row.status, row.reason)),
    Column(
        "updates",
        lambda row: f"{row.step}/{row.steps or '?'}" if row.step or row.steps else "",
        lambda row: row.step,
        downwards=True,
    ),
    Column("loss", lambda row: _loss(row.loss), lambda row: _by_loss(row.loss)),
    Column("held out", lambda row: _loss(row.best_loss), lambda row: _by_loss(row.best_loss)),
    Column("length", lambda row: words.seconds(row.seconds) if row.seconds else "", lambda row: row.seconds, downwards=True),
    Column("size", lambda row: words.size(row.size_bytes), lambda row: row.size_bytes, downwards=True),
    Column("model", lambda row: cell(row.model, 30), lambda row: row.model.lower()),
    Column("data", lambda row: cell(row.data, 24), lambda row: row.data.lower()),
    Column("tags", lambda row: cell(" ".join(row.tags), 30), lambda row: row.tags),
)


def cells(row: RunRow, marked: bool) -> Iterable[str | Text]:
    """A line of the table."""
    return (MARK if marked else " ", SIGNS[row.status], *(column.show(row) for column in COLUMNS))


def titles(sorted_by: int, backwards: bool) -> Iterable[str]:
    """The heads of the columns, with an arrow at the one that they are sorted by."""
    for at, column in enumerate(COLUMNS):
        arrow = "" if at != sorted_by else " ▾" if column.downwards != backwards else " ▴"
        yield column.title + arrow


def in_order(rows: Iterable[RunRow], sorted_by: int, backwards: bool) -> list[RunRow]:
    """The waiting ones in their order, then the others sorted by a column."""
    rows = list(rows)
    waiting, others = [row for row in rows if row.place], [row for row in rows if not row.place]
    column = COLUMNS[sorted_by]
    return [*waiting, *sorted(others, key=column.key, reverse=column.downwards != backwards)]


def about(row: RunRow, waits_for: str = "") -> str:
    """What does not fit into its line: why it ended so, or what it waits for, and its notes."""
    because = f", as {waits_for}" if waits_for and not row.held else ""
    told = f"waits{because}; shift+up and shift+down move it, h holds it, x cancels it" if row.place else row.reason
    return " · ".join(part for part in (row.name, told, row.notes) if part)


def headline(shown: Collection[RunRow], all_of_them: int, marked: int) -> str:
    """How many there are, and what to do with them."""
    if not all_of_them:
        return "No runs yet. Start one on Tune (F4, then ctrl+t)."
    runs = f"{all_of_them} run{'s' * (all_of_them != 1)}"
    told = f"{len(shown)} of {runs}" if len(shown) < all_of_them else runs
    live = sum(not row.ended and not row.place for row in shown)
    waiting = sum(bool(row.place) for row in shown)
    parts = [
        told,
        f"{live} going on" if live else "",
        f"{waiting} waiting" if waiting else "",
        f"{marked} marked" if marked else "",
    ]
    return ", ".join(part for part in parts if part) + "; F1 lists the keys"
