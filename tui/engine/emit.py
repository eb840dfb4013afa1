"""Writes events into the run folder; the one thing that both threads of an engine do."""

from __future__ import annotations

from collections.abc import Callable

from tui.run import events
from tui.run.folder import RunFolder
from tui.run.lines import append_line

Emit = Callable[[events.Event], None]


def emitter(folder: RunFolder) -> Emit:
    """A function that appends one event to the folder's events. It raises OSError, as when the disk is full."""

    def emit(event: events.Event) -> None:
        append_line(folder.events, events.to_line(event))

    return emit
