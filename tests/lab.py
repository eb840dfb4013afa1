"""Real runs for tests: a tiny model, a home of their own, engines that are started, waited for and counted."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.nursery import Nursery, environment_of, serving
from tui.run import commands, events
from tui.run.folder import RunFolder, create_run
from tui.run.lock import Holder, holder_of
from tui.run.process import last_words, send, start_engine
from tui.run.state import RunState, fold
from tui.run.watcher import follow
from tui.session import file
from tui.session.schema import Session

ROOT = Path(__file__).parent.parent
TRAIN = ROOT / "sample_data" / "shell" / "train.jsonl"
HELD_OUT = ROOT / "sample_data" / "shell" / "heldout.jsonl"
UNSLOTH_TUI = [sys.executable, "-m", "tui"]

Condition = Callable[[RunState, events.Event], bool]


@dataclass(frozen=True)
class Lab:
    """Where the real runs of these tests live, and the tiny model they train."""

    home: Path
    model: Path
    nursery: Nursery | None = None
    """Where engines are forked, those of its programs too; without one each imports for itself."""

    def session(self, **tables: dict[str, Any]) -> Session:
        """A session that trains the tiny model on the sample questions, one row an update, and then ends."""
        told: dict[str, dict[str, Any]] = {
            "model": {"name": str(self.model), "max_seq_length": 256, "load_in_4bit": False},
            "data": {"source": str(TRAIN)},
            "training": {
                "per_device_train_batch_size": 1,
                "gradient_accumulation_steps": 1,
                "learning_rate": 1e-3,
                "dataset_num_proc": 1,
            },
            "chat": {"keep_loaded_minutes": 0},
        }
        return file.from_table({key: told.get(key, {}) | tables.get(key, {}) for key in {*told, *tables}})

    @contextmanager
    def entered(self) -> Iterator[None]:
        """The environment in which runs of this lab are created and started."""
        with pytest.MonkeyPatch.context() as patch:
            for name, value in self.environment.items():
                patch.setenv(name, value)
            patch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
            if self.nursery is not None:
                patch.setattr(subprocess, "Popen", serving(self.nursery.folder))
            yield

    @property
    def environment(self) -> dict[str, str]:
        """Variables for an engine: its home, one thread (two would wait for each other here), no hub."""
        return (self.nursery.environment if self.nursery else {}) | {
            "UNSLOTH_TUI_HOME": str(self.home),
            "HOME": str(self.home / "user"),
            "OMP_NUM_THREADS": "1",
            "HF_HUB_OFFLINE": "1",
        }

    def start(self, **tables: dict[str, Any]) -> RunFolder:
        """Create a run and start its engine."""
        with self.entered():
            folder = create_run(self.session(**tables))
            start_engine(folder)
        return folder

    def write_session(self, path: Path, **tables: dict[str, Any]) -> Path:
        """A session file for the command line."""
        file.save(self.session(**tables), path)
        return path

    def command(self, *words: str, **options: Any) -> subprocess.Popen[str]:
        """The command line in a process group of its own, where Ctrl-C means what it means in a terminal."""
        with self.entered():
            return subprocess.Popen(
                [*UNSLOTH_TUI, *words], text=True, process_group=0, preexec_fn=_hear_interrupts, **options
            )

    def run_named(self, name: str, within_s: float = 30) -> RunFolder:
        """The run whose session has this name, as soon as it is there."""
        return poll(lambda: next(map(RunFolder, (self.home / "runs").glob(f"*-{name}")), None), within_s, f"no run {name}")

    def workbench(self, within_s: float = 30) -> RunFolder:
        """The first workbench of this lab, as soon as its engine works in it."""

        def taken() -> RunFolder | None:
            benches = map(RunFolder, (self.home / "workbench").glob("*"))
            return next((bench for bench in benches if holder_of(bench.lock)), None)

        return poll(taken, within_s, "no workbench")

    def processes(self) -> list[psutil.Process]:
        """Everything that runs with this lab's home in its environment, this process left out."""
        return [process for process in psutil.process_iter() if process.pid != os.getpid() and self._owns(process)]

    def _owns(self, process: psutil.Process) -> bool:
        try:
            return environment_of(process).get("UNSLOTH_TUI_HOME") == str(self.home) and process.is_running()
        except psutil.Error:
            return False


