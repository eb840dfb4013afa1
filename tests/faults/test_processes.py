"""Real engines with a tiny model, to which everything happens that happens to processes, in every phase of a run."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from tests.faults.bench import PHASES, SHORT, Bench, Case, Fault, kill
from tests.lab import Lab
from tui.run import commands
from tui.run.process import send
from tui.run.watcher import read_state

pytest_plugins = ["tests.engine_fixtures"]
pytestmark = [pytest.mark.slow, pytest.mark.faults, pytest.mark.timeout(7200)]

PAUSE_S = 6
"""Longer than a heartbeat."""


def _kill(case: Case) -> None:
    case.worker.kill()


def _kill_all(case: Case) -> None:
    kill(case.family)


def _kill_watcher(case: Case) -> None:
    case.family[0].kill()


def _signal(number: signal.Signals) -> Callable[[Case], None]:
    return lambda case: os.killpg(os.getpgid(case.worker.pid), number)


def _pause(case: Case) -> None:
    for process in case.family:
        process.suspend()
    threading.Event().wait(PAUSE_S)
    state = read_state(case.folder)
    assert not state.failure or case.phase in SHORT, f"a stopped engine counts as {state.status}"
    for process in case.family:
        process.resume()


def _hang_up_on_reader(case: Case) -> None:
    """A window that watches is killed."""
    reader = psutil.Popen(["python3", "-c", f"import time; f = open({str(case.folder.events)!r}); time.sleep(60)"])
    reader.kill()
    reader.wait()


def _unlock(case: Case) -> None:
    case.folder.lock.write_bytes(b"{garbled")


def _remove_lock(case: Case) -> None:
    case.folder.lock.unlink()
    threading.Event().wait(PAUSE_S + 1)


def _strange_orders(case: Case) -> None:
    with case.folder.commands.open("ab") as stream:
        stream.write(b"\xff\xfe\n{}\n[" + b"[" * 100_000 + b'\n{"kind": "stop"\n' + bytes(5000) + b"\n")


def _stop_while_stopping(case: Case) -> None:
    for _ in range(3):
        send(case.folder, commands.Stop())
    threading.Event().wait(0.3)
    send(case.folder, commands.Stop(discard=True))
    send(case.folder, commands.Pause())
    send(case.folder, commands.Release())


FAULTS: dict[str, Fault] = {
    "SIGKILL of the engine": (_kill, "crashed"),
    "SIGKILL of all": (_kill_all, "crashed"),
    "SIGKILL of its supervisor": (_kill_watcher, "lives"),
    "SIGTERM": (_signal(signal.SIGTERM), "ends"),
    "stop while stopping": (_stop_while_stopping, "ends"),
    "SIGHUP": (_signal(signal.SIGHUP), "lives"),
    "SIGINT": (_signal(signal.SIGINT), "lives"),
    "SIGSTOP, SIGCONT": (_pause, "lives"),
    "SIGKILL of a reader": (_hang_up_on_reader, "lives"),
    "a garbled lock": (_unlock, "lives"),
    "a lock that is removed": (_remove_lock, "lives"),
    "garbled commands": (_strange_orders, "lives"),
}
"""What happens, and what has to come of it."""


def test_every_fault_in_every_phase(lab: Lab, tmp_path: Path) -> None:
    assert not Bench(lab, tmp_path, FAULTS, {}).try_all(list(PHASES))
