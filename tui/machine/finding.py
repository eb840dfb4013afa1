"""What a check of this box has found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

State = Literal["ok", "limited", "missing", "unknown"]
"""Nothing to do; works, but not all of it; what needs it does not work; not found out, and why."""


@dataclass(frozen=True)
class Finding:
    """One check: what it is about, how it stands, what was found, and what to do when that is not enough."""

    name: str
    state: State
    found: str
    advice: str = ""
