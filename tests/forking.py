"""``python -m tests.forking FOLDER DOOR``: import what every engine imports, and fork whatever is asked for at the door.

What was forked here forks in its turn the processes that it would start: of a run that trains in several, and of an export.
"""

from __future__ import annotations

import json
import os
import runpy
import select
import shutil
import signal
import socket
import subprocess
import sys
import time
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

from tests.nursery import NURSERY, module_of

LOOK_S = 0.02


class Child:
    """A child of this process that was forked, as `subprocess.Popen` shows one."""

    def __init__(self, args: Sequence[str], *, env: Mapping[str, str], stdout: Any = None, **_: Any) -> None:
        self.args = args
        self.returncode: int | None = None
        self.pid = os.fork()
        if self.pid == 0:
            if stdout is not None:
                os.dup2(stdout.fileno(), 1)
            os.closerange(3, os.sysconf("SC_OPEN_MAX"))
            _become(module_of(args), args[5:], env)
        _remember(self.pid, env)

    def poll(self) -> int | None:
        if self.returncode is None:
            ended, status = os.waitpid(self.pid, os.WNOHANG)
            self.returncode = os.waitstatus_to_exitcode(status) if ended else None
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        end = time.monotonic() + (float("inf") if timeout is None else timeout)
        while (code := self.poll()) is None:
            if timeout is not None and time.monotonic() > end:
                raise subprocess.TimeoutExpired(self.args, timeout)
            time.sleep(LOOK_S)
        return code


class Popen(subprocess.Popen):  # type: ignore[type-arg]
    """Forks what is a part of the engine, and starts everything else."""

    def __new__(cls, *given: Any, **options: Any) -> Any:
        forks = module_of(given[0] if given else options.get("args"))
        return Child(*given, **options) if forks else super().__new__(cls)


def main() -> NoReturn:
    folder, door = Path(sys.argv[1]), socket.socket(fileno=int(sys.argv[2]))
    _import()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody asks how they ended
    stays: list[socket.socket] = []
    while True:
        for ready in select.select([door, *stays], [], [])[0]:
            if ready is door:
                _answer(door, stays)
            else:
                stays.remove(ready)
        if not stays:
            shutil.rmtree(folder)
            os._exit(0)  # libraries leave threads behind


def _import() -> None:
    from tui.engine.environment import set_defaults

    set_defaults()
    import unsloth  # isort: skip  # noqa: F401
    from torch.distributed.elastic.multiprocessing.subprocess_handler import subprocess_handler

    import tui.engine.loading
    import tui.engine.training  # noqa: F401

    subprocess.Popen = subprocess_handler.Popen = Popen  # type: ignore[misc,attr-defined]


def _answer(door: socket.socket, stays: list[socket.socket]) -> None:
    asked, _ = door.accept()
    order = json.loads(asked.makefile().readline() or "null")
    if not order:
        stays.append(asked)
        asked.sendall(b"!")
        return
    child = os.fork()
    if child == 0:
        for opened in (door, asked, *stays):
            opened.close()
        _enter(order.pop("place"), order.pop("files"))
        _become(**order)
    _remember(child, order["env"])
    with asked:
        asked.sendall(f"{child}\n".encode())


def _remember(pid: int, env: Mapping[str, str]) -> None:
    """Write down the variables of a process that was forked, for `environment_of`; the kernel shows those of this one."""
    (Path(env[NURSERY]) / f"{pid}.env").write_text(json.dumps(dict(env)))


def _enter(place: str, files: Sequence[str]) -> None:
    """Work in a folder, with files for what is read and printed."""
    to_the_end = os.O_WRONLY | os.O_APPEND | os.O_CREAT
    for number, path in enumerate((os.devnull, *files)):
        opened = os.open(path, to_the_end if number else os.O_RDONLY, 0o600)
        os.dup2(opened, number)
        os.close(opened)
    os.chdir(place)


def _become(module: str, words: Sequence[str], env: Mapping[str, str]) -> NoReturn:
    """What starting a program would do: a session, variables and signals of its own."""
    os.setsid()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    for number in signal.valid_signals():
        if number != signal.SIGINT and callable(signal.getsignal(number)):
            signal.signal(number, signal.SIG_DFL)
    os.environ.clear()
    os.environ.update(env)
    sys.argv = [module, *words]
    ended = _ended(module)
    sys.stdout.flush()
    if (folder := Path(env[NURSERY])).exists():
        (folder / f"{os.getpid()}.code").write_text(str(ended))
    os._exit(ended)


def _ended(module: str) -> int:
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


if __name__ == "__main__":
    main()
