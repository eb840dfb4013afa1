"""Real runs that are paused, killed and extended: what they learn is what a run learns that nothing ever happened to."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.lab import HELD_OUT, Condition, Lab, at_step, ended, engine_gone, poll, wait_for, worker_of
from tui.engine.checkpoints import WRITING
from tui.run import events
from tui.run.folder import RunFolder
from tui.run.process import resume_run
from tui.run.state import RunState
from tui.run.watcher import read_events, read_state

pytest_plugins = ["tests.engine_fixtures"]
pytestmark = pytest.mark.slow

STEPS = 160
SAVE_EVERY = 20
EXTENDED = 170
SAME: dict[str, dict[str, Any]] = {
    "lora": {"lora_dropout": 0.1},
    "training": {
        "max_steps": STEPS, "save_strategy": "steps", "save_steps": SAVE_EVERY, "neftune_noise_alpha": 5.0,
        "lr_scheduler_type": "cosine",
    },
    "evaluation": {"source": str(HELD_OUT), "eval_steps": 40, "compare_prompts": 0},
}  # fmt: skip
"""A training in which much is left to chance: dropout, noise, the order of the examples."""


PAUSES_AT = 10
LOSS = """
import sys, time
from pathlib import Path
from torch.nn.functional import cross_entropy
from tui.run import commands
from tui.run.folder import RunFolder
from tui.run.process import send

HERE = Path(__file__).parent
calls = measured = 0

def usual(outputs, labels, num_items_in_batch=None):
    global calls, measured
    learns = outputs.logits.requires_grad
    calls, measured = calls + learns, measured + (not learns)
    if measured == 2 and (HERE / "slow").exists():
        (HERE / "slow").unlink()
        time.sleep(3.5)
    flag = HERE / ("paused" if learns else "paused measuring")
    if calls == 10 and not flag.exists():
        flag.touch()
        send(RunFolder(Path(sys.argv[1])), commands.Pause())
        time.sleep(2)
    logits = outputs.logits[:, :-1].float()
    return cross_entropy(logits.reshape(-1, logits.shape[-1]), labels[:, 1:].reshape(-1), ignore_index=-100)
