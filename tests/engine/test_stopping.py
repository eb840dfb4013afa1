"""Real runs that somebody stops: while they load, tokenise or train, to keep what was learned or to throw it away."""

from __future__ import annotations

import json
import time
from pathlib import Path

import psutil
import pytest

from tests.lab import (
    TRAIN,
    Lab,
    at_step,
    ended,
    engine_gone,
    in_phase,
    poll,
    wait_for,
    wait_gone,
    worker_of,
)  # fmt: skip
from tui.catalog.local import read_model
from tui.run import commands, events
from tui.run.folder import RunFolder
from tui.run.process import live_processes, send
from tui.run.state import RunState
from tui.run.watcher import read_state

pytest_plugins = ["tests.engine_fixtures"]
pytestmark = pytest.mark.slow

LONG = {"max_steps": 100_000, "save_strategy": "no"}
KEEP = {"keep_loaded_minutes": 5}


@pytest.fixture(scope="module")
def saved(lab: Lab) -> RunFolder:
    """A run that is stopped, and whose model stays loaded."""
    return lab.start(training=LONG, chat=KEEP, run={"name": "saved"})


def test_stop_while_importing_ends_the_engine_at_once(cold_lab: Lab) -> None:
    folder = cold_lab.start(run={"name": "importing"})
    wait_for(folder, in_phase("importing"))
    processes = [worker_of(folder), *worker_of(folder).parents()[:1]]
    asked = time.monotonic()
    send(folder, commands.Stop())
    state = wait_for(folder, ended, 5)
    wait_gone(processes, 5)
    assert time.monotonic() - asked < 5
    assert (state.status, state.result, state.failure) == ("stopped", "", None)
    assert not folder.adapter.exists()
    assert read_state(folder).status == "stopped"


def test_stop_keeps_what_was_learned_so_far(saved: RunFolder) -> None:
    state = _stop(saved, commands.Stop())
    assert (state.status, state.result) == ("stopped", str(saved.adapter))
    assert read_model(str(saved.adapter)).parameters
    assert state.chat_ready


def test_a_signal_ends_an_engine_that_only_keeps_a_model_loaded(saved: RunFolder) -> None:
    wait_for(saved, ended, 90)
    worker = worker_of(saved)
    worker.terminate()
    wait_gone([worker], 5)
    assert read_state(saved).status == "stopped"


def test_stop_in_the_middle_of_an_evaluation_does_not_wait_for_its_end(lab: Lab, tmp_path: Path) -> None:
    (tmp_path / "held-out.jsonl").write_text(TRAIN.read_text() * 10)
    evaluation = {"source": str(tmp_path / "held-out.jsonl"), "eval_steps": 1, "per_device_eval_batch_size": 1}
    folder = lab.start(training=LONG, evaluation=evaluation, run={"name": "evaluating"})
    wait_for(folder, at_step(1), 90)
    send(folder, commands.Stop())
    state = wait_for(folder, ended, 10)
    assert (state.status, state.result) == ("stopped", str(folder.adapter))
    assert (len(state.steps), len(state.evaluations)) == (1, 0)
    assert read_model(state.result).parameters


def test_release_while_training_waits_for_its_end_and_keeps_nothing_loaded(lab: Lab) -> None:
    folder = lab.start(training=LONG, chat=KEEP, run={"name": "released"})
    before = wait_for(folder, at_step(3), 90)
    send(folder, commands.Release())
    send(folder, commands.Chat(id="early", speakers=(commands.Speaker("tuned", (commands.Message("user", "hi"),)),)))
    refused = wait_for(folder, _replied)
    assert refused.status == "training"
    wait_for(folder, at_step(len(before.steps) + 10))
    send(folder, commands.Stop())
    state = wait_for(folder, ended, 20)
    assert (state.status, state.result, state.chat_ready) == ("stopped", str(folder.adapter), False)
    wait_for(folder, engine_gone, 10)


def test_stop_can_throw_away_what_was_learned(lab: Lab) -> None:
    """Its chat template is one of Unsloth's, whose code leaves things behind in the working directory."""
    folder = lab.start(data={"chat_template": "chatml"}, training=LONG, chat=KEEP, run={"name": "discarded"})
    state = _stop(folder, commands.Stop(discard=True))
    assert (state.status, state.result, state.chat_ready) == ("stopped", "", False)
    assert not folder.adapter.exists()
    wait_for(folder, engine_gone, 10)
    assert {path.name for path in folder.path.iterdir()} <= {
        "session.toml", "provenance.json", "events.jsonl", "commands.jsonl", "engine.lock", "engine.log", "checkpoints",
    }  # fmt: skip


def test_stop_while_tokenising_ends_the_helpers_too(lab: Lab, tmp_path: Path) -> None:
    (tmp_path / "large.jsonl").write_text(TRAIN.read_text() * 150)  # many seconds
    data = {"source": str(tmp_path / "large.jsonl")}
    folder = lab.start(data=data, training=LONG | {"dataset_num_proc": 2}, run={"name": "tokenising"})
    wait_for(folder, in_phase("tokenising"))
    processes = poll(lambda: _with_helpers(folder), 20, "no tokenising processes")
    send(folder, commands.Stop())
    state = wait_for(folder, ended, 5)
    wait_gone(processes, 5)
    assert (state.status, state.result, len(state.steps)) == ("stopped", "", 0)


def _replied(state: RunState, event: events.Event) -> bool:
    """The engine said why it does not chat now."""
    return isinstance(event, events.Replied) and event.done and "still training" in event.error


def _with_helpers(folder: RunFolder) -> list[psutil.Process]:
    """The engine and its tokenising processes, once these exist."""
    found = live_processes(folder)
    return found if len(found) > 2 else []


def _stop(folder: RunFolder, command: commands.Stop) -> RunState:
    """Stop a training run after a few updates; it may do two more before it ends, and must not do a third."""
    wait_for(folder, at_step(3), 90)
    before = len(read_state(folder).steps)
    send(folder, command)
    sent = time.time()
    state = wait_for(folder, ended, 20)
    assert len(state.steps) > 0
    late = [step for step in state.steps if step.time > sent + 0.5]
    assert late == [], f"{len(late)} updates began long after the command; {before} were done before it"
    assert [json.loads(line)["kind"] for line in folder.commands.read_text().splitlines()] == ["stop"]
    return state
