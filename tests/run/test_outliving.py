"""A run is its own master: real processes around it are killed, hung up and interrupted while it trains."""

from __future__ import annotations

import fcntl
import os
import random
import signal
import subprocess
import termios
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO

import psutil
import pytest

from tests.lab import TRAIN, UNSLOTH_TUI, Lab, at_step, ended, engine_gone, in_phase, poll, wait_for, wait_gone, worker_of
from tui.catalog.local import read_model
from tui.engine.checkpoints import checkpoints_of, what_is_wrong
from tui.run import events
from tui.run.folder import RunFolder
from tui.run.process import live_processes, resume_run, start_engine
from tui.run.state import RunState
from tui.run.watcher import Watcher, read_events, read_state

pytest_plugins = ["tests.engine_fixtures"]
pytestmark = pytest.mark.slow

STEPS = 300
ENDLESS = 1_000_000
KILLS = 20


@dataclass
class Runs:
    """Runs that were started together, since some of them spend their first ten seconds importing."""

    hung_up: RunFolder
    terminal: Terminal
    watchers: tuple[Watcher, Watcher]
    interrupted: RunFolder
    foreground: subprocess.Popen[str]
    said: IO[str]
    """What the interrupted command wrote on stderr."""
    told: IO[str]
    """What it wrote on stdout: its events."""
    orphaned: RunFolder
    starter: subprocess.Popen[str]
    killed: RunFolder
    wiped_out: RunFolder


class Terminal(threading.Thread):
    """A pseudo-terminal with a command in it; it is closed, as by a lost connection, once the command has said something."""

    def __init__(self, lab: Lab, command: list[str], last_word: bytes) -> None:
        super().__init__(daemon=True)
        self.last_word = last_word
        self.shown = b""
        self._ours, theirs = os.openpty()
        with lab.entered():
            self.process = subprocess.Popen(
                command, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True, preexec_fn=_take_terminal
            )
        os.close(theirs)
        self.start()

    def run(self) -> None:
        while self.last_word not in self.shown:
            self.shown += os.read(self._ours, 65536)
        os.close(self._ours)


def _take_terminal() -> None:
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


@pytest.fixture(scope="module")
def cold(lab: Lab) -> Lab:
    """For runs that are killed while they import, or have to outlive what has really started them."""
    return replace(lab, nursery=None)


