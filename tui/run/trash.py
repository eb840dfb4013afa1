"""The trash: deleted runs, which can be put back until they are thirty days old."""

from __future__ import annotations

import os
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

from tui.machine.host import folder_bytes
from tui.resources import home
from tui.run import export_jobs, queue
from tui.run.folder import RunFolder
from tui.run.handed import read_handed
from tui.run.lock import is_held
from tui.run.standing import why_kept
from tui.run.watcher import engine_alive

KEPT_S = 30 * 86400.0


class StillRunning(Exception):
    """A run that goes on is never deleted."""


@dataclass(frozen=True)
class Trashed:
    """A deleted run."""

    path: Path
    deleted: float
    """Seconds since 1970."""

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def size_bytes(self) -> int:
        return folder_bytes(self.path)


def delete(folder: RunFolder) -> Trashed:
    """Move a run to the trash, and throw away what has lain there too long.

    Raises StillRunning, OSError, and NotWaiting where it has just left the queue.
    """
    waits = folder.ticket.exists()
    if not waits and (reason := why_kept(folder)):
        raise StillRunning(f"{reason}: stop {folder.name} before it is deleted")
    alive = is_held(folder.lock) if waits else read_handed(folder) is None and engine_alive(folder)
    if alive:
        raise StillRunning(f"{folder.name} still has an engine; stop it, or free its memory, before it is deleted")
    if export_jobs.going_on(folder):
        raise StillRunning(f"{folder.name} is being exported; cancel that, or wait for it, before it is deleted")
    if waits:
        queue.cancel(folder)
    empty(older_than_s=KEPT_S)
    _trash().mkdir(mode=0o700, parents=True, exist_ok=True)
    now = time.time()
    os.utime(folder.path, (now, now))  # when it was deleted
    return Trashed(_move(folder.path, _trash()), now)


def restore(trashed: Trashed) -> RunFolder:
    """Put a run back among the others. Raises OSError."""
    return RunFolder(_move(trashed.path, home() / "runs"))


def trashed_runs() -> list[Trashed]:
    """What lies in the trash, the last deleted first."""
    try:
        found = [Trashed(path, path.stat().st_mtime) for path in _trash().iterdir() if path.is_dir()]
    except OSError:
        return []
    return sorted(found, key=lambda it: it.deleted, reverse=True)


def empty(older_than_s: float = 0.0) -> int:
    """Delete for good what has lain in the trash for so long; how many runs that were. Raises OSError."""
    old = [it for it in trashed_runs() if time.time() - it.deleted >= older_than_s]
    for it in old:
        it.path.unlink() if it.path.is_symlink() else shutil.rmtree(it.path)
    return len(old)


def _trash() -> Path:
    return home() / "trash"


def _move(path: Path, to: Path) -> Path:
    """Move a folder into another under its name, or under its name with a number."""
    attempt = 1
    while True:
        target = to / (path.name if attempt == 1 else f"{path.name}-{attempt}")
        if not target.exists():
            return path.rename(target)
        attempt += 1
