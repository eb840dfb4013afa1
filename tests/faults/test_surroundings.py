"""Real engines whose disk fails, whose clock jumps, whose folder goes away, whose checkpoint is a trap, whose hub is ill."""

from __future__ import annotations

import errno
import os
import pickle
import shutil
import subprocess
import threading
import time
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests import hub_server
from tests.hub_repos import Hub
from tests.hub_server import unreachable
from tests.lab import Lab, at_step, ended, poll, wait_for, wait_gone, worker_of
from tui.engine.checkpoints import checkpoints_of
from tui.run import commands, events, figures
from tui.run.folder import RunFolder
from tui.run.lock import HEARTBEAT_S
from tui.run.process import resume_run, send
from tui.run.state import RunState
from tui.run.watcher import read_events, read_state

pytest_plugins = ["tests.engine_fixtures"]
pytestmark = [pytest.mark.slow, pytest.mark.faults, pytest.mark.timeout(1200)]
hub = hub_server.hub

PATIENCE_S = 240
ENDLESS = {"max_steps": 100_000, "save_strategy": "no"}


def compiled(source: str, made: Path) -> Path:
    """A library that lies beside this file as C."""
    if not (compiler := shutil.which("gcc")):
        pytest.skip("no C compiler")
    words = [compiler, "-shared", "-fPIC", "-O1", "-o", str(made), str(Path(__file__).parent / source), "-ldl"]
    subprocess.run(words, check=True)
    return made


@pytest.fixture(scope="module")
def shim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The library that makes a disk fail and a clock jump."""
    return compiled("shim.c", tmp_path_factory.mktemp("shim") / "shim.so")


@pytest.fixture(scope="module")
def bare(lab: Lab) -> Lab:
    """The lab with engines that are started as its users start them: what is preloaded is preloaded into them."""
    return replace(lab, nursery=None)


@pytest.fixture
def shimmed(lab: Lab, shim: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Engines that are started now believe what the files in this folder say."""
    monkeypatch.setenv("LD_PRELOAD", str(shim))
    monkeypatch.setenv("FAULT_BELOW", str(lab.home / "runs"))
    monkeypatch.setenv("FAULT_WRITE", str(tmp_path / "write"))
    monkeypatch.setenv("FAULT_CLOCK", str(tmp_path / "clock"))
    yield tmp_path


def stop(folder: RunFolder) -> list[int]:
    """End a run; the numbers of the updates that it told of."""
    send(folder, commands.Stop())
    state = wait_for(folder, ended, 60)
    assert (state.status, state.failure) == ("stopped", None)
    return [event.step for event in read_events(folder) if isinstance(event, events.StepDone)]


@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EIO, errno.EDQUOT, errno.EROFS])
def test_a_disk_that_fails_for_a_while_costs_no_event(bare: Lab, shimmed: Path, error: int) -> None:
    folder = bare.start(training=ENDLESS, run={"name": f"disk {error}"})
    wait_for(folder, at_step(5), PATIENCE_S)
    (shimmed / "write").write_text(str(error))
    threading.Event().wait(5)
    size = folder.events.stat().st_size
    assert worker_of(folder).is_running() and read_state(folder).status == "training"
    threading.Event().wait(1)
    assert folder.events.stat().st_size == size
    (shimmed / "write").write_text("0")
    wait_for(folder, at_step(read_state(folder).steps[-1].step + 10), 60)
    told = stop(folder)
    assert told == list(range(1, len(told) + 1))


@pytest.mark.parametrize("seconds", [86_400, -7_200])
def test_a_clock_that_jumps_changes_nothing_but_times(bare: Lab, shimmed: Path, seconds: int) -> None:
    folder = bare.start(training=ENDLESS, run={"name": f"clock {seconds}"})
    before = wait_for(folder, at_step(5), PATIENCE_S).steps[-1].step
    (shimmed / "clock").write_text(str(seconds))
    state = wait_for(folder, at_step(before + 30), 60)
    assert (state.status, state.engine_alive) == ("training", True)
    left = figures.seconds_left(state, state.last_event)
    assert left is not None and left > 0
    told = stop(folder)
    assert told == list(range(1, len(told) + 1))


