"""The GPU that the queue gave a run, written down in its folder."""

from __future__ import annotations

import json
from collections.abc import Sequence

from tui.run.folder import RunFolder
from tui.session import file


def assign(folder: RunFolder, names: Sequence[str]) -> None:
    """Write down where a run computes, by UUID or number; its engine sees no other GPU. Raises OSError."""
    file.write_atomic(folder.assigned, json.dumps(list(names)))


def assigned(folder: RunFolder) -> str:
    """The devices that the queue gave a run, as a session names them; empty where it gave none."""
    try:
        return ",".join(json.loads(folder.assigned.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError, RecursionError):
        return ""
