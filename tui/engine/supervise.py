"""A parent that does nothing but wait for the engine, to write down why it died when it cannot say so itself."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

from tui import words
from tui.engine.emit import emitter
from tui.engine.notify import notify_of
from tui.machine.host import oom_kills
from tui.run import commands, events
from tui.run.folder import RunFolder
from tui.run.lines import Tail
from tui.run.lock import is_held
from tui.run.process import last_words
from tui.run.state import fold_all
from tui.run.watcher import read_events

PR_SET_PDEATHSIG = 1
LOOK_S = 0.25
"""How often the parent of a spare engine looks whether it has become a run's."""


def fork_worker(folder: RunFolder, tidy: Callable[[RunFolder], None], *, spare: bool = False) -> None:
    """Return in a child process; the parent waits for it and never returns. Call before any thread exists.

    Where the child fails or is killed the parent lets `tidy` remove what it was writing, and writes down why it ended. A
    spare engine's parent waits until its child is to be the engine of a run, and then for that.
    """
    child = os.fork()
    if child == 0:
        return
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: os.kill(child, signal.SIGTERM))
    if spare:
        run = _run_of(folder, child)
        if run is None:
            sys.exit(0)
        folder = run
        print_to(folder.log)
    kills_before = oom_kills()
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    # another engine may hold the folder: then this one was refused, and the run it says that of goes on
    if code != 0 and not is_held(folder.lock):
        tidy(folder)
        if not fold_all(read_events(folder, thin=True)).ended:
            emit, failure = emitter(folder), explain_death(folder, code, oom_kills() > kills_before)
            emit(failure)
            notify_of(folder, f"crashed: {failure.text}", emit)
    sys.exit(max(0, code) or int(code != 0))


def _run_of(spare: RunFolder, child: int) -> RunFolder | None:
    """The run whose engine a spare one is told to become; None when it ended without that."""
    tail = Tail(spare.commands)
    while True:
        gone = os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        for line in tail.read():
            command = commands.from_line(line)
            if isinstance(command, commands.Become):
                return RunFolder(Path(command.run))
        if gone:
            return None
        time.sleep(LOOK_S)


def print_to(log: Path) -> None:
    """Have everything that this process prints from now on at the end of a file. Raises OSError."""
    handle = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.dup2(handle, 1)
    os.dup2(handle, 2)
    os.close(handle)


def asked_by_sigterm() -> tuple[commands.Command, ...]:
    """What SIGTERM asks of an engine: of one in Slurm a checkpoint to go on from, for it may get another turn."""
    return (commands.Pause() if "SLURM_JOB_ID" in os.environ else commands.Stop(), commands.Release())


def end_children_with_me() -> None:
    """Have the kernel end every process forked from this one when it ends, however it ends; only Linux can.

    Libraries fork helpers to tokenise and to load batches, which would otherwise wait for ever for an engine that is gone.
    """
    if sys.platform == "linux":
        prctl = ctypes.CDLL(None).prctl
        os.register_at_fork(after_in_child=lambda: prctl(PR_SET_PDEATHSIG, signal.SIGKILL))


def end_with_parent() -> None:
    """Have the kernel end this process when the one that started it ends, however that ends; only Linux can."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def explain_death(folder: RunFolder, code: int, out_of_memory: bool, who: str = "the engine") -> events.Failed:
    """Why an engine ended with this exit code, or minus this signal; `out_of_memory`: the kernel had to kill meanwhile."""
    text = f"{who} {words.ended(code)}"
    if code >= 0:
        said = last_words(folder)
        text += f"; it printed last: {said}" if said else ""
        return events.Failed(code="killed", text=text, advice=f"the whole log is {folder.log}")
    if out_of_memory and -code == signal.SIGKILL:
        text += ", most likely by the kernel: the memory of the box ran out during this run"
        return events.Failed(code="killed", text=text, advice="choose a smaller model, 4-bit, or a smaller batch")
    return events.Failed(code="killed", text=text, advice="somebody, a scheduler or the system ended it; start it again")