def test_a_driver_that_fails_or_hangs_makes_no_engine_deaf(
    bare: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compiled("nvml.c", tmp_path / "libnvidia-ml.so.1")
    monkeypatch.setenv("LD_LIBRARY_PATH", str(tmp_path))
    monkeypatch.setenv("FAULT_NVML", str(tmp_path / "fault"))
    folder = bare.start(training=ENDLESS, run={"name": "driver"})
    wait_for(folder, at_step(5), PATIENCE_S)

    def sees(wanted: tuple[int | None, ...]) -> None:
        """Wait for the next reading in which the cards are so warm."""
        before = len(list(read_events(folder)))
        temperatures = lambda event: tuple(card.temperature_celsius for card in event.devices)  # noqa: E731
        poll(
            lambda: any(
                isinstance(event, events.MachineSampled) and temperatures(event) == wanted
                for event in list(read_events(folder))[before:]
            ),
            30,
            f"no reading with {wanted}",
        )

    sees((64,))
    for number in (15, 1, 999):  # lost, not initialised, unknown
        (tmp_path / "fault").write_text(str(number))
        sees(())
        (tmp_path / "fault").write_text("0")
        sees((64,))
    (tmp_path / "fault").write_text("-1")
    threading.Event().wait(2 * HEARTBEAT_S)
    assert time.time() - folder.lock.stat().st_mtime < 2 * HEARTBEAT_S, "its heart does not beat"
    assert read_state(folder).status == "training"
    told = stop(folder)
    assert told == list(range(1, len(told) + 1))


def deleted(path: Path) -> None:
    """Delete a folder in which an engine makes files anew meanwhile."""
    poll(lambda: shutil.rmtree(path, ignore_errors=True) or not path.exists(), 30, "it cannot be deleted")


@pytest.mark.parametrize("how", ["deleted", "moved", "replaced"])
def test_an_engine_whose_folder_is_gone_ends(lab: Lab, how: str, tmp_path: Path) -> None:
    folder = lab.start(training=ENDLESS, run={"name": f"folder {how}"})
    wait_for(folder, at_step(5), PATIENCE_S)
    family = [*worker_of(folder).parents()[:1], worker_of(folder)]
    deleted(folder.path) if how == "deleted" else folder.path.rename(tmp_path / "elsewhere")
    if how == "replaced":
        folder.path.mkdir()
        (folder.path / "session.toml").write_text("[model]\n")
    took = wait_gone(family, 30)
    print(f"\nthe folder is {how}: its engine ended after {took:.1f} s")
    if how == "moved":
        assert read_state(RunFolder(tmp_path / "elsewhere")).status == "crashed"


def works_on(state: RunState) -> bool:
    """Whether updates were done after it went on."""
    return state.last_step is not None and state.last_step.step > state.resumed[-1].step


class Trap:
    """What a pickled file may do when it is opened."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.mkdir, (str(self.path),)


def test_a_pickled_file_in_a_checkpoint_runs_nothing(lab: Lab, tmp_path: Path) -> None:
    """Somebody else may have made the checkpoint."""
    saving = {"max_steps": 100_000, "save_strategy": "steps", "save_steps": 2, "save_total_limit": 2}
    folder = lab.start(training=saving, run={"name": "trap"})
    wait_for(folder, lambda state, event: len(state.checkpoints) > 1, PATIENCE_S)
    send(folder, commands.Stop())
    wait_for(folder, ended, 60)
    wait_gone([worker_of(folder)], 30)
    for checkpoint in checkpoints_of(folder):
        for name in ("optimizer.pt", "scheduler.pt", "rng_state.pth"):
            with zipfile.ZipFile(checkpoint.path / name) as packed:
                parts = {part: packed.read(part) for part in packed.namelist()}
            with zipfile.ZipFile(checkpoint.path / name, "w") as packed:
                for part, content in parts.items():
                    trap = pickle.dumps(Trap(tmp_path / f"{name}-opened"), 2)
                    packed.writestr(part, trap if part.endswith("data.pkl") else content)
    with lab.entered():
        resume_run(folder, {})
    state = wait_for(folder, lambda state, event: bool(state.resumed) and (state.ended or works_on(state)), PATIENCE_S)
    assert not list(tmp_path.glob("*-opened"))
    print(f"\na trap in a checkpoint: {state.status}: {state.failure.text if state.failure else ''}")
    if not state.ended:
        stop(folder)


@pytest.mark.parametrize(
    "fault", ["never answers", "is out of order", "asks to wait", "is something else", "is out of reach"]
)
def test_a_hub_that_is_ill_fails_the_run_in_words(bare: Lab, hub: Hub, fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.add("owner/model")
    match fault:
        case "never answers":
            hub.held["/"] = threading.Event()
        case "is out of order":
            hub.refuse("/", 503)
        case "asks to wait":
            hub.refuse("/", 429, Retry_After="3")
        case "is something else":
            hub.refuse("/", 200)
        case _:
            unreachable(monkeypatch)
    monkeypatch.setattr(Lab, "environment", {**bare.environment, "HF_HUB_OFFLINE": "0"})
    began = time.monotonic()
    folder = bare.start(model={"name": "owner/model"}, training=ENDLESS, run={"name": fault})
    state = wait_for(folder, ended, 400)
    print(
        f"\nthe hub {fault}: {state.failure and state.failure.code} after {time.monotonic() - began:.0f} s: "
        f"{state.failure.text if state.failure else ''}"
    )
    assert state.status == "failed" and state.failure and "\n" not in state.failure.text
    assert "Traceback" not in state.failure.text
    poll(lambda: not bare.processes(), 30, "an engine is left")
