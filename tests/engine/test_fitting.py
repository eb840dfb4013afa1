"""A real measurement of settings, and that what is called the same mathematics is the same."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file

from tests.lab import Lab, ended, wait_for
from tui.run import pace
from tui.run.fits import kept
from tui.run.folder import RunFolder
from tui.session import file

pytest_plugins = ["tests.engine_fixtures"]
pytestmark = pytest.mark.slow

OWN: dict[str, Any] = {"per_device_train_batch_size": 2, "gradient_accumulation_steps": 2, "max_steps": 8}
OTHER = OWN | {"per_device_train_batch_size": 4, "gradient_accumulation_steps": 1}

A_PERCENT = 2e-5
"""Of what B learns in these eight updates, 0.0018 on average."""


@dataclass(frozen=True)
class Runs:
    """What was measured, and the same training in other parts; started together."""

    told: dict[str, Any]
    session: Path
    own: RunFolder
    other: RunFolder


@pytest.fixture(scope="module")
def runs(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runs]:
    place = tmp_path_factory.mktemp("fit") / "session.toml"
    lab.write_session(place, training=OWN)
    place.write_text("# mine\n" + place.read_text())
    own = lab.start(training=OWN, run={"name": "own"})
    other = lab.start(training=OTHER, lora={"use_gradient_checkpointing": "false"}, run={"name": "other"})
    measuring = lab.command(
        "fit", str(place), "--minutes", "0.2", "--apply", "same", "--json", stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    out, said = measuring.communicate(timeout=200)
    assert measuring.returncode == 0, said
    yield Runs(json.loads(out), place, own, other)


def test_settings_are_measured_and_the_answer_goes_into_the_session(runs: Runs, lab: Lab) -> None:
    own, *others = runs.told["trials"]
    assert own["kind"] == "own" and own["tokens_per_s"] > 0 and own["updates"] >= 1
    assert {it["kind"] for it in others} <= {"same", "precision"} and any(it["verdict"] == "measured" for it in others)
    assert runs.told["device"] == "CPU" and runs.told["matrix_tflops"] > 0 and 0 < own["share"] < 1
    now = file.load(runs.session)
    assert now.effective_batch == 4
    answer = runs.told["same"]["changes"] if runs.told["same"] else {}
    assert file.replace_values(now, answer) == now and runs.session.read_text().startswith("# mine\n")
    with lab.entered():
        assert {it.device for it in kept()} == {"CPU"}
        assert pace.seconds_per_example(file.replace_values(now, {"run.name": "next"}))


def test_an_update_in_other_parts_learns_the_same(runs: Runs) -> None:
    one, other = (wait_for(folder, ended, 200) for folder in (runs.own, runs.other))
    assert [it.loss for it in one.steps] == pytest.approx([it.loss for it in other.steps], rel=1e-4)
    learned, again = (load_file(folder.adapter / "adapter_model.safetensors") for folder in (runs.own, runs.other))
    assert learned.keys() == again.keys()
    for name, weights in learned.items():
        assert np.abs(weights - again[name]).mean() < A_PERCENT, name
        # where a gradient is next to nothing its sign is that of its rounding, and Adam makes whole steps of it
        assert weights == pytest.approx(again[name], abs=1e-3), name
