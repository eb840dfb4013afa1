"""Two real processes that train together on the processor (gloo): what they learn, and how they end."""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass
from typing import Any

import pytest

from tests.lab import HELD_OUT, Condition, Lab, at_step, ended, engine_gone, ranks_of, wait_for, wait_gone, worker_of
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
        "cluster": {"nproc_per_node": processes, "max_restarts": 1},
        "evaluation": {
            "source": str(HELD_OUT),
            "eval_steps": STEPS,
            "compare_prompts": 0,
            "sample_prompts": ["list files"],
            "sample_steps": STEPS // 4,
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


@dataclass(frozen=True)
class Death:
    """What was seen when one of two processes was killed in the middle."""

    doors: set[str]
    """The addresses at which they could be reached before."""
    others_s: float
    """How long the others outlived it."""
    after: RunState


@pytest.fixture(scope="module")
def killed(runs: Runs) -> Death:
    """The second process dies after a quarter, while the first one answers the sample prompts."""
    wait_for(runs.shared, _answers(STEPS // 4), 180)
    engine, ranks = worker_of(runs.shared), ranks_of(runs.shared)
    doors = {it.laddr.ip for one in (engine, *ranks) for it in one.net_connections() if it.status == "LISTEN"}
    os.kill(ranks[1].pid, signal.SIGKILL)
    others_s = wait_gone(ranks, 30)
    return Death(doors, others_s, wait_for(runs.shared, lambda state, event: bool(state.resumed), 60))


@pytest.fixture(scope="module")
def paused(runs: Runs, killed: Death) -> RunState:
    """The same run, which has begun anew and come to its middle; there it is asked to pause."""
    wait_for(runs.shared, _answers(STEPS // 2), 180)
    send(runs.shared, commands.Pause())
    state = wait_for(runs.shared, lambda state, event: bool(state.resumed) and state.ended, 60)
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


def test_nobody_else_can_reach_the_port_by_which_they_meet(killed: Death) -> None:
    assert killed.doors and killed.doors <= {"127.0.0.1", "::1"}


def test_a_process_that_dies_ends_the_others_and_they_begin_again_from_the_last_checkpoint(killed: Death) -> None:
    assert killed.others_s < 30
    assert (killed.after.resumed[-1].step, killed.after.status) == (STEPS // 4, "loading")
    assert killed.after.warnings[-1].text.startswith("process 2 of 2 was killed by signal 9 (SIGKILL); the run goes on")


def test_two_processes_pause_at_the_same_update_with_a_whole_checkpoint(runs: Runs, paused: RunState) -> None:
    assert (paused.status, paused.failure) == ("paused", None)
    assert paused.last_step and paused.checkpoints[-1].step == paused.last_step.step < STEPS
    kept = runs.shared.checkpoints / f"checkpoint-{paused.last_step.step}"
    assert {path.name for path in kept.glob("rng_state*")} == {"rng_state_0.pth", "rng_state_1.pth"}


def test_they_learn_what_one_alone_learns(runs: Runs, whole: RunState) -> None:
    """Whatever happened to them on the way: one has died, they were paused, and one alone has gone on."""
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


def test_a_process_that_dies_too_often_ends_the_run_and_is_named(lab: Lab, runs: Runs, whole: RunState) -> None:
    """The run is extended with two processes, and may begin anew once: the second time it says which died, and of what."""
    values, _ = with_processes(session_now(runs.shared), 2)
    with lab.entered():
        resume_run(runs.shared, values | {"training.max_steps": 1_000_000})
    resumed = len(whole.resumed)
    for times in (1, 2):
        wait_for(runs.shared, lambda state, event, times=times: len(state.resumed) == resumed + times, 60)  # type: ignore[misc]
        ranks = ranks_of(runs.shared)
        os.kill(ranks[0].pid, signal.SIGKILL)
        wait_gone(ranks, 30)
    state = wait_for(runs.shared, lambda state, event: state.status == "crashed", 30)
    assert state.failure and state.failure.text == "process 1 of 2 was killed by signal 9 (SIGKILL)"


def _answers(step: int) -> Condition:
    """A condition: so many updates are done, and the sample prompts are answered."""
    return lambda state, event: at_step(step)(state, event) and state.phase == "sampling"
