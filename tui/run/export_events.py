"""What an engine says when it writes an export."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tui.run.happened import Happened

Stage = Literal[
    "", "waiting", "checking", "downloading", "importing", "loading", "writing", "converting", "checking files", "proving",
    "pushing",
]  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class ExportMoved(Happened):
    """How far an export is."""

    kind: Literal["export"] = "export"
    stage: Stage = ""
    """What is being done now; empty for the same as before."""
    text: str = ""
    bytes_done: int | None = None
    """Written, or sent, in this stage; None where nothing is counted."""
    bytes_total: int | None = None
    """About; None when that is not known."""
