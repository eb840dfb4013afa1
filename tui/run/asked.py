"""What every command to an engine carries."""

from __future__ import annotations

import time
from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What every command carries."""

    time: float = field(default_factory=time.time)
    """Seconds since 1970."""
