"""What goes into a real run: bad data, and what is not a number."""

from __future__ import annotations

import json
import math

import pytest

from tests.lab import TRAIN, Lab, ended, engine_gone, run_python, wait_for
from tui.run import events
from tui.run.folder import RunFolder
from tui.run.process import last_words
from tui.run.watcher import read_events

pytest_plugins = ["tests.engine_fixtures"]
pytestmark = pytest.mark.slow

BAD_ROW = 12_345

_BREAK_MODEL = """
import sys
from safetensors.numpy import load_file, save_file
path = sys.argv[1] + "/model.safetensors"
tensors = load_file(path)
tensors["model.norm.weight"][:] = float("nan")
save_file(tensors, path, metadata={"format": "pt"})
"""


@pytest.fixture(scope="module")
def bad_data(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A run on a file whose row 12,345 has no answer: further down than is looked before a run starts."""
    path = tmp_path_factory.mktemp("data") / "bad.jsonl"
    lines = TRAIN.read_text().splitlines() * 30
    lines[BAD_ROW - 1] = json.dumps({"messages": [{"role": "user", "content": "and?"}]})
    path.write_text("\n".join(lines))
    return lab.start(data={"source": str(path)}, run={"name": "bad"})


@pytest.fixture(scope="module")
def nan_run(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A run on a model that computes nothing but not-a-number."""
    broken = tmp_path_factory.mktemp("models") / "broken"
    broken.mkdir()
    for path in lab.model.iterdir():
        (broken / path.name).write_bytes(path.read_bytes())
    run_python("-c", _BREAK_MODEL, str(broken))
    return lab.start(
        model={"name": str(broken)},
        training={"max_steps": 2},
        evaluation={"source": str(TRAIN.with_name("heldout.jsonl")), "eval_steps": 1, "compare_prompts": 0},
        chat={"keep_loaded_minutes": 0.02},
        guards={"nan_loss": "warn"},
        run={"name": "nan"},
    )


def test_a_bad_row_far_down_ends_the_run_with_its_number(bad_data: RunFolder) -> None:
    state = wait_for(bad_data, ended, 90)
    assert state.status == "failed"
    assert state.failure is not None
    assert state.failure.code == "bad-data"
    assert f"line {BAD_ROW}:" in state.failure.text and "bad.jsonl" in state.failure.text
    assert "Traceback" not in bad_data.events.read_text()
    assert "Traceback" in last_words(bad_data, 200, 100_000)
    assert sum(isinstance(event, events.Failed) for event in read_events(bad_data)) == 1
    wait_for(bad_data, engine_gone, 10)
    assert not bad_data.adapter.exists()


def test_not_a_number_is_told_as_it_is(nan_run: RunFolder) -> None:
    state = wait_for(nan_run, ended, 90)
    assert state.status == "finished"
    assert [math.isnan(step.loss) for step in state.steps] == [True, True]
    assert [math.isnan(one.loss) for one in state.evaluations] == [True, True]
    assert not any(one.best for one in state.evaluations)
    for line in nan_run.events.read_text().splitlines():
        json.loads(line, parse_constant=_refuse)


def test_a_model_is_kept_loaded_for_as_long_as_was_asked(nan_run: RunFolder) -> None:
    finished = wait_for(nan_run, ended, 90)
    gone = wait_for(nan_run, engine_gone, 20)
    assert (finished.chat_ready, gone.chat_ready, gone.status) == (True, False, "finished")


def _refuse(word: str) -> None:
    raise AssertionError(f"{word} is not JSON")
