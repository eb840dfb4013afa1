"""The engine's lock: who holds a run folder, and whether that process is still alive."""

from __future__ import annotations

import fcntl
import json
import os
import socket
import time
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

import psutil

HEARTBEAT_S = 5.0
STALE_S = 4 * HEARTBEAT_S
"""From another host an engine counts as gone when its heartbeat is older than this."""


class LockHeld(Exception):
    """Another engine works in this folder."""


@dataclass(frozen=True)
class Holder:
    """The process that took the lock."""

    pid: int
    started: float
    """Seconds since 1970, as the kernel tells it."""
    host: str
    birth: str = field(default="", compare=False)
    """The boot of the kernel and the tick of it at which the process began, which no clock moves; empty where not known."""


def acquire(path: Path, holder: int | None = None) -> int:
    """Take the lock for the life of this process and say who holds it. Returns the handle. Raises LockHeld, OSError.

    `holder` is the number of the process that counts as the one, where that is another: the one that started this.
    """
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(handle)
        if isinstance(error, BlockingIOError | PermissionError):
            raise LockHeld(f"another engine works in {path.parent}") from None
        raise  # there are drives on which nothing can be locked
    me = psutil.Process(holder)
    told = Holder(me.pid, me.create_time(), socket.gethostname(), _birth(me.pid))
    os.ftruncate(handle, 0)
    os.write(handle, json.dumps(asdict(told)).encode())
    return handle


def beat(path: Path) -> None:
    """Say that the holder lives, for readers on other hosts; to a drive that is away or read-only it cannot be said."""
    with suppress(OSError):
        os.utime(path)


def holder_of(path: Path) -> Holder | None:
    """Who took the lock last, or None when nobody has or the file is damaged."""
    try:
        told = json.loads(path.read_text())
        return Holder(int(told["pid"]), float(told["started"]), str(told["host"]), str(told.get("birth", "")))
    except (OSError, ValueError, OverflowError, KeyError, TypeError, RecursionError):
        return None


def was_here(path: Path) -> bool:
    """Whether the engine that took the lock last was one of this host; so is one that has not taken it yet."""
    holder = holder_of(path)
    return holder is None or holder.host == socket.gethostname()


def is_held(path: Path) -> bool:
    """Whether a living engine holds the lock.

    On the same host the process that took it is looked for, by number and start time: the lock itself says less, since
    a forked child of a dead engine goes on holding it. On another host the heartbeat must be fresh.
    """
    holder = holder_of(path)
    return holder is not None and still_holds(holder, path)


def still_holds(holder: Holder, path: Path) -> bool:
    """Whether the engine that took the lock is alive; see `is_held`."""
    if holder.host != socket.gethostname():
        return time.time() - path.stat().st_mtime < STALE_S
    return is_running(holder)


def is_flocked(path: Path) -> bool:
    """Whether some process of this host holds the lock: all that is known where the file says no more who it is."""
    try:
        handle = os.open(path, os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        return False
    except OSError:
        return True
    finally:
        os.close(handle)


def is_running(holder: Holder) -> bool:
    """Whether that very process, not another with its number, runs on this host."""
    try:
        process = psutil.Process(holder.pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return False
        birth = _birth(holder.pid) if holder.birth else ""
        # the time of day at which a process began moves with the clock of the box
        return birth == holder.birth if birth else abs(process.create_time() - holder.started) < 2
    except (psutil.Error, ValueError):  # no process has a number below zero
        return False


def _birth(pid: int) -> str:
    """See `Holder.birth`."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        ticks = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[19]
        return f"{boot} {int(ticks)}"
    except (OSError, ValueError, IndexError):
        return ""
