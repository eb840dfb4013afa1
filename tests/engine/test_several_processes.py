"""Two real processes that train together on the processor (gloo): what they learn, and how they end."""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass
from typing import Any

import psutil
import pytest

from tests.lab import HELD_OUT, Lab, at_step, ended, engine_gone, poll, wait_for, wait_gone, worker_of
from tui.run import commands, events
from tui.run.folder import RunFolder
from tui.run.process import resume_run, send
from tui.run.processes import session_now, with_processes
from tui.run.state import RunState
from tui.run.watcher import read_events

pytest_plugins = ["tests.engine_fixtures"]
pytestmark = pytest.mark.slow

STEPS = 40
EXAMPLES = 4
"""Of an update, over all processes."""


def tables(processes: int, **more: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """A session that learns the same whatever the number of processes."""
    training = {"max_steps": STEPS, "gradient_accumulation_steps": EXAMPLES // processes, "save_strategy": "steps"}
    told: dict[str, dict[str, Any]] = {
        "training": training | {"save_steps": 10},
        "cluster": {"nproc_per_node": processes},
        "evaluation": {
            "source": str(HELD_OUT),
            "eval_steps": STEPS,
            "compare_prompts": 0,
            "sample_prompts": ["list files"],
            "sample_steps": STEPS // 2,
            "compare_max_new_tokens": 200,
        },
    }
    return {key: told.get(key, {}) | more.get(key, {}) for key in {*told, *more}}


@dataclass(frozen=True)
class Runs:
    """Runs that were started together, since each spends its first ten seconds importing."""

    alone: RunFolder
    shared: RunFolder


@pytest.fixture(scope="module")
def runs(lab: Lab) -> Runs:
    return Runs(lab.start(**tables(1), run={"name": "alone"}), lab.start(**tables(2), run={"name": "shared"}))


@pytest.fixture(scope="module")
def paused(runs: Runs) -> RunState:
    """The run of two processes at its pause, asked for while it answers the sample prompts in its middle."""
    wait_for(runs.shared, lambda state, event: at_step(STEPS // 2)(state, event) and state.phase == "sampling", 180)
    send(runs.shared, commands.Pause())
    state = wait_for(runs.shared, ended, 60)
    wait_for(runs.shared, engine_gone, 30)
    return state


@pytest.fixture(scope="module")
def whole(lab: Lab, runs: Runs, paused: RunState) -> RunState:
    """The same run, gone on by one process alone."""
    values, why_not = with_processes(session_now(runs.shared), 1)
    assert not why_not
    with lab.entered():
        resume_run(runs.shared, values)
    return wait_for(runs.shared, lambda state, event: isinstance(event, events.Finished) and state.status == "finished", 120)


def test_two_processes_pause_at_the_same_update_with_a_whole_checkpoint(runs: Runs, paused: RunState) -> None:
    assert (paused.status, paused.failure) == ("paused", None)
    assert paused.last_step and paused.checkpoints[-1].step == paused.last_step.step < STEPS
    kept = runs.shared.checkpoints / f"checkpoint-{paused.last_step.step}"
    assert {path.name for path in kept.glob("rng_state*")} == {"rng_state_0.pth", "rng_state_1.pth"}


def test_they_learn_what_one_alone_learns(runs: Runs, whole: RunState) -> None:
    alone = wait_for(runs.alone, ended, 120)
    assert [step.step for step in whole.steps] == [step.step for step in alone.steps] == list(range(1, STEPS + 1))
    assert [step.loss for step in whole.steps] == pytest.approx([step.loss for step in alone.steps], abs=1e-3)
    assert [step.tokens for step in whole.steps] == [step.tokens for step in alone.steps]
    assert [told.loss for told in whole.evaluations] == pytest.approx([told.loss for told in alone.evaluations], abs=1e-3)
    assert whole.plan and alone.plan and whole.plan.epochs == alone.plan.epochs


def test_what_each_process_does_is_told(runs: Runs, paused: RunState) -> None:
    told = [event for event in read_events(runs.shared) if isinstance(event, events.RanksMeasured)]
    assert told and [one.rank for one in told[0].ranks] == [0, 1]
    assert all(one.tokens_per_s > 0 and one.peak_memory_bytes > 0 for one in told[0].ranks)


@pytest.fixture(scope="module")
def endless(lab: Lab, whole: RunState) -> RunFolder:
    """Two processes that train on and on, once the others have ended."""
    told = tables(2, training={"max_steps": 100_000}, cluster={"max_restarts": 1}, evaluation={"sample_prompts": []})
    folder = lab.start(**told, run={"name": "endless"})
    wait_for(folder, at_step(11), 180)
    return folder


def test_nobody_else_can_reach_the_port_by_which_they_meet(endless: RunFolder) -> None:
    engine = worker_of(endless)
    doors = [it.laddr.ip for one in [engine, *engine.children()] for it in one.net_connections() if it.status == "LISTEN"]
    assert doors and {*doors} <= {"127.0.0.1", "::1"}


def test_a_process_that_dies_ends_the_others_and_is_named(endless: RunFolder) -> None:
    """Once it may start again, from its last checkpoint; the second time the run says which died, and of what."""
    before = _ranks(endless)
    os.kill(before[1].pid, signal.SIGKILL)
    assert wait_gone(before, 30) < 30
    warned = wait_for(endless, lambda state, event: isinstance(event, events.Resumed), 60)
    again_at = warned.resumed[-1].step
    assert again_at >= 10 and again_at % 10 == 0 and warned.status == "loading"
    assert warned.warnings[-1].text.startswith("process 2 of 2 was killed by signal 9 (SIGKILL); the run goes on")
    wait_for(endless, lambda state, event: bool(state.resumed) and at_step(again_at + 1)(state, event), 120)
    again = _ranks(endless)
    os.kill(again[0].pid, signal.SIGKILL)
    state = wait_for(endless, ended, 30)
    assert state.status == "crashed" and state.failure
    assert state.failure.text == "process 1 of 2 was killed by signal 9 (SIGKILL)"
    wait_gone(again, 10)


def _ranks(folder: RunFolder) -> list[psutil.Process]:
    """The processes that Unsloth is loaded in, in the order of their ranks."""

    def found() -> list[psutil.Process]:
        there = [it for it in worker_of(folder).children() if "RANK" in it.environ()]
        return sorted(there, key=lambda it: int(it.environ()["RANK"])) if len(there) == 2 else []

    return list(poll(found, 30, "there are not two processes"))
