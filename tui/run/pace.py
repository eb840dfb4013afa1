"""How fast earlier runs were: what a coming one can be expected to take."""

from __future__ import annotations

import socket
from itertools import islice
from statistics import median

from tui.run import events
from tui.run.folder import RunFolder, list_runs
from tui.run.lock import holder_of
from tui.session import file
from tui.session.schema import Session

RUNS_READ = 20
TAIL_BYTES = 64 << 10
"""So much of the end of a run's events is read: some hundred updates."""


def seconds_per_example(session: Session) -> float | None:
    """The pace of the last run on this host with the same model, precision and lengths; None without one."""
    for folder in islice(list_runs(), RUNS_READ):
        try:
            earlier = file.load(folder.session)
        except file.SessionError:
            continue
        if _alike(earlier, session) and _was_here(folder) and (seconds := _median_update(folder)):
            return seconds / earlier.effective_batch
    return None


def _alike(one: Session, other: Session) -> bool:
    return all(
        getattr(one.model, name) == getattr(other.model, name)
        for name in ("name", "max_seq_length", "load_in_4bit", "load_in_8bit", "full_finetuning", "device")
    ) and (one.data.source, one.training.packing) == (other.data.source, other.training.packing)


def _was_here(folder: RunFolder) -> bool:
    holder = holder_of(folder.lock)
    return holder is None or holder.host == socket.gethostname()


def _median_update(folder: RunFolder) -> float | None:
    """Seconds an update took in the middle, of the last that were written."""
    try:
        with folder.events.open("rb") as stream:
            stream.seek(max(0, folder.events.stat().st_size - TAIL_BYTES))
            lines = stream.read().decode(errors="replace").splitlines()
    except OSError:
        return None
    steps = [event.seconds for line in lines if isinstance(event := events.from_line(line), events.StepDone)]
    return median(steps) if steps else None
