"""A process that has imported what every engine imports, and forks one for each start: at once, instead of after 15 s.

What an engine is started with (its words, variables, folder and log) is the product's own; only the import is done already.
This holds for engines that the tests start, and for those that programs of a lab start: the command line, the window, the
keeper of the queue. Engines that start themselves anew, and those of a cold lab, import for themselves.
"""

from __future__ import annotations

import fcntl
import json
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

ROOT = Path(__file__).parent.parent
SERVED = Path(__file__).parent / "served"
"""What lies there is read by every Python that starts with it in PYTHONPATH."""
NURSERY = "UNSLOTH_TUI_TESTS_NURSERY"
"""The variable with the folder of the nursery whose engines a process starts, or which it was forked from."""


@dataclass(frozen=True)
class Nursery:
    """The process that forks, by the folder of its door and of what it knows of those that it has forked."""

    folder: Path

    @property
    def environment(self) -> dict[str, str]:
        """Variables by which a program has its engines forked there."""
        return {NURSERY: str(self.folder), "PYTHONPATH": str(SERVED)}

    def run(self, module: str, *words: str, place: Path, within_s: float = 250) -> str:
        """Run a module of the tests, with this process's variables, in a folder; returns what it printed."""
        out, err = (place / f"{module}.{end}" for end in ("out", "err"))
        code = self.fork(module, words, os.environ, place, out, err).wait(within_s)
        assert code == 0, err.read_text()[-3000:]
        return out.read_text()

    def start(self, words: list[str], *, env: Mapping[str, str], cwd: Path, stdout: int, **options: Any) -> Forked:
        """Stand in for `subprocess.Popen` where an engine is started."""
        assert options["start_new_session"]
        log = Path(f"/proc/self/fd/{stdout}").readlink()
        return self.fork(words[4], words[5:], env, cwd, log, log)

    def fork(self, module: str, words: Any, env: Mapping[str, str], place: Path, out: Path, err: Path) -> Forked:
        """Run a module there, its output at the end of two files."""
        order = {
            "module": module,
            "words": [*words],
            "env": {**env, NURSERY: str(self.folder)},
            "place": str(place),
            "files": [str(out), str(err)],
        }
        with ask(self.folder, order) as asked:
            return Forked(self.folder, int(asked.makefile().readline()))


class Forked:
    """A process of a nursery, as `subprocess.Popen` shows one."""

    def __init__(self, folder: Path, pid: int) -> None:
        self.pid, self._code = pid, folder / f"{pid}.code"
        try:
            self._process: psutil.Process | None = psutil.Process(pid)
        except psutil.NoSuchProcess:
            self._process = None

    def poll(self) -> int | None:
        """How it ended; None while it runs."""
        if self._process and self._process.is_running():
            return None
        return int(self._code.read_text()) if self._code.exists() else -9

    def wait(self, timeout: float | None = None) -> int:
        """How it ended, once it has. Raises psutil.TimeoutExpired."""
        if self._process:
            self._process.wait(timeout)
        return self.poll() or 0


def ask(folder: Path, order: Mapping[str, Any]) -> socket.socket:
    """Knock at the door of a nursery. Raises OSError."""
    asked = socket.socket(socket.AF_UNIX)
    asked.connect(str(folder / "door"))
    asked.sendall(json.dumps(order).encode() + b"\n")
    return asked


def module_of(words: object) -> str:
    """The part of the engine that this starts; nothing for any other program."""
    started = isinstance(words, list | tuple) and [*words[1:4]] == ["-P", "-u", "-m"] and str(words[4])
    return started if started and started.startswith("tui.engine") else ""


def serving(folder: Path) -> type[subprocess.Popen[Any]]:
    """A `subprocess.Popen` that has engines forked by a nursery, and starts everything else as always."""

    class Popen(subprocess.Popen):  # type: ignore[type-arg]
        def __new__(cls, words: Any, *more: Any, **options: Any) -> Any:
            return Nursery(folder).start(words, **options) if module_of(words) else super().__new__(cls)

    return Popen


def serve_this_process() -> None:
    """Have the engines that this process starts forked by the nursery that its environment names."""
    if folder := os.environ.get(NURSERY):
        subprocess.Popen = serving(Path(folder))  # type: ignore[misc]


def environment_of(process: psutil.Process) -> dict[str, str]:
    """The variables that a process, or the forked one whose session it is in, was started with. Raises psutil.Error."""
    told = process.environ()
    try:
        known = Path(told.get(NURSERY, "/nowhere")) / f"{os.getsid(process.pid)}.env"
    except ProcessLookupError:
        raise psutil.NoSuchProcess(process.pid) from None
    return json.loads(known.read_text()) if known.exists() else told


@contextmanager
def nursery(shared: Path) -> Iterator[Nursery]:
    """Start the process, unless another of the test processes that share this folder has; it ends with the last of them."""
    with (shared / "nursery.lock").open("a+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        lock.seek(0)
        folder = Path(lock.read())
        stay = _stay(folder)
        if stay is None:
            lock.truncate(0)
            folder = _start()
            lock.write(str(folder))
            stay = _stay(folder)
    assert stay, "the nursery has not started"
    with stay:
        yield Nursery(folder)


def _stay(folder: Path) -> socket.socket | None:
    """The connection by which it knows that somebody needs it; None where there is none."""
    try:
        stay = ask(folder, {})
    except OSError:
        return None
    return stay if stay.recv(1) else None


def _start() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="nursery-"))
    env = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    env |= {"UNSLOTH_TUI_HOME": str(folder), "HOME": str(folder), "OMP_NUM_THREADS": "1", NURSERY: str(folder)}
    with socket.socket(socket.AF_UNIX) as door:
        door.bind(str(folder / "door"))
        door.listen(100)
        words = [sys.executable, "-u", "-m", "tests.forking", str(folder), str(door.fileno())]
        subprocess.Popen(
            words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, env=env, cwd=ROOT, pass_fds=[door.fileno()],
            start_new_session=True,
        )  # fmt: skip
    return folder
