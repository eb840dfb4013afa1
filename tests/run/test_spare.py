"""A spare engine imports ahead of a run, becomes its engine, and is gone where nobody needs it any more."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.lab import ROOT, Lab, at_step, ended, wait_for, wait_gone, worker_of
from tui.run import events
from tui.run.folder import RunFolder, create_run
from tui.run.lock import is_held
from tui.run.process import live_processes
from tui.run.spare import Spare, may_begin_warm
from tui.run.watcher import read_events, read_state
from tui.session import file
from tui.session.schema import Session

pytest_plugins = ["tests.engine_fixtures"]

WINDOW = """
import sys, time
from pathlib import Path
from tui.run.folder import create_run
from tui.run.spare import Spare
from tui.session import file
session = file.load(Path(sys.argv[1]))
first, second = Spare(), Spare()
first.prepare(session)
second.prepare(session)
print(second.folder.path, flush=True)
while not first.ready:
    time.sleep(0.1)
run = create_run(session)
assert first.become(run, session)
print(run.path, flush=True)
time.sleep(600)
"""
"""Prepares two engines, lets the first become a run's, and stays until it is killed."""


@dataclass(frozen=True)
class Warm:
    """A run whose engine was a spare one, and another spare one that waits."""

    window: subprocess.Popen[str]
    run: RunFolder
    waiting: RunFolder


@pytest.fixture(scope="module")
def warm(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warm]:
    place = lab.write_session(tmp_path_factory.mktemp("warm") / "session.toml", training={"max_steps": 1_000_000})
    with lab.entered():
        window = subprocess.Popen(
            [sys.executable, "-c", WINDOW, str(place)], text=True, stdout=subprocess.PIPE, cwd=ROOT, start_new_session=True
        )
    assert window.stdout is not None
    waiting, run = (RunFolder(Path(window.stdout.readline().strip())) for _ in range(2))
    yield Warm(window, run, waiting)
    window.kill()
    window.wait(10)
    window.stdout.close()


@pytest.mark.slow
def test_a_run_that_begins_in_a_spare_engine_is_like_any_other(warm: Warm) -> None:
    """Its words are in its own log, its command is the usual one, and no libraries are waited for."""
    state = wait_for(warm.run, at_step(2), 60)
    assert [phase.phase for phase in state.phases[:2]] == ["importing", "loading"]
    assert state.phases[1].time - state.phases[0].time < 3
    assert json.loads(warm.run.provenance.read_text())["command"][1:] == [str(warm.run.path)]
    assert "loss" in warm.run.log.read_text()
    assert is_held(warm.run.lock)
    assert not [event for event in read_events(warm.waiting) if isinstance(event, events.StepDone)]


@pytest.mark.slow
def test_when_its_window_is_killed_the_run_goes_on_and_a_spare_engine_that_waits_ends(warm: Warm) -> None:
    waiting = live_processes(warm.waiting)
    assert waiting
    warm.window.send_signal(signal.SIGKILL)
    warm.window.wait(10)
    wait_gone(waiting, 15)
    before = len(read_state(warm.run).steps)
    assert wait_for(warm.run, at_step(before + 20), 30).status == "training"


@pytest.mark.slow
def test_a_run_that_began_in_a_spare_engine_and_is_killed_has_crashed_by_the_signal_that_is_named(warm: Warm) -> None:
    worker = worker_of(warm.run)
    processes = [worker, *worker.parents()[:1]]
    worker.kill()
    state = wait_for(warm.run, ended, 10)
    assert state.status == "crashed" and state.failure is not None and "signal 9 (SIGKILL)" in state.failure.text
    wait_gone(processes, 10)


def session(**tables: dict[str, object]) -> Session:
    return file.from_table({"model": {"name": "a/b"}, "data": {"source": "x.jsonl"}} | tables)


def test_what_must_be_set_before_the_libraries_are_imported_begins_cold() -> None:
    assert may_begin_warm(session())
    assert not may_begin_warm(session(training={"custom_loss": "a.py:f"}))
    assert not may_begin_warm(session(training={"report_to": "wandb"}))
    assert not may_begin_warm(session(model={"name": "a/b", "trust_remote_code": True}))
    assert not may_begin_warm(session(export={"kinds": ["gguf"]}))


def test_other_devices_or_another_environment_begin_cold(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[dict[str, object]] = []

    class Process:
        def poll(self) -> None:
            return None

    monkeypatch.setattr("tui.run.spare.start_engine", lambda folder, **more: started.append(more) or Process())
    monkeypatch.setattr("tui.run.spare.NEEDED_BYTES", 0)
    spare = Spare()
    spare.prepare(session())
    spare.prepare(session(training={"max_steps": 5}))
    assert [it["device"] for it in started] == ["auto"] and all(it["spare"] for it in started)
    run = create_run(session())
    assert not spare.become(run, session(model={"name": "a/b", "device": "1"}))
    with monkeypatch.context() as changed:
        changed.setenv("HF_HUB_OFFLINE", "0")
        assert not spare.become(run, session())
    assert spare.become(run, session())
    assert not spare.become(run, session())  # it is taken
