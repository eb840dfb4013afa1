"""How the rows of a dataset are read: which columns become what, and why."""

from __future__ import annotations

import ast
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from tui.data.records import Row

ReadAs = Literal["messages", "sharegpt", "alpaca", "prompt-completion", "columns", "text", "tokens"]
TurnsAre = Literal["objects", "columns", "strings", "pairs", "named", "keyed", "transcript"]
"""objects: [{who: .., what: ..}]; columns: {who: [..], what: [..]}; strings: [asked, answered, ..];
pairs: [[asked, answered], ..]; named: [[who, what], ..]; keyed: [{"user": .., "assistant": ..}]; transcript: a text with
``Human:`` and ``Assistant:`` at the beginning of lines."""

_LONGEST_LITERAL = 1_000_000
"""Characters up to which a text is tried as a Python literal, which takes far more memory than JSON."""


@dataclass(frozen=True)
class Reading:
    """How every row of one dataset is read; plain values, so that it can travel as JSON."""

    format: ReadAs
    columns: tuple[str, ...] = ()
    """messages, sharegpt, text, tokens: one, or none where the row itself is it. Otherwise what is asked and what is
    answered. None at all where a template of the session decides."""
    reason: str = ""
    """Why it is read so, in words."""
    confidence: float = 1.0
    """0 to 1: the share times how sure the columns make it."""
    share: float = 1.0
    """Of the sample, 0 to 1, that it fits."""
    scope: tuple[str, ...] = ()
    """Objects inside objects: the columns are those of ``row[scope[0]][scope[1]]``."""
    turns: TurnsAre = "objects"
    who: str = "role"
    """The key with the speaker."""
    what: str = "content"
    """The key with what is said."""
    speakers: tuple[str, ...] = ()
    """The words for speakers that the sample has, the most frequent first."""
    extra_column: str | None = None
    """Comes after the question: Alpaca's input, a passage."""
    system_column: str | None = None
    history_column: str | None = None
    reasoning_column: str | None = None
    tools_column: str | None = None
    labels_column: str | None = None
    mask_column: str | None = None
    """0 where a token is padding."""
    learned_column: str | None = None
    """0 where a token is not learned."""
    encoded: bool = False
    """Whether question or answer are turns written as JSON in a text."""
    calls: bool = False
    """Whether the answers are nothing but calls of tools."""
    text_only: bool = False
    """Whether images and sounds in turns are left out, because the session names the format or column all the same."""
    further: tuple[Reading, ...] = ()
    """How the second source is read, and those after it; empty when all are read alike."""
    others: tuple[Reading, ...] = ()
    """What would fit too, the best first; these have no others themselves."""

    @property
    def column(self) -> str:
        """The first column as `data.column` names it: with dots where it lies in an object."""
        return ".".join((*self.scope, *self.columns[:1]))

    def of(self, source: int) -> Reading:
        """How that source is read, counted from 0."""
        return self.further[source - 1] if source and self.further else self

    @property
    def told(self) -> str:
        """How everything is read, and why, in words."""
        return "; ".join(f"{reading.format}: {reading.reason}" for reading in (self, *self.further))


def opened(value: Any) -> Any:
    """The list or object that a text is JSON (or a Python literal) of; any other value as it is."""
    if not isinstance(value, str):
        return value
    text = value.strip()
    if text[:1] + text[-1:] not in ("[]", "{}"):
        return value
    try:
        found = json.loads(text)
    except RecursionError:
        return value
    except ValueError:
        found = _literal(text)
    return found if isinstance(found, list | dict) else value


def _literal(text: str) -> Any:
    """What pandas writes into CSV: lists and dicts with single quotes."""
    if len(text) > _LONGEST_LITERAL or "'" not in text:
        return None
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return None


def inside(row: Row, scope: tuple[str, ...]) -> Row:
    """The row with the columns of the objects that `scope` leads through; those that are not there add nothing."""
    found: Any = row
    for key in scope:
        found = opened(found.get(key)) if isinstance(found, Mapping) else None
    return row | found if isinstance(found, dict) else row
