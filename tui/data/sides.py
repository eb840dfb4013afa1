"""Rows that have what is asked in one column and what is answered in another."""

from __future__ import annotations

from typing import Any

from tui.data.examples import Turn
from tui.data.reading import opened
from tui.data.records import DataError, Row
from tui.data.roles import Part
from tui.data.shown import shown
from tui.data.speaking import Speaking, as_text
from tui.data.templates import Template
from tui.data.tools import read_calls


def side_turns(row: Row, speaking: Speaking, user: Template | None, assistant: Template | None) -> list[Turn]:
    """Earlier turns, question and answer of a row; a template goes before a column. Raises DataError for what is missing."""
    reading = speaking.reading
    ask, answer = reading.columns or (None, None)
    asked = _asked(row, speaking, ask) if user is None else [Turn("user", _templated(user, row, "there is no question"))]
    answered = (
        _said(row, answer, "assistant", speaking)
        if assistant is None
        else [Turn("assistant", _templated(assistant, row, "the assistant says nothing: there is nothing to learn"))]
    )
    if reading.reasoning_column is not None and answered and not answered[-1].reasoning:
        thought = row.get(reading.reasoning_column)
        last = answered[-1]
        if thought and last.role == "assistant":
            thought = as_text(thought, f"column {shown(reading.reasoning_column)}")
            answered[-1] = Turn(last.role, last.content, thought, last.tool_calls, last.name)
    return [*_history(row, speaking), *asked, *answered]


def _asked(row: Row, speaking: Speaking, column: str | None) -> list[Turn]:
    asked = _said(row, column, "user", speaking)
    extra = speaking.reading.extra_column
    more = row.get(extra) if extra is not None else None
    if more is not None and len(asked) == 1:
        text = as_text(more, f"column {shown(extra or '')}")
        if text.strip():
            asked = [Turn("user", f"{asked[0].content}\n\n{text}" if asked[0].content.strip() else text)]
    if not any(turn.content.strip() or turn.tool_calls for turn in asked):
        raise DataError("there is no question")
    return asked


def _said(row: Row, column: str | None, part: Part, speaking: Speaking) -> list[Turn]:
    """What one side says: a text, or turns of its own."""
    if column is None:
        raise DataError(f"no column and no template says what the {part} says")
    value: Any = row.get(column)
    if part == "assistant" and speaking.reading.calls:
        return [Turn(part, "", tool_calls=read_calls(value, f"column {shown(column)}"))]
    if speaking.reading.encoded:
        value = opened(value)
    if isinstance(value, dict):
        value = [value]
    if isinstance(value, list):
        if len(value) == 1 and isinstance(value[0], str):
            value = value[0]
        elif value and isinstance(value[0], dict):
            return speaking.objects(value, part)
    text = as_text(value, f"column {shown(column)}")
    if part == "assistant" and not text.strip():
        raise DataError(f"column {shown(column)} is empty: there is nothing to learn")
    return [Turn(part, text)]


def _templated(template: Template, row: Row, lacking: str) -> str:
    if template.is_empty(row):
        raise DataError(f"{lacking}, {' and '.join(shown(cell.name) for cell in template.cells[:4])} being empty")
    text = as_text(template.render(row), "a template over this row")
    if not text.strip():
        raise DataError(lacking)
    return text


def _history(row: Row, speaking: Speaking) -> list[Turn]:
    column = speaking.reading.history_column
    earlier = opened(row.get(column)) if column is not None else None
    if not earlier:
        return []
    if not isinstance(earlier, list):
        raise DataError(f"column {shown(column or '')} does not hold a list of earlier turns")
    if isinstance(earlier[0], dict):
        return speaking.objects(earlier)
    if all(isinstance(said, str) for said in earlier):
        return list(speaking.pairs(list(zip(earlier[::2], earlier[1::2], strict=False))))
    return list(speaking.pairs(earlier))
