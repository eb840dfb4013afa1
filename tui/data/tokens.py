"""Rows that are tokenised already."""

from __future__ import annotations

from typing import Any

from tui.data.examples import Example
from tui.data.reading import Reading, opened
from tui.data.records import DataError, Row
from tui.data.shown import kind, shown

IGNORED = -100
"""The label of a token that is not learned."""


def read_tokens(row: Row, reading: Reading) -> Example:
    """The tokens and labels of a row, without padding. Raises DataError when they are no numbers or not as many."""
    column = reading.columns[0]
    tokens = _numbers(row.get(column), column)
    if not tokens:
        raise DataError(f"column {shown(column)} is empty")
    if any(token < 0 for token in tokens):
        raise DataError(f"column {shown(column)} holds a negative number, which is no token")
    labels = _beside(row, reading.labels_column, tokens)
    kept = _beside(row, reading.mask_column, tokens)
    learned = _beside(row, reading.learned_column, tokens)
    if learned:
        labels = [label if is_learned else IGNORED for label, is_learned in zip(labels or tokens, learned, strict=True)]
    if kept:
        labels = [label for label, is_kept in zip(labels, kept, strict=False) if is_kept]
        tokens = [token for token, is_kept in zip(tokens, kept, strict=True) if is_kept]
    if not tokens:
        raise DataError("all of its tokens are padding")
    if labels and all(label == IGNORED for label in labels):
        raise DataError("none of its tokens is learned: all labels are -100")
    return Example(tokens=tuple(tokens), labels=tuple(labels))


def _beside(row: Row, column: str | None, tokens: list[int]) -> list[int]:
    if column is None or row.get(column) is None:
        return []
    found = _numbers(row[column], column)
    if len(found) != len(tokens):
        raise DataError(f"column {shown(column)} holds {len(found)} numbers for {len(tokens)} tokens")
    return found


def _numbers(value: Any, column: str) -> list[int]:
    value = opened(value)
    if value is None:
        raise DataError(f"column {shown(column)} is missing")
    if not isinstance(value, list):
        raise DataError(f"column {shown(column)} holds {kind(value)}, not a list of numbers")
    odd = next((item for item in value if not isinstance(item, int)), None)
    if odd is not None or any(item is None for item in value):
        raise DataError(f"column {shown(column)} holds {kind(odd)} among the tokens")
    return [int(item) for item in value]
