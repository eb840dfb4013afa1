"""Writes events into the run folder; the one thing that both threads of an engine do."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable

from tui.run import events
from tui.run.folder import RunFolder
from tui.run.lines import append_line

Emit = Callable[[events.Event], None]


MOST_HELD = 200_000
"""Events that wait for the disk; of more the oldest go."""


def emitter(folder: RunFolder) -> Emit:
    """A function that appends one event to the folder's events.

    What cannot be written, as when the disk is full, waits and is written in its order as soon as it can be: a training of
    days does not end because a line about it found no room.
    """
    held: deque[str] = deque(maxlen=MOST_HELD)
    turn = threading.Lock()

    def emit(event: events.Event) -> None:
        with turn:
            held.append(events.to_line(event))
            while held:
                try:
                    append_line(folder.events, held[0])
                except OSError:
                    return
                held.popleft()

    return emit
