"""What the box itself is doing now: processor, memory, disk."""

from __future__ import annotations

import os
import shutil
import time
from contextlib import suppress
from pathlib import Path

import psutil

from tui.machine.readings import HostReading


def read_host() -> HostReading:
    """Processor and memory now; the first call of a process reports 0 % of processor."""
    memory = psutil.virtual_memory()
    return HostReading(
        cpu_percent=psutil.cpu_percent(interval=None),
        cores=psutil.cpu_count() or 1,
        memory_used_bytes=memory.total - memory.available,
        memory_total_bytes=memory.total,
    )


def file_system_of(path: Path) -> str:
    """The kind of file system that a path lies on (ext4, nfs4 ...); empty where that is not known."""
    real = path.resolve()
    mounts = [mount for mount in psutil.disk_partitions(all=True) if real.is_relative_to(mount.mountpoint)]
    return max(mounts, key=lambda mount: len(mount.mountpoint)).fstype if mounts else ""


def free_disk_bytes(path: Path) -> int:
    """Bytes that can still be written where `path` is or will be. Raises OSError when nothing above it exists."""
    while not path.exists() and path != path.parent:
        path = path.parent
    return shutil.disk_usage(path).free


def modified_s(path: Path) -> float:
    """When a file or folder was changed last, in seconds since 1970; now where it has just gone."""
    try:
        return path.stat().st_mtime
    except OSError:
        return time.time()


def folder_bytes(path: os.PathLike[str]) -> int:
    """What a folder takes on its disk; what cannot be read, or goes away meanwhile, counts nothing."""
    total = 0
    try:
        entries = list(os.scandir(path))
    except OSError:
        return 0
    for entry in entries:
        with suppress(OSError):
            inside = entry.is_dir(follow_symlinks=False)
            total += folder_bytes(entry) if inside else entry.stat(follow_symlinks=False).st_size
    return total


def is_read_only(path: Path) -> bool:
    """Whether nobody can write where `path` is; False where that cannot be told."""
    try:
        return bool(os.statvfs(path).f_flag & os.ST_RDONLY)
    except OSError:
        return False


def oom_kills() -> int:
    """How many processes this kernel has killed for want of memory since it started; 0 where it does not tell."""
    try:
        lines = Path("/proc/vmstat").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("oom_kill ")), 0)
