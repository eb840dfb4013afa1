"""Tags and notes of a run: those of its session until somebody changes them, in a file beside it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

from tui.run.folder import RunFolder
from tui.session import file
from tui.session.schema import Session


@dataclass(frozen=True)
class Labels:
    """What somebody wants to remember about a run, and find it by."""

    tags: tuple[str, ...] = ()
    notes: str = ""


def read_labels(folder: RunFolder, session: Session | None) -> Labels:
    """The labels that were given to a run, or those its session came with."""
    try:
        told = json.loads(folder.labels.read_text(encoding="utf-8"))
        return Labels(tuple(str(tag) for tag in told["tags"]), str(told["notes"]))
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return Labels(session.run.tags, session.run.notes) if session else Labels()


def write_labels(folder: RunFolder, labels: Labels) -> None:
    """Give a run other labels; its session stays as it was frozen. Raises OSError."""
    file.write_atomic(folder.labels, json.dumps(asdict(labels)))
