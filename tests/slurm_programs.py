"""What the programs of a real Slurm (22.05) printed, for tests of what is made of it; the fixture `say` lets them say it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

Say = Callable[..., Path]

PENDING = "7|PENDING||2026-11-28T02:17:05|BeginTime"
RUNNING = "7|RUNNING|n[1-2]|2026-11-28T01:17:05|None"
OTHERS = "1|CANCELLED|n[1-2]|2026-11-28T00:58:32|None\n"
