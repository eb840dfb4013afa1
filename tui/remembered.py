"""What the window remembers from one start to the next: the theme, and which hints are known by now."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from tui.resources import home
from tui.session.file import write_atomic

KNOWN_AFTER = 3
"""So many times something is done before its hint goes away."""


@dataclass(frozen=True)
class Remembered:
    """The window's own memory; no part of any session."""

    theme: str = ""
    """The theme that was chosen last; none was when empty."""
    done: Mapping[str, int] = field(default_factory=dict)
    """How many times each thing was done that there is a hint for."""

    def knows(self, hint: str) -> bool:
        """Whether a hint need not be shown any more."""
        return self.done.get(hint, 0) >= KNOWN_AFTER

    def with_done(self, hint: str) -> Remembered:
        """The same after the thing was done once more."""
        return replace(self, done={**self.done, hint: min(KNOWN_AFTER, self.done.get(hint, 0) + 1)})


def recall() -> Remembered:
    """What was remembered; nothing where that cannot be read."""
    try:
        told: Any = json.loads((home() / "window.json").read_text(encoding="utf-8"))
        theme, done = told["theme"], told["done"]
    except (OSError, ValueError, KeyError, TypeError):
        return Remembered()
    if not isinstance(theme, str) or not isinstance(done, dict):
        return Remembered()
    return Remembered(theme, {key: count for key, count in done.items() if isinstance(count, int)})


def remember(remembered: Remembered) -> None:
    """Keep it for the next start. Raises OSError."""
    home().mkdir(mode=0o700, parents=True, exist_ok=True)
    write_atomic(home() / "window.json", json.dumps(asdict(remembered)))
