"""Sessions wait in order, nobody starts where somebody else computes, and the queue goes on without a window."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import pytest

from tests.lab import Lab, at_step, ended, poll, wait_for, wait_gone, worker_of
from tests.run.conftest import MakeRun, write_holder
from tui.machine.readings import GpuReading
from tui.run import gpu_choice, queue, queue_keeper
from tui.run.assigned import assign, assigned
from tui.run.events import Finished, PhaseChanged
from tui.run.folder import RunFolder
from tui.run.going_on import why_not
from tui.run.gpu_choice import BEHIND, ON_HOLD, Choice, Device, choose, devices_here, plan, taken_by
from tui.run.handed import Handed, write_handed
from tui.run.listing import Listing, RunRow
from tui.run.lock import acquire
from tui.run.process import device_environment
from tui.run.queue import NotWaiting, Ticket
from tui.run.queue_keeper import Keeper
from tui.run.waiting import Outlook
from tui.run.watcher import read_state
from tui.session.file import from_table, load, save

pytest_plugins = ["tests.engine_fixtures"]
GIB = 2**30
GPUS = (Device("GPU-a", 0, 70 * GIB, 80 * GIB), Device("GPU-b", 1, 75 * GIB, 80 * GIB))
CPU = (Device("cpu"),)


@pytest.fixture
def nobody_starts(home: Path) -> None:
    """Somebody else seems to keep the queue, so that what waits goes on waiting."""
    home.mkdir()
    write_holder(home / "queue.lock")


def added(*names: str) -> list[RunFolder]:
    return [queue.enqueue(from_table({"run": {"name": name}})) for name in names]


def write_session(folder: RunFolder, table: dict[str, dict[str, object]]) -> None:
    save(from_table(table), folder.session)


def order() -> list[str]:
    return [load(ticket.folder.session).run.name for ticket in queue.waiting()]


# the order


@pytest.mark.usefixtures("nobody_starts")
def test_runs_wait_in_the_order_in_which_they_came_and_can_be_moved() -> None:
    a, b, c = added("a", "b", "c")
    assert order() == ["a", "b", "c"]
    queue.move(c, "up")
    assert order() == ["a", "c", "b"]
    queue.move(b, "first")
    assert order() == ["b", "a", "c"]
    queue.move(b, "down")
    queue.move(c, "down")
    queue.move(a, "up")
    assert order() == ["a", "b", "c"]


@pytest.mark.usefixtures("nobody_starts")
def test_two_windows_that_change_the_order_at_once_lose_no_run() -> None:
    folders = added(*"abcdef")
    threads = [threading.Thread(target=queue.move, args=(folder, how)) for folder in folders for how in ("up", "first")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(order()) == [*"abcdef"]
    assert sorted(ticket.place for ticket in queue.waiting()) == [1, 2, 3, 4, 5, 6]


@pytest.mark.usefixtures("nobody_starts")
def test_a_waiting_run_is_waiting_and_a_cancelled_one_is_stopped() -> None:
    a, b = added("a", "b")
    queue.hold(b, held=True)
    assert [(row.status, row.place, row.held) for row in Listing().rows()] == [("waiting", 1, False), ("waiting", 2, True)]
    queue.cancel(a)
    assert read_state(a).status == "stopped" and order() == ["b"]
    queue.hold(b, held=False)
    assert not queue.waiting()[0].held


@pytest.mark.usefixtures("nobody_starts")
def test_a_run_that_does_not_wait_cannot_be_moved(make_run: MakeRun) -> None:
    folder = make_run()
    for change in (queue.cancel, lambda run: queue.move(run, "up"), lambda run: queue.hold(run, held=True)):
        with pytest.raises(NotWaiting, match="does not wait in the queue"):
            change(folder)
    assert not folder.ticket.exists()


@pytest.mark.usefixtures("nobody_starts")
def test_a_damaged_ticket_starts_nothing_and_stops_nobody() -> None:
    a, _ = added("a", "b")
    a.ticket.write_text("{")
    assert order() == ["b", "a"] and [ticket.held for ticket in queue.waiting()] == [False, True]


def test_where_nobody_waits_nobody_is_started(home: Path) -> None:
    assert not queue.start_keeper() and not home.exists()


@pytest.fixture
def ended_run(make_run: MakeRun) -> RunFolder:
    """A run that was done, and whose engine is gone."""
    return make_run([PhaseChanged(phase="training"), Finished(outcome="completed", result="/adapter")], name="done")


@pytest.mark.usefixtures("nobody_starts")
def test_a_finished_run_that_waits_to_be_extended_is_as_it_was_when_that_is_cancelled(ended_run: RunFolder) -> None:
    added("before")
    queue.enqueue_again(ended_run, {"training.max_steps": 90})
    (row,) = (row for row in Listing().rows() if row.name == ended_run.name)
    assert (row.place, row.status) == (2, "finished")
    assert "waits in the queue" in why_not(ended_run, 90)
    queue.hold(ended_run, held=True)
    assert queue.waiting()[1].resumes == {"training.max_steps": 90}
    queue.cancel(ended_run)
    assert (read_state(ended_run).status, read_state(ended_run).result) == ("finished", "/adapter")
    assert len(queue.waiting()) == 1 and not ended_run.commands.exists()


@pytest.mark.usefixtures("nobody_starts")
def test_each_waiting_run_is_told_what_it_waits_for(home: Path, make_run: MakeRun) -> None:
    going = make_run([PhaseChanged(phase="training")], alive=True, name="going")
    first, second, third = (queue.enqueue(from_table({"run": {"name": name}, "model": {"device": "cpu"}})) for name in "abc")
    write_session(going, {"model": {"device": "cpu"}})
    queue.hold(third, held=True)
    told = Outlook().look(Listing().rows())
    assert [(it.ticket.name, it.place, it.of, it.why) for it in told] == [
        (first.name, 1, 3, f"{going.name} runs on the processor"), (second.name, 2, 3, BEHIND), (third.name, 3, 3, ON_HOLD),
    ]  # fmt: skip
    assert all(it.kept for it in told)


# where it may start


def ticket(name: str, place: float = 1.0, **more: bool) -> Ticket:
    return Ticket(RunFolder(Path("/runs") / name), place, 0.0, **more)


def row(name: str, device: str = "auto", **more: object) -> RunRow:
    return replace(RunRow(f"/runs/{name}", "waiting", device=device), **more)  # type: ignore[arg-type]


def test_a_run_takes_the_free_gpu_with_the_most_memory() -> None:
    assert choose("auto", None, GPUS, {}, shares=False).devices == (GPUS[1],)
    both_free = [replace(gpu, free_bytes=79 * GIB) for gpu in GPUS]
    assert choose("auto", None, both_free, {"GPU-a": "other"}, shares=False).devices == (both_free[1],)


def test_a_gpu_that_somebody_else_fills_is_left_alone() -> None:
    filled = [replace(gpu, free_bytes=20 * GIB) for gpu in GPUS]
    choice = choose("auto", None, filled, {}, shares=False)
    assert choice.devices == () and choice.why_not == "GPU 0 has 20 GiB free of the 72 GiB it needs"
    assert choose("auto", 10 * GIB, filled, {}, shares=False).devices == (filled[0],)
    assert choose("1", 30 * GIB, filled, {}, shares=True).devices == ()


def test_processes_that_train_together_wait_until_each_has_a_gpu() -> None:
    assert choose("auto", GIB, GPUS, {}, shares=False, count=2).devices == GPUS
    waits = choose("auto", GIB, GPUS, {"GPU-a": "first runs"}, shares=False, count=2)
    assert waits == Choice(why_not="1 of 2 GPUs are free: first runs on GPU 0")
    assert choose("1", GIB, GPUS, {}, shares=False, count=2).why_not.startswith("2 processes need a GPU each")
    (_, choice), (_, next_one) = plan(
        [ticket("two"), ticket("one", 2.0)], [row("two", processes=2), row("one")], GPUS, lambda ticket: GIB
    )
    assert choice.devices == GPUS and next_one.why_not == BEHIND


def test_one_run_has_a_gpu_for_itself_unless_told_otherwise() -> None:
    taken = {"GPU-a": "first runs", "GPU-b": "second runs"}
    assert choose("auto", GIB, GPUS, taken, shares=False).why_not == "first runs on GPU 0"
    assert choose("1", GIB, GPUS, taken, shares=True).devices == (GPUS[1],)
    assert choose("0,1", GIB, GPUS, {"GPU-b": "second runs"}, shares=False).why_not == "second runs on GPU 1"
    assert choose("GPU-a,1", GIB, GPUS, {}, shares=False).devices == GPUS
    assert choose("cpu", None, GPUS, taken, shares=False).devices == CPU


def test_nobody_overtakes_a_run_that_waits_for_the_same_gpu() -> None:
    waiting = [ticket("held", held=True), ticket("big"), ticket("small"), ticket("on-cpu")]
    rows = [row("held"), row("big"), row("small"), row("on-cpu", "cpu")]
    needs = {"held": 1, "big": 72 * GIB, "small": GIB, "on-cpu": None}
    crowded = [replace(gpu, free_bytes=30 * GIB) for gpu in GPUS]
    on_hold, big, small, on_cpu = (choice for _, choice in plan(waiting, rows, crowded, lambda it: needs[it.name]))
    assert on_hold.why_not == "on hold" and "30 GiB free" in big.why_not and small.why_not == BEHIND
    assert on_cpu.devices == CPU
    on_hold, big, small, on_cpu = (choice for _, choice in plan(waiting, rows, GPUS, lambda it: needs[it.name]))
    assert (on_hold.devices, big.devices, small.devices, on_cpu.devices) == ((), GPUS[1:], GPUS[:1], CPU)


def test_a_live_run_takes_the_gpu_that_it_was_given_or_names(make_run: MakeRun) -> None:
    training = [PhaseChanged(phase="training")]
    given, named, ended_one = (
        make_run(training, alive=alive, name=n) for n, alive in (("a", True), ("b", True), ("c", False))
    )
    assign(given, ["GPU-b"])
    assign(ended_one, ["GPU-a"])
    rows = [replace(it, device="cpu") if it.name == named.name else it for it in Listing().rows()]
    assert taken_by(rows, GPUS) == {"GPU-b": f"{given.name} runs", "cpu": f"{named.name} runs"}


def test_a_job_that_only_waits_elsewhere_takes_no_gpu_here(make_run: MakeRun) -> None:
    folder = make_run(alive=None)
    folder.job.mkdir()
    write_handed(folder, Handed("slurm"))
    (row,) = Listing().rows()
    assert row.alive and taken_by([row], GPUS) == {}


def test_an_engine_sees_only_the_gpu_that_the_queue_gave_it(make_run: MakeRun) -> None:
    folder = make_run()
    assert device_environment(folder) == {}
    assign(folder, ["GPU-b"])
    assert device_environment(folder)["CUDA_VISIBLE_DEVICES"] == "GPU-b"
    folder.assigned.write_text("{")
    assert device_environment(folder) == {} and assigned(folder) == ""


def test_gpus_that_are_hidden_from_us_are_not_given_away(monkeypatch: pytest.MonkeyPatch) -> None:
    readings = tuple(GpuReading(index, "GPU", 10, 100) for index in range(3))
    monkeypatch.setattr(gpu_choice, "read_gpus", lambda: readings)
    monkeypatch.setattr(gpu_choice, "uuid_of", lambda index: f"GPU-{'abc'[index]}")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert [device.free_bytes for device in devices_here()] == [90, 90, 90]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "GPU-c,0")
    assert [device.name for device in devices_here()] == ["GPU-a", "GPU-c"]


# the keeper


@pytest.mark.usefixtures("nobody_starts")
def test_a_run_that_cannot_be_started_has_failed_and_makes_room_for_the_next() -> None:
    (folder,) = added("broken")
    folder.log.mkdir()  # its engine cannot write its log
    (only,) = queue.waiting()
    Keeper().start(only, ["cpu"])
    state = read_state(folder)
    assert state.status == "failed" and state.failure and "could not be started" in state.failure.text
    assert queue.waiting() == []


@pytest.mark.usefixtures("nobody_starts")
def test_a_run_that_was_cancelled_just_now_is_not_started() -> None:
    (folder,) = added("late")
    (only,) = queue.waiting()
    queue.cancel(folder)
    Keeper().start(only, ["cpu"])
    assert not folder.log.exists() and not folder.assigned.exists()


def test_memory_that_a_starting_run_has_yet_to_take_is_not_promised_twice(make_run: MakeRun) -> None:
    folder = make_run([PhaseChanged(phase="loading")], alive=True)
    assign(folder, ["GPU-a"])
    keeper = Keeper()
    keeper.needed[folder.name] = 40 * GIB
    rows = Listing().rows()
    assert [keeper.less_promised(gpu, rows).free_bytes for gpu in GPUS] == [30 * GIB, 75 * GIB]


@pytest.mark.usefixtures("nobody_starts")
def test_of_two_keepers_the_second_ends_at_once(home: Path) -> None:
    added("waits")
    lock = acquire(home / "queue.lock")
    try:
        done = subprocess.run([sys.executable, "-m", "tui.run.queue_keeper"], check=False, timeout=60)
    finally:
        os.close(lock)
    assert done.returncode == 0 and len(queue.waiting()) == 1


@pytest.mark.usefixtures("nobody_starts")
@pytest.mark.parametrize("failures", [1, queue_keeper.MOST_FAILURES, queue_keeper.MOST_FAILURES + 1])
def test_a_keeper_outlives_a_driver_that_fails_for_a_while_and_not_for_ever(
    failures: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    looks = iter(range(failures))
    (folder,) = added("waits")

    def look(keeper: Keeper) -> None:
        if next(looks, None) is not None:
            raise ValueError("the driver says nonsense")
        queue.cancel(folder)

    monkeypatch.setattr(Keeper, "look", look)
    monkeypatch.setattr(queue_keeper, "LOOK_S", 0.0)
    monkeypatch.setattr(os, "umask", lambda mask: mask)
    with pytest.raises(ValueError) if failures > queue_keeper.MOST_FAILURES else nullcontext():
        queue_keeper.main()
    lives = failures <= queue_keeper.MOST_FAILURES
    assert "the driver says nonsense" in capsys.readouterr().out and (queue.waiting() == []) == lives


# real processes


@pytest.mark.slow
def test_the_queue_goes_on_when_its_keeper_and_then_its_first_run_are_killed(lab: Lab) -> None:
    with lab.entered():
        first = queue.enqueue(lab.session(run={"name": "first"}, training={"max_steps": 100_000}))
        second = queue.enqueue(lab.session(run={"name": "second"}, training={"max_steps": 3}))
        wait_for(first, at_step(1), 120)
        assert [it.name for it in queue.waiting()] == [second.name]
        keeper = next(it for it in lab.processes() if "tui.run.queue_keeper" in it.cmdline())
        keeper.kill()
        wait_gone([keeper])
        assert not queue.keeper_lives()
        done = wait_for(first, at_step(1)).steps
        wait_for(first, at_step(len(done) + 20))  # the run does not notice
        assert queue.start_keeper()  # as after a reboot
        assert read_state(second).status == "waiting"
        worker_of(first).send_signal(signal.SIGKILL)
        assert wait_for(first, ended).status == "crashed"
        assert wait_for(second, ended, 120).status == "finished"
        poll(lambda: not queue.keeper_lives(), 10, "the keeper did not end")
        assert json.loads(second.assigned.read_text()) and not queue.waiting()
