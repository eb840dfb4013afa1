"""Real runs whose disk gets full, or read-only, in the middle of what they do: they go on, and say so."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.lab import Lab, at_step, ended, engine_gone, poll, ranks_of, wait_for, wait_gone, worker_of
from tui.engine.checkpoints import WRITING, checkpoints_of, what_is_wrong
from tui.run import commands, events
from tui.run.folder import RunFolder, create_run
from tui.run.listing import read_row
from tui.run.process import resume_run, send, start_engine
from tui.run.state import RunState
from tui.run.watcher import read_events, read_state

pytest_plugins = ["tests.engine_fixtures"]
pytestmark = pytest.mark.slow

SAVED = {"save_strategy": "steps", "save_steps": 1, "save_total_limit": 2, "max_steps": 100_000}
TMPFS = ["mount", "-t", "tmpfs", "tmpfs"]
PAGE_BYTES, MANY_BYTES = 4096, 1 << 24
Start = Callable[..., RunFolder]
ALLOWED_BYTES = 400_000
"""So long may the files of a limited run get: the events stay below, a checkpoint's weights do not."""


@pytest.fixture(scope="module")
def may_mount(tmp_path_factory: pytest.TempPathFactory) -> None:
    place = tmp_path_factory.mktemp("disk")
    if os.geteuid() or not shutil.which("mount") or subprocess.run([*TMPFS, str(place)], check=False).returncode:
        pytest.skip("no disk may be mounted here")
    subprocess.run(["umount", str(place)], check=True)


@pytest.fixture
def on_a_disk(lab: Lab, may_mount: None) -> Iterator[Start]:
    """Starts a run on a disk of its own, in memory."""
    with ExitStack() as disks:

        def start(size: str, **tables: dict[str, Any]) -> RunFolder:
            with lab.entered():
                folder = create_run(lab.session(**tables))
                session = folder.session.read_bytes()
                subprocess.run([*TMPFS, "-o", f"size={size}", str(folder.path)], check=True)
                disks.callback(subprocess.run, ["umount", "--lazy", str(folder.path)], check=True)
                folder.session.write_bytes(session)
                start_engine(folder)
            return folder

        yield start
        for process in lab.processes():
            process.kill()
        psutil.wait_procs(lab.processes(), 10)


@pytest.fixture(scope="module")
def sealed(lab: Lab, may_mount: None) -> RunFolder:
    """A run whose folder becomes read-only."""
    return lab.start(training=SAVED, run={"name": "sealed"})


def test_a_full_disk_ends_no_run_and_what_it_could_not_write_comes_later(on_a_disk: Start) -> None:
    folder = on_a_disk("8m", training={"save_strategy": "no", "max_steps": 100_000}, run={"name": "full"})
    wait_for(folder, at_step(5), 120)
    ballast = folder.path / "somebody-elses"
    _fill(ballast)
    state = wait_for(folder, _hindered, 20)
    assert "the disk is full" in state.hindrance and state.status == "training"
    assert "the disk is full" in read_row(folder).reason
    before = read_state(folder).steps[-1].step
    _works_on(worker_of(folder))
    assert read_state(folder).steps[-1].step <= before + 20  # what fitted into the last page
    ballast.unlink()
    state = wait_for(folder, at_step(before + 50), 20)
    state = wait_for(folder, lambda state, event: isinstance(event, events.EngineSeen) and not state.hindrance, 20)
    send(folder, commands.Stop())
    state = wait_for(folder, ended, 30)
    assert (state.status, state.failure) == ("stopped", None)
    assert [step.step for step in state.steps] == list(range(1, state.steps[-1].step + 1))
    assert "Traceback" not in folder.log.read_text()


def test_a_disk_that_gets_full_in_the_middle_of_a_checkpoint_costs_that_checkpoint_alone(
    on_a_disk: Start,
) -> None:
    folder = on_a_disk("1200m", training=SAVED, run={"name": "halved"})
    wait_for(folder, at_step(5), 120)
    worker = worker_of(folder)
    _hold_in_a_checkpoint(folder, worker)
    ballast = folder.path / "somebody-elses"
    _fill(ballast)
    worker.resume()
    state = wait_for(folder, lambda state, event: any("no checkpoint" in it.text for it in state.warnings), 20)
    (told,) = [it for it in state.warnings if "no checkpoint" in it.text]
    assert "the disk is full" in told.text or "are free; a checkpoint takes" in told.text  # the held one was whole already
    newest, *_ = checkpoints_of(folder)
    assert what_is_wrong(newest) == "" and newest.step < told.step
    assert not (folder.checkpoints / f"checkpoint-{told.step}").exists()
    ballast.unlink()
    state = wait_for(folder, lambda state, event: bool(state.checkpoints) and state.checkpoints[-1].step > told.step, 30)
    assert state.status == "training"
    send(folder, commands.Stop())
    assert wait_for(folder, ended, 30).status == "stopped"


@pytest.mark.campaign
def test_files_that_may_not_get_longer_are_told_of_and_the_run_goes_on_from_the_last_good_checkpoint(lab: Lab) -> None:
    folder = lab.start(training=SAVED, lora={"r": 64}, run={"name": "limited"})
    wait_for(folder, at_step(5), 120)
    worker = worker_of(folder)
    worker.rlimit(resource.RLIMIT_FSIZE, (ALLOWED_BYTES, resource.RLIM_INFINITY))
    state = wait_for(folder, lambda state, event: any("no checkpoint" in it.text for it in state.warnings), 20)
    told = state.warnings[-1]
    assert "the disk is full" in told.text and told.mend
    wait_for(folder, at_step(told.step + 5), 20)
    newest, *_ = checkpoints_of(folder)
    assert what_is_wrong(newest) == "" and newest.step < told.step
    worker.kill()
    wait_for(folder, engine_gone, 20)
    with lab.entered():
        resume_run(folder, {"training.max_steps": told.step + 20})
    state = wait_for(folder, lambda state, event: isinstance(event, events.Finished), 90)
    assert [it.step for it in state.resumed] == [newest.step]
    assert [step.step for step in state.steps] == list(range(1, told.step + 21))