@pytest.fixture(scope="module")
def runs(lab: Lab, cold: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runs]:
    """Five runs, each started in another way from the command line."""
    place = tmp_path_factory.mktemp("sessions")

    def session(name: str, steps: int = ENDLESS, keep_loaded_minutes: float = 0) -> str:
        training = {"max_steps": steps, "warmup_steps": 5}
        chat = {"keep_loaded_minutes": keep_loaded_minutes}
        return str(lab.write_session(place / f"{name}.toml", training=training, chat=chat, run={"name": name}))

    terminal = Terminal(cold, [*UNSLOTH_TUI, "run", session("hung-up", STEPS)], b"step 5/")
    hung_up = lab.run_named("hung-up")
    watchers = (Watcher(hung_up), Watcher(hung_up))
    for watcher in watchers:
        watcher.start()
    said = (place / "said").open("w+")
    told = (place / "told").open("w+")
    interrupted = session("interrupted", keep_loaded_minutes=5)
    foreground = lab.command("run", interrupted, "--json", stdin=subprocess.DEVNULL, stdout=told, stderr=said)
    starter = cold.command(
        "run", session("orphaned", keep_loaded_minutes=5), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    with lab.entered():
        closed = ["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", *UNSLOTH_TUI, "start", session("killed")]
        assert subprocess.run(closed, timeout=60, check=False).returncode == 0
    start = lab.command("start", session("wiped-out"), stdout=subprocess.PIPE)
    name = start.communicate(timeout=60)[0].strip()
    made = Runs(
        hung_up=hung_up,
        terminal=terminal,
        watchers=watchers,
        interrupted=lab.run_named("interrupted"),
        foreground=foreground,
        said=said,
        told=told,
        orphaned=lab.run_named("orphaned"),
        starter=starter,
        killed=lab.run_named("killed"),
        wiped_out=RunFolder(lab.home / "runs" / name),
    )
    yield made
    for folder in (hung_up, made.interrupted, made.orphaned, made.killed, made.wiped_out):
        for process in live_processes(folder):  # of those whose test was not among the chosen ones
            process.kill()
    said.close()
    told.close()
    for watcher in watchers:
        watcher.stop()
    for command in (terminal.process, foreground, starter):
        command.kill()
        command.wait()


@pytest.mark.usefixtures("runs")
def test_an_engine_that_is_killed_while_it_imports_has_crashed_by_a_signal(cold: Lab) -> None:
    folder = cold.start(run={"name": "early"})
    wait_for(folder, in_phase("importing"), 30)
    processes = _family(folder)
    worker_of(folder).kill()
    state = wait_for(folder, ended, 10)
    assert state.status == "crashed"
    assert state.failure is not None and state.failure.code == "killed" and "SIGKILL" in state.failure.text
    wait_gone(processes)
    assert read_state(folder).status == "crashed"


@pytest.mark.usefixtures("runs")
def test_an_engine_that_is_wiped_out_while_it_imports_has_crashed(cold: Lab) -> None:
    folder = cold.start(run={"name": "early-wiped-out"})
    wait_for(folder, in_phase("importing"), 30)
    _wipe_out(folder)
    _assert_crashed(folder)


def test_a_run_goes_on_without_the_process_that_watches_over_it(runs: Runs) -> None:
    before = len(wait_for(runs.interrupted, at_step(3), 120).steps)
    supervisor, _ = _family(runs.interrupted)
    supervisor.kill()
    wait_gone([supervisor])
    assert wait_for(runs.interrupted, at_step(before + 10), 30).status == "training"


def test_ctrl_c_in_the_foreground_stops_and_saves(runs: Runs) -> None:
    wait_for(runs.interrupted, at_step(3), 120)
    processes = [worker_of(runs.interrupted)]
    os.killpg(runs.foreground.pid, signal.SIGINT)
    assert runs.foreground.wait(30) == 0
    state = read_state(runs.interrupted)
    assert (state.status, state.result) == ("stopped", str(runs.interrupted.adapter))
    assert read_model(state.result).parameters
    assert _numbers(runs.interrupted) == list(range(1, len(state.steps) + 1))
    wait_gone(processes)
    runs.said.seek(0)
    said = runs.said.read()
    assert "stopping after this update, and saving" in said and "Traceback" not in said
    runs.told.seek(0)
    told = [event for line in runs.told if (event := events.from_line(line)) is not None]
    written = [event for event in told if not isinstance(event, events.EngineSeen)]
    assert written == list(read_events(runs.interrupted))  # each once, whatever the interrupt came between
    assert isinstance(written[-1], events.Finished) and not written[-1].loaded  # nobody is told to chat with what is gone


@pytest.mark.usefixtures("runs")
def test_ctrl_c_while_importing_keeps_nothing_and_is_no_failure(cold: Lab, tmp_path: Path) -> None:
    session = cold.write_session(tmp_path / "session.toml", run={"name": "early-interrupted"})
    command = cold.command("run", str(session), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    folder = cold.run_named("early-interrupted")
    wait_for(folder, in_phase("importing"), 30)
    processes = _family(folder)
    os.killpg(command.pid, signal.SIGINT)
    _, said = command.communicate(timeout=20)
    assert command.returncode == 0
    assert "nothing was kept" in said and "Traceback" not in said
    wait_gone(processes)


@pytest.mark.usefixtures("runs")
def test_a_workbench_ends_when_the_program_that_opened_it_is_killed(lab: Lab) -> None:
    """Even when nobody has asked for the exit code of that program, which then stays behind as a zombie."""
    asking = lab.command("chat", str(lab.model), "--prompt", "hi", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    processes = _family(lab.workbench())
    asking.kill()
    wait_gone(processes, 15)
    assert asking.wait(5) == -signal.SIGKILL


def test_a_killed_engine_has_crashed_by_the_signal_that_is_named(runs: Runs) -> None:
    """It was started with stdin, stdout and stderr closed."""
    wait_for(runs.killed, at_step(3), 120)
    processes = _family(runs.killed)
    worker_of(runs.killed).kill()
    state = wait_for(runs.killed, ended, 10)
    assert state.status == "crashed"
    assert state.failure is not None and state.failure.code == "killed"
    assert "signal 9 (SIGKILL)" in state.failure.text and state.failure.advice
    wait_gone(processes)
    assert read_state(runs.killed).status == "crashed"
    assert not runs.killed.adapter.exists()


def test_a_run_whose_processes_were_all_killed_has_crashed(runs: Runs) -> None:
    wait_for(runs.wiped_out, at_step(3), 120)
    _wipe_out(runs.wiped_out)
    state = _assert_crashed(runs.wiped_out)
    assert "loss" in state.failure.text  # type: ignore[union-attr]  # the last that the engine printed


def test_a_run_goes_on_when_its_starter_is_killed(runs: Runs) -> None:
    before = len(wait_for(runs.orphaned, at_step(3), 120).steps)
    runs.starter.kill()
    assert runs.starter.wait(10) == -signal.SIGKILL
    state = wait_for(runs.orphaned, at_step(before + 20), 30)
    assert state.status == "training"


def test_a_second_engine_for_the_same_run_is_refused_and_does_no_harm(runs: Runs, lab: Lab) -> None:
    with lab.entered():
        second = start_engine(runs.orphaned)
    assert second.wait(30) == 1
    state = wait_for(runs.orphaned, at_step(len(read_state(runs.orphaned).steps) + 5), 30)
    assert (state.status, state.failure) == ("training", None)


def test_ctrl_c_on_a_watcher_leaves_the_run_alone(runs: Runs, lab: Lab) -> None:
    asked = runs.orphaned.commands.read_bytes()
    watching = lab.command("watch", runs.orphaned.name, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert watching.stdout is not None
    first = next(line for line in watching.stdout if line.startswith("step "))
    assert first.startswith("step 1/")
    os.killpg(watching.pid, signal.SIGINT)
    _, told = watching.communicate(timeout=20)
    assert watching.returncode != 0
    assert f"{runs.orphaned.name} goes on" in told and "Traceback" not in told
    state = wait_for(runs.orphaned, at_step(len(read_state(runs.orphaned).steps) + 5), 30)
    assert state.status == "training"
    assert runs.orphaned.commands.read_bytes() == asked


def test_a_watcher_whose_reader_goes_away_ends_quietly(runs: Runs, lab: Lab) -> None:
    watching = lab.command("watch", runs.orphaned.name, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert watching.stdout is not None and watching.stderr is not None
    assert watching.stdout.readline()
    watching.stdout.close()
    assert watching.wait(20) == 1
    with watching.stderr:
        assert watching.stderr.read() == ""
    assert read_state(runs.orphaned).status == "training"


def test_a_scheduler_that_ends_the_run_gets_it_saved(runs: Runs) -> None:
    """A signal to the whole group, as schedulers send it; it has to give the memory back too, before a harder one comes."""
    wait_for(runs.orphaned, at_step(1), 60)
    processes = _family(runs.orphaned)
    os.killpg(os.getpgid(processes[0].pid), signal.SIGTERM)
    state = wait_for(runs.orphaned, ended, 20)
    assert (state.status, state.result) == ("stopped", str(runs.orphaned.adapter))
    assert read_model(state.result).parameters
    wait_gone(processes)


def test_a_run_goes_on_when_its_terminal_is_closed(runs: Runs) -> None:
    runs.terminal.join(120)
    assert not runs.terminal.is_alive()
    assert runs.terminal.process.wait(20) == -signal.SIGHUP
    state = wait_for(runs.hung_up, ended, 120)
    assert (state.status, state.failure) == ("finished", None)
    assert _numbers(runs.hung_up) == list(range(1, STEPS + 1))
    assert read_model(str(runs.hung_up.adapter)).parameters


def test_two_watchers_at_once_both_see_every_update(runs: Runs) -> None:
    wait_for(runs.hung_up, engine_gone, 120)
    for watcher in runs.watchers:
        told: list[events.Event] = []
        poll(lambda told=told, watcher=watcher: _drain(watcher, told), 20, "the watcher did not see the end")
        assert [event.step for event in told if isinstance(event, events.StepDone)] == list(range(1, STEPS + 1))


@pytest.mark.campaign
@pytest.mark.timeout(900)
def test_a_run_that_is_killed_again_and_again_loses_at_most_one_update_each_time(lab: Lab) -> None:
    """Killed at any moment, in the middle of a checkpoint too: no half one counts, and no event that was written is lost."""
    folder = lab.start(training={"max_steps": 5000, "save_strategy": "steps", "save_steps": 1}, run={"name": "mortal"})
    moments = random.Random(7)
    for number in range(KILLS):
        wait_for(folder, lambda state, event, number=number: len(state.resumed) == number and _fresh(state), 90)
        threading.Event().wait(moments.uniform(0, 1))
        _wipe_out(folder) if number % 2 else worker_of(folder).kill()
        last = wait_for(folder, engine_gone, 20).steps[-1].step
        newest, *others = checkpoints_of(folder)
        assert what_is_wrong(newest) == "" and newest.step >= last - 1
        assert len(others) <= 2  # the one that was being written, or taken away, is not there yet or not any more
        with lab.entered():
            resume_run(folder, {"training.max_steps": last + 20} if number == KILLS - 1 else {})
    state = wait_for(folder, lambda state, event: isinstance(event, events.Finished), 90)
    assert (state.status, len(state.resumed)) == ("finished", KILLS)
    assert [step.step for step in state.steps] == list(range(1, last + 21))


def _fresh(state: RunState) -> bool:
    """Some updates have been done since the run last began."""
    begun = state.resumed[-1].step if state.resumed else 0
    return state.steps[-1].step > begun + 2 if state.steps else False


def test_killing_the_engine_while_it_tokenises_leaves_no_helper_behind(lab: Lab, tmp_path: Path) -> None:
    large = tmp_path / "large.jsonl"
    large.write_text(TRAIN.read_text() * 150)
    folder = lab.start(data={"source": str(large)}, training={"dataset_num_proc": 2}, run={"name": "helpers"})
    wait_for(folder, in_phase("tokenising"), 60)
    poll(lambda: len(live_processes(folder)) > 2, 20, "no tokenising processes")
    processes = [*_family(folder), *live_processes(folder)]
    _wipe_out(folder)
    wait_gone(processes, 5)
    _assert_crashed(folder)


def _family(folder: RunFolder) -> list[psutil.Process]:
    """The process that watches over the engine, and the engine."""
    worker = worker_of(folder)
    supervisor = worker.parent()
    assert supervisor is not None and supervisor.pid == os.getsid(worker.pid)
    return [supervisor, worker]


def _wipe_out(folder: RunFolder) -> None:
    for process in _family(folder):
        process.kill()


def _assert_crashed(folder: RunFolder) -> RunState:
    state = wait_for(folder, ended, 10)
    assert state.status == "crashed"
    assert not state.engine_alive
    assert state.failure is not None and "the engine is gone" in state.failure.text
    assert read_state(folder).status == "crashed"
    return state


def _numbers(folder: RunFolder) -> list[int]:
    return [event.step for event in read_events(folder) if isinstance(event, events.StepDone)]


def _drain(watcher: Watcher, told: list[events.Event]) -> bool:
    told += watcher.drain()
    return any(isinstance(event, events.Finished) for event in told)
