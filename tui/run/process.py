"""Starting the engine of a folder so that nothing that happens to its starter reaches it."""

from __future__ import annotations

import errno
import os
import re
import subprocess
import sys

import psutil

from tui.run import commands
from tui.run.assigned import assigned
from tui.run.folder import RunFolder
from tui.run.handed import read_handed
from tui.run.lines import append_line
from tui.run.lock import holder_of, is_running
from tui.run.processes import gpus_seen
from tui.run.standing import submit
from tui.session import file
from tui.words import ended

ROOT_BYTES = 1 << 17
"""So far from the end of the log the reason may stand: each process prints where it was."""
MIB = 1 << 20
ALLOCATION = {
    "MALLOC_TOP_PAD_": str(64 * MIB),
    "MALLOC_TRIM_THRESHOLD_": str(1024 * MIB),
    "MALLOC_MMAP_THRESHOLD_": str(32 * MIB),
}
"""How glibc keeps what an update frees for the next one, which is as large (mallopt(3); the last is the most that it takes).

An engine works beside its first thread, and what other threads free glibc often gives back to the kernel at once: on a
processor up to 4,000 page faults and a seventh of the time of each update. One arena for all threads (MALLOC_ARENA_MAX)
ends that too, but those that compute one layer then wait for each other: a third of the time of an update of 16 layers.
"""
_ROOT = re.compile(r"Root Cause.*?rank +: (\d+).*?exitcode +: (-?\d+)", re.DOTALL)


def start_engine(
    folder: RunFolder, *, owner: int | None = None, device: str = "auto", spare: bool = False
) -> subprocess.Popen[bytes]:
    """Start the engine of a folder in a session of its own, its output in ``engine.log``. Raises OSError.

    With `owner`, the number of a process, the engine ends when that process does (a workbench does, a run does not).
    `device` is where it computes when no session says so: ``cpu``, or GPUs by number or UUID. A `spare` one waits in its
    folder, the libraries imported, until it is told to become the engine of a run.
    """
    if os.geteuid() not in (0, folder.path.stat().st_uid):
        text = "it belongs to somebody else, and what is in it would be obeyed; copy its session into a run of your own"
        raise PermissionError(errno.EPERM, text, str(folder.path))
    # -P: nothing that lies around may be imported in place of a library; -u: what was printed last must be in the log
    words = [sys.executable, "-P", "-u", "-m", "tui.engine", str(folder.path)]
    if owner is not None:
        words += ["--owner", str(owner)]
    words += ["--spare"] if spare else []
    log = os.open(folder.log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        return subprocess.Popen(
            words,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            cwd=folder.path,
            env=ALLOCATION | os.environ | device_environment(folder, device),
        )
    finally:
        os.close(log)


def resume_run(folder: RunFolder, values: dict[str, int | float]) -> None:
    """Let a run go on from its last checkpoint, here or in Slurm, with some settings changed, by key. Raises OSError."""
    send(folder, commands.Resume(values=values))
    if read_handed(folder):
        submit(folder)
    else:
        start_engine(folder)


def device_environment(folder: RunFolder, device: str = "auto") -> dict[str, str]:
    """The variables that show an engine the devices its session names; `device` is for one without, a workbench."""
    try:
        device = file.load(folder.session).model.device if folder.session.exists() else device
        device = (assigned(folder) or device) if device == "auto" else device
        if folder.session.exists():
            device = ",".join(device.split(",")[: gpus_seen(folder)])
    except file.SessionError:  # the engine says what is wrong with it
        return {}
    return device_variables(device)


def device_variables(device: str) -> dict[str, str]:
    """The variables that show an engine the devices of that name; none for ``auto``."""
    if device == "auto":
        return {}
    if device == "cpu":
        return {"UNSLOTH_FORCE_CPU": "1", "CUDA_VISIBLE_DEVICES": ""}
    return {"CUDA_DEVICE_ORDER": "PCI_BUS_ID", "CUDA_VISIBLE_DEVICES": device}  # CUDA counts by speed unless told


def send(folder: RunFolder, command: commands.Command) -> None:
    """Ask the engine of a folder for something. Raises OSError."""
    append_line(folder.commands, commands.to_line(command))


def last_words(folder: RunFolder, lines: int = 3, within_bytes: int = 8192) -> str:
    """The last lines that the engine printed, joined; empty without a log."""
    text = _end_of_log(folder, within_bytes).replace("\r", "\n")
    told = [line.strip() for line in text.splitlines() if line.strip()]
    return " | ".join(told[-lines:])


def first_to_die(folder: RunFolder) -> str:
    """Which of the processes of several machines has ended the others in the last job, as torchrun prints it; or empty."""
    told = _end_of_log(folder, ROOT_BYTES).rpartition("\njob ")[2]
    found = _ROOT.search(told)
    if not found:
        return ""
    rank, code = int(found[1]), int(found[2])
    return f"process {rank + 1} {ended(code)}"


def _end_of_log(folder: RunFolder, size: int) -> str:
    try:
        with folder.log.open("rb") as stream:
            stream.seek(max(0, folder.log.stat().st_size - size))
            return stream.read().decode(errors="replace")
    except OSError:
        return ""


def live_processes(folder: RunFolder) -> list[psutil.Process]:
    """The engine's process and its children, when it runs on this host."""
    holder = holder_of(folder.lock)
    if holder is None or not is_running(holder):
        return []
    try:
        engine = psutil.Process(holder.pid)
        return [engine, *engine.children(recursive=True)]
    except psutil.Error:
        return []