def _hear_interrupts() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # a test that runs in the background ignores them


def _described(process: psutil.Process) -> str:
    try:
        return f"{process.pid} (parent {process.ppid()}): {' '.join(process.cmdline())}"
    except psutil.Error:
        return str(process.pid)


def run_python(*words: str, within_s: float = 120) -> str:
    """Run a Python program that loads the heavy libraries, and return what it printed."""
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    done = subprocess.run(
        [sys.executable, *words], env=environment, capture_output=True, text=True, timeout=within_s, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def wait_for(folder: RunFolder, condition: Condition, within_s: float = 60) -> RunState:
    """The state of a run as soon as an event makes the condition true."""
    until = threading.Event()
    alarm = threading.Timer(within_s, until.set)
    alarm.start()
    state = RunState()
    try:
        for event in follow(folder, until):
            state = fold(state, event)
            if condition(state, event):
                return state
    finally:
        alarm.cancel()
    seen = f"{state.status}, phase {state.phase}, {len(state.steps)} steps, failure {state.failure}"
    raise AssertionError(f"{folder.name} did not get there in {within_s} s: {seen}; log: {last_words(folder, 20)}")


def ended(state: RunState, event: events.Event) -> bool:
    """A condition: the run has ended in one way or another."""
    return state.ended


def engine_gone(state: RunState, event: events.Event) -> bool:
    """A condition: the engine's process has ended."""
    return isinstance(event, events.EngineSeen) and not event.alive


def at_step(number: int) -> Condition:
    """A condition: that many updates are done."""
    return lambda state, event: state.last_step is not None and state.last_step.step >= number


def in_phase(phase: events.Phase) -> Condition:
    """A condition: the engine says that it does this now."""
    return lambda state, event: isinstance(event, events.PhaseChanged) and event.phase == phase


def worker_of(folder: RunFolder) -> psutil.Process:
    """The process that Unsloth is loaded in."""
    holder = holder_of(folder.lock)
    assert isinstance(holder, Holder), f"nobody took {folder.lock}"
    return psutil.Process(holder.pid)


def ranks_of(folder: RunFolder) -> list[psutil.Process]:
    """The two processes of a run that Unsloth is loaded in, in the order of their ranks."""

    def found() -> list[psutil.Process]:
        there = {it: environment_of(it) for it in worker_of(folder).children()}
        ranks = [it for it in there if "RANK" in there[it]]
        return sorted(ranks, key=lambda it: int(there[it]["RANK"])) if len(ranks) == 2 else []

    return list(poll(found, 30, "there are not two processes"))


def wait_gone(processes: Sequence[psutil.Process], within_s: float = 10) -> float:
    """Wait until all of these have ended; how many seconds that took."""
    started = time.monotonic()
    left = list(processes)

    def gone() -> bool:
        left[:] = [process for process in left if _lives(process)]
        return not left

    poll(gone, within_s, f"{len(left)} of {[_described(process) for process in left]} did not end")
    return time.monotonic() - started


def _lives(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE  # its parent may not have looked yet
    except psutil.Error:
        return False


def poll(look: Callable[[], Any], within_s: float, complaint: str) -> Any:
    """What `look` returns as soon as that is true, for what no event tells."""
    end = time.monotonic() + within_s
    pause = threading.Event()
    while not (found := look()):
        assert time.monotonic() < end, f"{complaint} within {within_s} s"
        pause.wait(0.05)
    return found


def release(folder: RunFolder) -> float:
    """Ask the engine to end, and wait for it; how many seconds that took."""
    worker = worker_of(folder)
    processes = [worker, *worker.children(recursive=True)]
    send(folder, commands.Release())
    return wait_gone(processes)
