"""Two real processes that train together (gloo), one of which is killed, stopped or asked to end, or their launcher is."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from tests.faults.bench import Bench, Case, Fault, kill
from tests.lab import Lab, poll
from tests.nursery import environment_of
from tui.run import commands
from tui.run.process import send
from tui.run.watcher import read_state

pytest_plugins = ["tests.engine_fixtures"]
pytestmark = [pytest.mark.slow, pytest.mark.faults, pytest.mark.timeout(7200)]

PHASES = ("importing", "training", "checkpointing")
PAUSE_S = 6


def ranks(case: Case) -> list[psutil.Process]:
    """The processes that Unsloth is loaded in, in the order of their ranks."""

    def found() -> list[psutil.Process]:
        there = [it for it in case.worker.children() if "RANK" in environment_of(it)]
        return sorted(there, key=lambda it: int(environment_of(it)["RANK"])) if len(there) == 2 else []

    return list(poll(found, 30, "there are not two processes"))


def _to(rank: int, number: signal.Signals) -> Callable[[Case], None]:
    return lambda case: ranks(case)[rank].send_signal(number)


def _to_launcher(number: signal.Signals) -> Callable[[Case], None]:
    return lambda case: case.worker.send_signal(number)


def _to_all(number: signal.Signals) -> Callable[[Case], None]:
    return lambda case: os.killpg(os.getpgid(case.worker.pid), number)


def _pause(case: Case) -> None:
    """One of them hangs for a while, as where a disk or a machine does."""
    halted = ranks(case)[1]
    halted.suspend()
    threading.Event().wait(PAUSE_S)
    assert not read_state(case.folder).failure
    halted.resume()


def _stop(case: Case) -> None:
    send(case.folder, commands.Stop())
    send(case.folder, commands.Stop())


FAULTS: dict[str, Fault] = {
    "SIGKILL of the leading process": (_to(0, signal.SIGKILL), "crashed"),
    "SIGKILL of the other": (_to(1, signal.SIGKILL), "crashed"),
    "SIGKILL of the launcher": (_to_launcher(signal.SIGKILL), "crashed"),
    "SIGKILL of all": (lambda case: kill(case.family), "crashed"),
    "SIGKILL of the supervisor": (lambda case: case.family[0].kill(), "lives"),
    "SIGTERM of the launcher": (_to_launcher(signal.SIGTERM), "ends"),
    "stop, twice": (_stop, "ends"),
    "SIGHUP of all": (_to_all(signal.SIGHUP), "lives"),
    "SIGSTOP, SIGCONT of one": (_pause, "lives"),
}


def test_every_fault_of_two_processes(lab: Lab, tmp_path: Path) -> None:
    assert not Bench(lab, tmp_path, FAULTS, {"cluster": {"nproc_per_node": 2}}).try_all(PHASES)
