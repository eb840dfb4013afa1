"""Real runs that are steered while they train, that break, and that run out of memory."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from tests.lab import HELD_OUT, TRAIN, Lab, at_step, ended, engine_gone, in_phase, wait_for, wait_gone, worker_of
from tui.run import commands, events
from tui.run.folder import RunFolder, create_run
from tui.run.process import send, start_engine
from tui.run.state import RunState
from tui.run.watcher import read_events

pytest_plugins = ["tests.engine_fixtures"]
pytestmark = pytest.mark.slow

LOSS = """
import torch
from torch.nn.functional import cross_entropy

calls = 0

def usual(outputs, labels, num_items_in_batch=None):
    logits = outputs.logits[:, :-1].float()
    return cross_entropy(logits.reshape(-1, logits.shape[-1]), labels[:, 1:].reshape(-1), ignore_index=-100)

def breaks(outputs, labels, num_items_in_batch=None):
    global calls
    calls += 1
    return usual(outputs, labels) * (float("nan") if calls > 13 else 1)

def needs_much(outputs, labels, num_items_in_batch=None):
    global calls
    calls += 1
    if labels.shape[0] > 2 and calls > 7:
        raise torch.OutOfMemoryError(
            "CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of 24.00 GiB of which 1 GiB is free."
        )
    return usual(outputs, labels)
"""
ORDERS = """
import sys
from pathlib import Path
from tui.run import commands
from tui.run.folder import RunFolder
from tui.run.process import send
for number in range(20):
    send(RunFolder(Path(sys.argv[1])), commands.Change(values={"evaluation.sample_steps": int(sys.argv[2]) + number}))
