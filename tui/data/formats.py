"""Which shape the rows of a dataset have, found over a sample of them, with the reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from tui.data.sources import DataError, Row

Format = Literal["messages", "sharegpt", "alpaca", "prompt-completion", "text"]

PAIRS = (
    ("prompt", "completion"), ("prompt", "response"), ("question", "answer"), ("query", "response"),
    ("input", "output"), ("instruction", "response"), ("instruction", "output"), ("problem", "solution"),
    ("user", "assistant"),
)  # fmt: skip
"""Pairs of column names that mean what is asked and what is answered."""

SHARE_NEEDED = 0.5
"""A shape counts when at least this share of the sample has it."""


@dataclass(frozen=True)
class Shape:
    """How the rows of one dataset are read."""

    format: Format
    columns: tuple[str, ...]
    """messages, sharegpt, text: one column. alpaca: instruction, input, output. prompt-completion: both."""
    reason: str
    """Why this shape, in words."""
    share: float = 1.0
    """Share of the sample, 0 to 1, that has it."""


def detect(rows: Sequence[Row], wanted: str = "auto") -> Shape:
    """The shape of these rows; `wanted` forces a format. Raises DataError when no shape fits.

    A shape is chosen by how many of the rows have it, so that one odd row does not decide.
    """
    candidates = Counter(shape for row in rows for shape in _shapes_of(row) if wanted in ("auto", shape.format))
    for shape, count in candidates.most_common():
        share = count / len(rows)
        best = max(candidates.items(), key=lambda item: (item[1], -_RANK.index(item[0].format)))
        if best[1] == count and best[0] != shape:
            continue
        if share >= SHARE_NEEDED:
            counted = "" if count == len(rows) else f" ({count} of {len(rows)} rows looked at)"
            return Shape(shape.format, shape.columns, shape.reason + counted, share)
    raise DataError(_no_shape(rows, wanted))


_RANK: tuple[Format, ...] = ("messages", "sharegpt", "alpaca", "prompt-completion", "text")


def _shapes_of(row: Row) -> list[Shape]:
    """Every shape that this row could have, the most telling first."""
    shapes = []
    for column, value in row.items():
        if _is_turns(value, "role", "content"):
            shapes.append(Shape("messages", (column,), f"column {column!r} holds turns with role and content"))
        elif _is_turns(value, "from", "value"):
            shapes.append(Shape("sharegpt", (column,), f"column {column!r} holds turns with from and value"))
    names = {column.lower(): column for column in row}
    texts = {column.lower(): column for column, value in row.items() if isinstance(value, str)}
    if {"instruction", "output"} <= texts.keys() and "input" in names:
        columns = (texts["instruction"], names["input"], texts["output"])
        shapes.append(Shape("alpaca", columns, "columns instruction, input and output"))
    for asked, answered in PAIRS:
        if {asked, answered} <= texts.keys():
            pair = (texts[asked], texts[answered])
            shapes.append(Shape("prompt-completion", pair, f"columns {pair[0]!r} and {pair[1]!r}"))
            break
    if "text" in texts:
        shapes.append(Shape("text", (texts["text"],), f"column {texts['text']!r} holds plain text"))
    elif not shapes and len(row) == 1 and texts:
        (column,) = texts.values()
        shapes.append(Shape("text", (column,), f"{column!r} is the only column"))
    return shapes


def _is_turns(value: Any, who: str, what: str) -> bool:
    return (
        isinstance(value, list)
        and bool(value)
        and all(isinstance(turn, dict) and {who, what} <= turn.keys() for turn in value)
    )


def _no_shape(rows: Sequence[Row], wanted: str) -> str:
    columns = list(dict.fromkeys(str(column) for row in rows for column in row))
    named = ", ".join(columns[:12]) + (" ..." if len(columns) > 12 else "")
    if not any(_has_text(value) for row in rows for value in row.values()):
        return f"no row holds any text (columns: {named or 'none'})"
    what = "no known format fits" if wanted == "auto" else f"the format {wanted} does not fit"
    return f"{what} the columns {named}; known are messages, sharegpt, alpaca, prompt-completion and text"


def _has_text(value: Any) -> bool:
    waiting = [value]
    while waiting:  # not by recursion: JSON may be nested deeper than Python calls
        match waiting.pop():
            case str() as text if text.strip():
                return True
            case dict() as inner:
                waiting.extend(inner.values())
            case list() as inner:
                waiting.extend(inner)
    return False