def test_a_folder_that_becomes_read_only_is_said_to_be_and_its_run_goes_on(sealed: RunFolder) -> None:
    folder = sealed
    wait_for(folder, at_step(5), 120)
    with _read_only(folder.path):
        state = wait_for(folder, _hindered, 20)
        assert "read-only" in state.hindrance and state.engine_alive
        assert "read-only" in read_row(folder).reason
        worker = worker_of(folder)
        _works_on(worker)
        with pytest.raises(OSError, match="Read-only"):
            send(folder, commands.Stop())
    before = read_state(folder).steps[-1].step
    state = wait_for(folder, lambda state, event: bool(state.checkpoints) and state.checkpoints[-1].step > before, 30)
    assert any("read-only" in it.text for it in state.warnings)
    send(folder, commands.Stop())
    state = wait_for(folder, ended, 30)
    assert state.status == "stopped"
    assert [step.step for step in state.steps] == list(range(1, state.steps[-1].step + 1))


@pytest.mark.campaign
def test_an_engine_that_is_killed_while_its_folder_is_read_only_is_said_to_be_gone_and_why(
    sealed: RunFolder, lab: Lab
) -> None:
    folder = sealed
    wait_for(folder, engine_gone, 120)
    with lab.entered():
        resume_run(folder, {})
    wait_for(folder, lambda state, event: bool(state.resumed) and state.steps[-1].step > state.resumed[-1].step, 120)
    with _read_only(folder.path):
        worker_of(folder).kill()
        state = wait_for(folder, lambda state, event: state.ended and not state.engine_alive and bool(state.failure), 30)
        assert state.status == "crashed" and state.failure is not None
        assert "read-only" in state.failure.text and "read-only" in read_row(folder).reason
    assert len(list(read_events(folder))) > 5


@pytest.mark.campaign
def test_of_two_processes_none_waits_for_one_whose_disk_is_full(on_a_disk: Start) -> None:
    """What one of them cannot write costs all of them that checkpoint, and the run goes on, or ends and says why."""
    folder = on_a_disk("1200m", training=SAVED, cluster={"nproc_per_node": 2}, run={"name": "pair"})
    wait_for(folder, lambda state, event: bool(state.checkpoints), 180)
    ranks, engine = ranks_of(folder), worker_of(folder)
    ranks[1].rlimit(resource.RLIMIT_FSIZE, (100, resource.RLIM_INFINITY))
    state = wait_for(folder, lambda state, event: any("no checkpoint" in it.text for it in state.warnings), 30)
    told = state.warnings[-1]
    assert "the disk is full" in told.text
    wait_for(folder, at_step(told.step + 5), 30)
    ranks[1].rlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    wait_for(folder, lambda state, event: bool(state.checkpoints) and state.checkpoints[-1].step > told.step, 30)

    ballast = folder.path / "somebody-elses"
    _fill(ballast)
    wait_for(folder, _hindered, 30)
    os.truncate(ballast, ballast.stat().st_size - 16 * PAGE_BYTES)  # room for a wish and the last words, not for a result
    send(folder, commands.Stop())
    state = wait_for(folder, ended, 60)
    assert state.failure and "the disk is full" in state.failure.text
    wait_gone([*ranks, engine], 30)


@contextmanager
def _read_only(path: Path) -> Iterator[None]:
    """Nothing below this path can be written; what is open for writing already stays so, as the log is."""
    subprocess.run(["mount", "--bind", str(path), str(path)], check=True)
    seal = ["mount", "-o", "remount,ro,bind", str(path)]
    poll(lambda: subprocess.run(seal, check=False).returncode == 0, 20, "a file there was being written all the time")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(path)], check=True)


def _fill(path: Path) -> None:
    """Write until nothing more fits."""
    with path.open("wb", buffering=0) as stream:
        try:
            for _ in range(shutil.disk_usage(path).free // MANY_BYTES):
                stream.write(bytes(MANY_BYTES))
            while True:
                stream.write(bytes(PAGE_BYTES))
        except OSError:
            return


def _hold_in_a_checkpoint(folder: RunFolder, worker: psutil.Process) -> None:
    """Stop the engine for a while, in the middle of a checkpoint."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        if _half_written(folder):
            worker.suspend()
            poll(lambda: worker.status() == psutil.STATUS_STOPPED, 20, "the engine goes on although it was stopped")
            if _half_written(folder):
                return
            worker.resume()
    raise AssertionError("no checkpoint was met half written")


def _half_written(folder: RunFolder) -> bool:
    """Whether a checkpoint has its adapter but not yet what the trainer knows, which is written last."""
    try:
        (scratch,) = (folder.checkpoints / WRITING).iterdir()
        written = {path.name for path in scratch.iterdir()}
    except (FileNotFoundError, ValueError):  # none is being written, or it has just been put in its place
        return False
    return "adapter_config.json" in written and "trainer_state.json" not in written


def _works_on(worker: psutil.Process) -> None:
    """Wait until an engine from which nothing is heard has computed for a while."""
    before = sum(worker.cpu_times()[:2])
    poll(lambda: sum(worker.cpu_times()[:2]) > before + 1, 60, "the run does not go on")


def _hindered(state: RunState, event: events.Event) -> bool:
    return bool(state.hindrance)
