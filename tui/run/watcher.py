"""Following a run from outside: its events from the first on, and whether its engine lives."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterator

from tui.machine.host import free_disk_bytes, is_read_only
from tui.run import events
from tui.run.folder import RunFolder
from tui.run.history import thinned
from tui.run.lines import Tail
from tui.run.lock import STALE_S, holder_of, is_flocked, is_held, still_holds
from tui.run.process import first_to_die, last_words
from tui.run.standing import standing
from tui.run.state import RunState, fold

FULL_BYTES = 1 << 20
"""With less than this left on its disk an engine may not have been able to say why it ended."""
POLL_S = 0.1
LIVENESS_S = 1.0
DOUBT_S = 3.0
"""The process that watches over an engine may need so long on a busy box to write down why that died."""
STARTING_S = 30.0
"""A run whose engine has not taken its lock yet counts as starting for this long."""


def engine_alive(folder: RunFolder) -> bool:
    """Whether an engine works in the folder, or is just starting, or will be started when its turn comes."""
    if (holder := holder_of(folder.lock)) is not None:
        return still_holds(holder, folder.lock)
    if folder.ticket.exists():
        return True
    try:
        if folder.events.exists() and folder.events.stat().st_size:  # an engine takes its lock before it says anything
            return is_flocked(folder.lock)
        return time.time() - folder.path.stat().st_ctime < STARTING_S
    except OSError:
        return False


def _beaten_lately(folder: RunFolder) -> bool:
    """Whether an engine lived in the folder a few heartbeats ago."""
    try:
        return time.time() - folder.lock.stat().st_mtime < STALE_S
    except OSError:
        return False


def seen(folder: RunFolder) -> events.EngineSeen:
    """Whether the engine lives, as an event for `fold`; of one that was handed over, what is known there."""
    there = standing(folder)
    if there and there.active:
        heard = not there.queued and is_held(folder.lock)
        return events.EngineSeen(alive=True, queued=there.queued, reason=_hindrance(folder) if heard else there.text)
    if there is None and engine_alive(folder):
        return events.EngineSeen(alive=True, reason=_hindrance(folder))
    reason = there.text if there else "the engine is gone without a word"
    if _disk_is_full(folder):
        reason += ", and the disk is full"
    elif is_read_only(folder.path):
        reason += ", and the run folder is read-only"
    if who := first_to_die(folder) if there else "":
        reason += f": {who}"
    elif said := last_words(folder):
        reason += f"; it printed last: {said}"
    return events.EngineSeen(alive=False, reason=reason)


def _hindrance(folder: RunFolder) -> str:
    """Why nothing may be heard of an engine that lives; empty when it can write."""
    if is_read_only(folder.path):
        return "the run folder is read-only now: nothing new can be told of the run, nor asked of it, and nothing saved"
    if _disk_is_full(folder):
        return "the disk is full: what the run does is told, and its checkpoints are written, once there is room again"
    return ""


def _disk_is_full(folder: RunFolder) -> bool:
    try:
        return free_disk_bytes(folder.path) < FULL_BYTES
    except OSError:
        return False


def read_state(folder: RunFolder, *, whole: bool = False) -> RunState:
    """What is known of a run now; of a very long one without most updates, unless the `whole` of it is wanted."""
    liveness = seen(folder)  # before the events: an engine may write its last one and end in between
    state = RunState()
    try:
        for event in read_events(folder, thin=not whole):
            state = fold(state, event)
    except OSError as error:
        liveness = unreadable(error)
    return fold(state, liveness)


def unreadable(error: OSError) -> events.EngineSeen:
    """What is known of a run whose events cannot be read."""
    return events.EngineSeen(alive=False, reason=f"the run folder cannot be read: {error.strerror or error}")


def read_events(folder: RunFolder, *, thin: bool = False) -> Iterator[events.Event]:
    """Every event that was written so far; `thin` leaves out what `follow` does. Raises OSError."""
    lines = Tail(folder.events).read()
    size = folder.events.stat().st_size if thin and folder.events.exists() else 0
    for line in thinned(lines, size):
        if (event := events.from_line(line)) is not None:
            yield event


def follow(folder: RunFolder, until: threading.Event, *, thin: bool = False) -> Iterator[events.Event]:
    """Every event from the first on, as they come, until `until` is set; says by EngineSeen when liveness changes.

    With `thin` most updates of a long history are left out, as a curve cannot show them.
    """
    tail = Tail(folder.events)
    alive: bool | None = None
    hindrance = ""
    whole = not thin
    doubted: float | None = None
    explained = False
    next_look = 0.0
    while not until.is_set():
        liveness = None
        if time.monotonic() >= next_look:
            liveness, next_look = seen(folder), time.monotonic() + LIVENESS_S
        try:
            for line in tail.read() if whole else thinned(tail.read(), folder.events.stat().st_size):
                if (event := events.from_line(line)) is not None:
                    explained = isinstance(event, events.Finished | events.Failed) or (
                        explained and not isinstance(event, events.Resumed)
                    )
                    yield event
            whole = True
        except FileNotFoundError:  # nothing has been written yet
            pass
        except OSError as error:  # a network drive that is away: look again, it may come back
            liveness = unreadable(error)
        if liveness is not None:
            doubted = None if liveness.alive else doubted or time.monotonic()
            waited = time.monotonic() - doubted if doubted else 0.0
            certain = liveness.alive or explained or waited >= DOUBT_S or not _beaten_lately(folder)
            news = liveness.alive != alive or (liveness.alive and liveness.reason != hindrance)
            if news and certain:
                alive, hindrance = liveness.alive, liveness.reason if liveness.alive else ""
                yield liveness
        until.wait(POLL_S)


class Watcher(threading.Thread):
    """Follows a run in a thread of its own; whoever reads takes the events from `inbox`."""

    def __init__(self, folder: RunFolder) -> None:
        super().__init__(name=f"watch {folder.name}", daemon=True)
        self.folder = folder
        self.inbox: deque[events.Event] = deque()
        self._until = threading.Event()

    def run(self) -> None:
        for event in follow(self.folder, self._until, thin=True):
            self.inbox.append(event)

    def stop(self) -> None:
        """End the thread at its next look."""
        self._until.set()

    def drain(self) -> list[events.Event]:
        """Everything that came since the last call."""
        return [self.inbox.popleft() for _ in range(len(self.inbox))]