"""
"""A window that gives twenty orders, one after the other."""
FIRST = ("1000000", "2000000")
SAVED = {"save_strategy": "steps", "save_steps": 5}
EXTENDED = 70


@dataclass(frozen=True)
class Runs:
    """Runs that several tests look at."""

    steered: RunFolder
    bare: RunFolder
    broken: RunFolder
    retried: RunFolder
    cramped: RunFolder | None
    """A run whose checkpoints lie on a small disk of their own; None where none may be mounted."""


@pytest.fixture(scope="module")
def cramped(lab: Lab) -> Iterator[RunFolder | None]:
    with lab.entered():
        folder = create_run(lab.session(training=SAVED | {"max_steps": 20}, run={"name": "cramped"}))
        folder.checkpoints.mkdir()
        disk = ["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", str(folder.checkpoints)]
        if subprocess.run(disk, capture_output=True, check=False).returncode:
            yield None
            return
        start_engine(folder)
    yield folder
    wait_for(folder, engine_gone, 60)
    subprocess.run(["umount", str(folder.checkpoints)], check=True)


@pytest.fixture(scope="module")
def runs(lab: Lab, cramped: RunFolder | None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runs]:
    place = tmp_path_factory.mktemp("own")
    (place / "loss.py").write_text(LOSS)
    few = place / "few.jsonl"
    few.write_text("".join(TRAIN.read_text().splitlines(keepends=True)[:16]))
    bare = lab.start(data={"source": str(few)}, training={"num_train_epochs": 2}, run={"name": "bare"})
    for command in (
        commands.Change(values={"training.max_steps": EXTENDED, "training.save_steps": 1000}),
        commands.Evaluate(),
        commands.Sample(),
    ):
        send(bare, command)  # obeyed as soon as there is an update
    yield Runs(
        bare=bare,
        cramped=cramped,
        steered=lab.start(
            training={"max_steps": 100_000, "lr_scheduler_type": "constant", "warmup_steps": 0},
            evaluation={
                "source": str(HELD_OUT), "eval_strategy": "no", "compare_prompts": 0, "sample_prompts": ["hi"],
                "sample_steps": 1_000_000, "compare_max_new_tokens": 4,
            },
            run={"name": "steered"},
        ),
        broken=lab.start(
            training=SAVED | {"max_steps": 50, "custom_loss": f"{place / 'loss.py'}:breaks"}, run={"name": "broken"}
        ),
        retried=lab.start(
            training=SAVED | {
                "max_steps": 12, "per_device_train_batch_size": 4, "custom_loss": f"{place / 'loss.py'}:needs_much",
            },
            run={"name": "retried"},
        ),
    )  # fmt: skip


@pytest.fixture(scope="module")
def steered(runs: Runs) -> RunState:
    """The steered run at its end, after everything was asked of it."""
    folder = runs.steered
    wait_for(folder, at_step(3), 120)
    for command, done in (
        (commands.Checkpoint(), _is(events.Checkpointed)),
        (commands.Evaluate(), _is(events.Evaluated)),
        (commands.Sample(), _asked_again),
        (commands.Change(values={"training.learning_rate": 5e-4, "lora.r": 8}), _is(events.Changed)),
        (commands.Change(values={"training.save_steps": 20, "evaluation.eval_steps": 30}), _changed("training.save_steps")),
    ):
        send(folder, command)
        wait_for(folder, done, 20)
    windows = [subprocess.Popen([sys.executable, "-c", ORDERS, str(folder.path), first]) for first in FIRST]
    assert [window.wait(60) for window in windows] == [0, 0]
    step = wait_for(folder, lambda state, event: len(state.changes) >= 42, 20).last_step
    assert step is not None
    now = [event.step for event in read_events(folder) if isinstance(event, events.StepDone)][-1]
    send(folder, commands.Change(values={"training.max_steps": now + 60}))
    wait_for(folder, _changed("training.max_steps"), 20)
    return wait_for(folder, ended, 60)


def test_what_is_asked_for_is_done_at_the_next_update(runs: Runs, steered: RunState) -> None:
    """The command is obeyed within one update of the moment at which the engine heard it."""
    written = [commands.from_line(line) for line in runs.steered.commands.read_bytes().splitlines()]
    told = list(read_events(runs.steered))
    for command, kind in zip(written, (events.Checkpointed, events.Evaluated), strict=False):
        assert command is not None
        between = [event for event in told if isinstance(event, events.StepDone) and event.time > command.time + 0.5]
        answer = next(event for event in told if isinstance(event, kind))
        assert answer.step <= between[0].step + 1  # type: ignore[attr-defined]
    assert [one.prompt for one in steered.samples][:2] == ["hi", "hi"]


def test_two_windows_that_give_orders_at_once_are_both_obeyed(steered: RunState) -> None:
    taken = [int(change.values.get("evaluation.sample_steps") or 0) for change in steered.changes]
    for first in map(int, FIRST):
        assert [value for value in taken if first <= value < first + 20] == list(range(first, first + 20))


def test_another_rate_is_taken_at_the_next_update_and_stays(steered: RunState) -> None:
    changed = steered.changes[0]
    assert changed.values == {"training.learning_rate": 5e-4} and changed.by == "user"
    rates = {step.step: step.learning_rate for step in steered.steps}
    assert rates[changed.step - 1] == pytest.approx(1e-3)
    assert {rate for step, rate in rates.items() if step > changed.step + 1} == {5e-4}


def test_what_may_not_change_while_it_trains_is_refused(steered: RunState) -> None:
    refused = next(warning for warning in steered.warnings if warning.code == "change")
    assert "lora.r stays as it is" in refused.text


def test_another_cadence_is_kept_to(steered: RunState) -> None:
    changed = steered.changes[1]
    assert changed.values["training.save_strategy"] == changed.values["evaluation.eval_strategy"] == "steps"
    last = steered.steps[-1].step
    saved = [made.step for made in steered.checkpoints if made.step > changed.step]
    assert saved == [*(step for step in range(changed.step + 1, last) if step % 20 == 0), last]
    measured = [made.step for made in steered.evaluations if made.step > changed.step]
    assert measured == [*(step for step in range(changed.step + 1, last) if step % 30 == 0), last]


def test_a_run_ends_where_it_is_told_to_meanwhile(steered: RunState) -> None:
    wanted = steered.changes[-1].values["training.max_steps"]
    assert steered.status == "finished" and steered.plan is not None
    assert steered.steps[-1].step == steered.plan.steps == wanted


def test_a_run_that_is_extended_goes_on_through_its_data_again(runs: Runs) -> None:
    """It was meant to end after two epochs of sixteen updates."""
    state = wait_for(runs.bare, ended, 120)
    assert state.status == "finished", state.failure
    assert [step.step for step in state.steps] == list(range(1, EXTENDED + 1))
    assert state.plan is not None and state.plan.steps == EXTENDED
    assert {"evaluate", "sample"} <= {warning.code for warning in state.warnings}
    assert state.steps[40].learning_rate > state.steps[60].learning_rate > 0


def test_a_pause_while_importing_ends_the_engine_at_once(runs: Runs, lab: Lab) -> None:
    folder = lab.start(run={"name": "early"})
    wait_for(folder, in_phase("importing"), 60)
    processes = [worker_of(folder), *worker_of(folder).parents()[:1]]
    asked = time.monotonic()
    send(folder, commands.Pause())
    state = wait_for(folder, ended, 5)
    wait_gone(processes, 5)
    assert time.monotonic() - asked < 5
    assert (state.status, state.failure) == ("paused", None)


def test_a_run_whose_loss_breaks_keeps_its_last_good_checkpoint(runs: Runs) -> None:
    state = wait_for(runs.broken, ended, 120)
    assert state.failure is not None and state.failure.code == "nan-loss"
    assert state.failure.mend["training.learning_rate"] == 5e-4
    assert "up to update 10" in state.failure.text
    wait_for(runs.broken, engine_gone, 20)
    kept = (runs.broken.adapter / "adapter_model.safetensors").read_bytes()
    assert kept == (runs.broken.checkpoints / "checkpoint-10" / "adapter_model.safetensors").read_bytes()


def test_a_disk_without_room_costs_the_checkpoints_and_not_the_run(runs: Runs) -> None:
    if runs.cramped is None:
        pytest.skip("no disk may be mounted here")
    state = wait_for(runs.cramped, ended, 120)
    assert (state.status, state.result, state.checkpoints) == ("finished", str(runs.cramped.adapter), ())
    told = [warning for warning in state.warnings if "no checkpoint of update" in warning.text]
    assert [warning.step for warning in told] == [5]
    assert "MiB are free; a checkpoint takes" in told[0].text and told[0].mend


def test_a_run_out_of_memory_goes_on_by_itself_with_smaller_batches(runs: Runs) -> None:
    state = wait_for(runs.retried, ended, 120)
    assert state.status == "finished", state.failure
    (change,) = state.changes
    assert (change.by, change.step) == ("retry", 5)  # it holds from the checkpoint on
    assert change.values == {"training.per_device_train_batch_size": 2, "training.gradient_accumulation_steps": 2}
    assert "2 GiB more were asked for, 1 GiB of 24 GiB are free" in change.text
    assert [it.step for it in state.resumed] == [5]
    assert [step.step for step in state.steps] == list(range(1, 13))


def test_it_is_still_watched_over_after_it_began_anew(runs: Runs) -> None:
    """It kept its number, so that whoever waits for it goes on waiting."""
    wait_for(runs.retried, engine_gone, 120)
    assert isinstance([*read_events(runs.retried)][-1], events.MachineSampled | events.Finished)


def _is(kind: type) -> Callable[[RunState, events.Event], bool]:
    return lambda state, event: isinstance(event, kind)


def _changed(key: str) -> Callable[[RunState, events.Event], bool]:
    return lambda state, event: isinstance(event, events.Changed) and key in event.values


def _asked_again(state: RunState, event: events.Event) -> bool:
    return len(state.samples) > 1
