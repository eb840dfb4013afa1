"""What somebody says in parts: ``[{"type": "text", "text": ..}, ..]``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tui.data.records import DataError
from tui.data.refusals import is_media_part
from tui.data.shown import kind, shown
from tui.data.tools import Call, read_calls

TEXTS = ("text", "input_text", "output_text", "None")
THOUGHTS = ("thinking", "reasoning")


@dataclass(frozen=True)
class Parts:
    """The parts put together."""

    text: str
    reasoning: str = ""
    calls: tuple[Call, ...] = ()
    answers: tuple[tuple[str, str], ...] = ()
    """Of tools: name (none is known here) and what they answer."""


def read_parts(parts: Sequence[Any], where: str, text_only: bool) -> Parts:
    """One text of all parts, with nothing between them. Raises DataError for images unless they are to be left out."""
    texts: list[str] = []
    thoughts: list[str] = []
    calls: list[Call] = []
    answers: list[tuple[str, str]] = []
    for part in parts:
        if isinstance(part, str):
            texts.append(part)
            continue
        if not isinstance(part, dict):
            raise DataError(f"{where} holds {kind(part)} among its parts, not text")
        sort = str(part.get("type"))
        if is_media_part(part):
            if not text_only:
                raise DataError(f"{where} holds {sort[:20]!r}, and only text can be trained here")
        elif sort in TEXTS and isinstance(part.get("text"), str):
            texts.append(part["text"])
        elif sort in THOUGHTS:
            thoughts.append(
                _text_of(next((part[key] for key in (*THOUGHTS, "text") if part.get(key)), ""), where, text_only)
            )
        elif sort == "tool_use":
            calls += read_calls([part], where)
        elif sort == "tool_result":
            answers.append(("", _text_of(part.get("content") or "", where, text_only)))
        else:
            raise DataError(f"{where} holds a part of the kind {shown(sort)}, not text")
    return Parts("".join(texts), "".join(thoughts), tuple(calls), tuple(answers))


def _text_of(value: Any, where: str, text_only: bool) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return read_parts(value, where, text_only).text
    raise DataError(f"{where} holds {kind(value)} among its parts, not text")