"""
"""A loss that asks for a pause in the middle of an update, later of a measurement, and waits until it must be heard."""


@dataclass(frozen=True)
class Runs:
    """The same run three times."""

    whole: RunFolder
    paused: RunFolder
    killed: RunFolder


@pytest.fixture(scope="module")
def runs(lab: Lab) -> Iterator[Runs]:
    yield Runs(*(lab.start(**SAME, run={"name": name}) for name in ("whole", "paused", "killed")))


@pytest.fixture(scope="module")
def whole(runs: Runs) -> RunState:
    return wait_for(runs.whole, completed, 120)


@pytest.fixture(scope="module")
def paused(runs: Runs, lab: Lab, killed: int) -> RunState:
    """The run at its pause, after the other was killed, which cannot wait; it goes on by the command line."""
    wait_for(runs.paused, at_step(20), 120)
    assert _command(lab, "pause", runs.paused.name).returncode == 0
    state = wait_for(runs.paused, ended, 20)
    wait_for(runs.paused, engine_gone, 20)
    assert _command(lab, "resume", runs.paused.name).returncode == 0
    poll(lambda: runs.paused.events.read_text().count('"resumed"'), 30, "it did not go on")
    again = _command(lab, "resume", runs.paused.name)
    assert again.returncode == 1 and "is running" in again.stderr
    return state


@pytest.fixture(scope="module")
def killed(runs: Runs, lab: Lab) -> int:
    """The update at which the run was killed; it goes on afterwards, though its newest checkpoint is damaged."""
    wait_for(runs.killed, at_step(2 * SAVE_EVERY + 5), 120)
    worker_of(runs.killed).kill()
    state = wait_for(runs.killed, ended, 20)
    assert state.status == "crashed" and state.last_step is not None
    damaged = runs.killed.checkpoints / f"checkpoint-{2 * SAVE_EVERY}" / "optimizer.pt"
    damaged.write_bytes(damaged.read_bytes()[:-100])
    (runs.killed.checkpoints / WRITING / f"checkpoint-{STEPS}").mkdir(parents=True)
    with lab.entered():
        resume_run(runs.killed, {})
    return state.last_step.step


def test_a_pause_keeps_everything_and_gives_the_memory_back(paused: RunState) -> None:
    assert (paused.status, paused.result, paused.chat_ready, paused.failure) == ("paused", "", False, None)
    assert paused.last_step is not None
    assert paused.checkpoints[-1].step == paused.last_step.step < STEPS


def test_a_run_that_was_paused_learns_what_it_would_have_learned(runs: Runs, paused: RunState, whole: RunState) -> None:
    state = wait_for(runs.paused, completed, 120)
    assert [it.step for it in state.resumed] == [paused.checkpoints[-1].step]
    _assert_same(state, whole)
    assert [told.code for told in state.warnings] == [told.code for told in whole.warnings]


def test_a_run_that_was_killed_learns_what_it_would_have_learned(runs: Runs, killed: int, whole: RunState) -> None:
    assert killed > 2 * SAVE_EVERY
    state = wait_for(runs.killed, completed, 120)
    assert [(it.step, it.path) for it in state.resumed] == [
        (SAVE_EVERY, str(runs.killed.checkpoints / f"checkpoint-{SAVE_EVERY}"))
    ]
    _assert_same(state, whole)
    (warning,) = (told for told in state.warnings if told.code == "checkpoint")
    assert f"checkpoint-{2 * SAVE_EVERY} is damaged" in warning.text and "optimizer.pt" in warning.text


def test_a_killed_engine_leaves_no_half_written_checkpoint_behind(runs: Runs, killed: int) -> None:
    state = wait_for(runs.killed, completed, 120)
    best = min(state.evaluations, key=lambda one: one.loss).step
    kept = {path.name for path in runs.killed.checkpoints.glob("*checkpoint*")}
    before = best if best < STEPS else STEPS - SAVE_EVERY
    assert kept == {f"checkpoint-{before}", f"checkpoint-{STEPS}"}
    assert not (runs.killed.checkpoints / WRITING).exists()


def test_a_finished_run_can_be_extended_but_not_finished_twice(runs: Runs, lab: Lab, whole: RunState) -> None:
    wait_for(runs.whole, engine_gone, 20)
    refused = _command(lab, "resume", runs.whole.name)
    assert refused.returncode == 1 and "--steps" in refused.stderr
    watching = _command(lab, "resume", runs.whole.name, "--steps", str(EXTENDED), "--watch")
    assert watching.returncode == 0, watching.stderr
    state = read_state(runs.whole)
    assert (state.status, state.result) == ("finished", str(runs.whole.adapter))
    assert [it.step for it in state.resumed] == [STEPS]
    assert [step.step for step in state.steps] == list(range(1, EXTENDED + 1))
    assert [step.loss for step in state.steps[:STEPS]] == [step.loss for step in whole.steps]
    assert state.changes[0].values == {"training.max_steps": EXTENDED}
    assert state.steps[STEPS].learning_rate > whole.steps[-1].learning_rate  # where a longer schedule would have been


def test_a_pause_before_and_within_a_measurement_changes_nothing(lab: Lab, tmp_path: Path) -> None:
    folder, undisturbed = (lab.start(**_measured(tmp_path / name), run={"name": name}) for name in ("paused", "undisturbed"))
    for times in (1, 2):
        state = wait_for(folder, _paused(times * PAUSES_AT), 120)
        assert [told.step for told in state.evaluations] == [PAUSES_AT][: times - 1]
        wait_for(folder, engine_gone, 20)
        with lab.entered():
            resume_run(folder, {})
    _assert_same(wait_for(folder, completed, 120), wait_for(undisturbed, completed, 120))
    told = [it for it in read_events(undisturbed) if isinstance(it, events.PhaseChanged) and it.phase == "evaluating"]
    assert told and told[0].fraction and told[0].fraction < 1, "a long measurement says how far it is"


def _paused(step: int) -> Condition:
    """A condition: the run was paused after so many updates."""
    return lambda state, event: state.status == "paused" and state.steps[-1].step == step


def _measured(place: Path) -> dict[str, dict[str, Any]]:
    """Tables of a run that is measured where its loss asks for pauses."""
    place.mkdir()
    (place / "loss.py").write_text(LOSS)
    if place.name == "undisturbed":
        (place / "paused").touch()
        (place / "paused measuring").touch()
        (place / "slow").touch()
    more = {"max_steps": 3 * PAUSES_AT, "save_strategy": "no", "custom_loss": f"{place / 'loss.py'}:usual"}
    return SAME | {"training": SAME["training"] | more, "evaluation": SAME["evaluation"] | {"eval_steps": PAUSES_AT}}


def completed(state: RunState, event: events.Event) -> bool:
    """A condition: the training has done all its updates."""
    return isinstance(event, events.Finished) and event.outcome == "completed"


def _assert_same(state: RunState, whole: RunState) -> None:
    """Not one number differs that does not tell the time."""
    for mine, theirs in zip(state.steps, whole.steps, strict=True):
        for name in ("step", "epoch", "loss", "learning_rate", "grad_norm", "tokens"):
            assert getattr(mine, name) == getattr(theirs, name), (mine.step, name)
    found, wanted = ([(it.step, it.loss, it.best) for it in one.evaluations] for one in (state, whole))
    assert found == wanted


def _command(lab: Lab, *words: str) -> subprocess.CompletedProcess[str]:
    done = lab.command(*words, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    told, said = done.communicate(timeout=90)
    return subprocess.CompletedProcess(words, done.returncode, told, said)


def test_nothing_that_happened_before_was_forgotten(runs: Runs, paused: RunState) -> None:
    """A resumed engine adds to what is written and takes nothing away."""
    wait_for(runs.paused, completed, 120)
    told = [event.step for event in read_events(runs.paused) if isinstance(event, events.StepDone)]
    assert told == list(range(1, STEPS + 1))
