"""One thing that is wrong with a session, and what would mend it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong."""

    key: str
    """The dotted key it is about; empty for the file as a whole."""
    text: str
    blocking: bool = True
    """Whether a run with it makes no sense; otherwise it is advice."""
    mend: Mapping[str, Any] = field(default_factory=dict)
    """Changes of the session that would mend it, by key; empty where only a person can tell."""

    def __str__(self) -> str:
        return f"{self.key}: {self.text}" if self.key else self.text


def advice(key: str, text: str, mend: Mapping[str, Any] | None = None) -> Problem:
    """Something that works and is seldom meant."""
    return Problem(key, text, blocking=False, mend=mend or {})
