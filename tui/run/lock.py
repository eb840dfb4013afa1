"""The engine's lock: who holds a run folder, and whether that process is still alive."""

from __future__ import annotations

import fcntl
import json
import os
import socket
import time
from dataclasses import asdict, dataclass
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


def acquire(path: Path) -> int:
    """Take the lock for the life of this process and say who holds it. Returns the handle. Raises LockHeld."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(handle)
        raise LockHeld(f"another engine works in {path.parent}") from None
    me = psutil.Process()
    os.ftruncate(handle, 0)
    os.write(handle, json.dumps(asdict(Holder(me.pid, me.create_time(), socket.gethostname()))).encode())
    return handle


def beat(path: Path) -> None:
    """Say that the holder lives, for readers on other hosts."""
    os.utime(path)


def holder_of(path: Path) -> Holder | None:
    """Who took the lock last, or None when nobody has or the file is damaged."""
    try:
        told = json.loads(path.read_text())
        return Holder(int(told["pid"]), float(told["started"]), str(told["host"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def is_held(path: Path) -> bool:
    """Whether a living engine holds the lock.

    On the same host the process that took it is looked for, by number and start time: the lock itself says less, since
    a forked child of a dead engine goes on holding it. On another host the heartbeat must be fresh.
    """
    holder = holder_of(path)
    if holder is None:
        return False
    if holder.host != socket.gethostname():
        return time.time() - path.stat().st_mtime < STALE_S
    return is_running(holder)


def is_running(holder: Holder) -> bool:
    """Whether that very process, not another with its number, runs on this host."""
    try:
        process = psutil.Process(holder.pid)
        return process.status() != psutil.STATUS_ZOMBIE and abs(process.create_time() - holder.started) < 2
    except psutil.Error:
        return False
