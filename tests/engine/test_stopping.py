"""Real runs that somebody stops: while they load, tokenise or train, to keep what was learned or to throw it away."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
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


@dataclass(frozen=True)
class Runs:
    """Runs that were started together, since each spends its first ten seconds importing."""

    saved: RunFolder
    discarded: RunFolder
    released: RunFolder
    evaluating: RunFolder
    tokenising: RunFolder


@pytest.fixture(scope="module")
def runs(lab: Lab, large_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runs]:
    held_out = tmp_path_factory.mktemp("data") / "held-out.jsonl"
    held_out.write_text(TRAIN.read_text() * 10)
    keep = {"keep_loaded_minutes": 5}
    yield Runs(
        saved=lab.start(training=LONG, chat=keep, run={"name": "saved"}),
        discarded=lab.start(data={"chat_template": "chatml"}, training=LONG, chat=keep, run={"name": "discarded"}),
        released=lab.start(training=LONG, chat=keep, run={"name": "released"}),
        evaluating=lab.start(
            training=LONG,
            evaluation={"source": str(held_out), "eval_steps": 1, "per_device_eval_batch_size": 1},
            run={"name": "evaluating"},
        ),
        tokenising=lab.start(
            data={"source": str(large_data)}, training=LONG | {"dataset_num_proc": 2}, run={"name": "tokenising"}
        ),
    )


@pytest.fixture(scope="module")
def large_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """So many rows that to tokenise them takes many seconds."""
    path = tmp_path_factory.mktemp("data") / "large.jsonl"
    path.write_text(TRAIN.read_text() * 150)
    return path


@pytest.mark.usefixtures("runs")
def test_stop_while_importing_ends_the_engine_at_once(lab: Lab) -> None:
    folder = lab.start(run={"name": "importing"})
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


def test_stop_keeps_what_was_learned_so_far(runs: Runs) -> None:
    state = _stop(runs.saved, commands.Stop())
    assert (state.status, state.result) == ("stopped", str(runs.saved.adapter))
    assert read_model(str(runs.saved.adapter)).parameters
    assert state.chat_ready


def test_a_signal_ends_an_engine_that_only_keeps_a_model_loaded(runs: Runs) -> None:
    wait_for(runs.saved, ended, 90)
    worker = worker_of(runs.saved)
    worker.terminate()
    wait_gone([worker], 5)
    assert read_state(runs.saved).status == "stopped"


def test_stop_in_the_middle_of_an_evaluation_does_not_wait_for_its_end(runs: Runs) -> None:
    wait_for(runs.evaluating, at_step(1), 90)
    send(runs.evaluating, commands.Stop())
    state = wait_for(runs.evaluating, ended, 10)
    assert (state.status, state.result) == ("stopped", str(runs.evaluating.adapter))
    assert (len(state.steps), len(state.evaluations)) == (1, 0)
    assert read_model(state.result).parameters


def test_release_while_training_waits_for_its_end_and_keeps_nothing_loaded(runs: Runs) -> None:
    before = wait_for(runs.released, at_step(3), 90)
    send(runs.released, commands.Release())
    send(runs.released, commands.Chat(id="early", speakers=(commands.Speaker("tuned", (commands.Message("user", "hi"),)),)))
    refused = wait_for(runs.released, _replied)
    assert refused.status == "training"
    wait_for(runs.released, at_step(len(before.steps) + 10))
    send(runs.released, commands.Stop())
    state = wait_for(runs.released, ended, 20)
    assert (state.status, state.result, state.chat_ready) == ("stopped", str(runs.released.adapter), False)
    wait_for(runs.released, engine_gone, 10)


def test_stop_can_throw_away_what_was_learned(runs: Runs) -> None:
    """Its chat template is one of Unsloth's, whose code leaves things behind in the working directory."""
    state = _stop(runs.discarded, commands.Stop(discard=True))
    assert (state.status, state.result, state.chat_ready) == ("stopped", "", False)
    assert not runs.discarded.adapter.exists()
    wait_for(runs.discarded, engine_gone, 10)
    assert {path.name for path in runs.discarded.path.iterdir()} <= {
        "session.toml", "provenance.json", "events.jsonl", "commands.jsonl", "engine.lock", "engine.log", "checkpoints",
    }  # fmt: skip


def test_stop_while_tokenising_ends_the_helpers_too(runs: Runs) -> None:
    wait_for(runs.tokenising, in_phase("tokenising"))
    processes = poll(lambda: _with_helpers(runs.tokenising), 20, "no tokenising processes")
    send(runs.tokenising, commands.Stop())
    state = wait_for(runs.tokenising, ended, 5)
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
