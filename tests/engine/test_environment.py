"""What an engine finds in its environment: the devices it may use, and where reports are filed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.engine.test_notify import words_to
from tests.lab import Lab, engine_gone, in_phase, wait_for, worker_of
from tui.engine.environment import set_environment, variables
from tui.run import commands
from tui.run.folder import RunFolder
from tui.run.process import device_environment, send
from tui.session import file

pytest_plugins = ["tests.engine_fixtures"]

UUID = "GPU-1a2b3c4d-0000-1111-2222-333344445555"


@pytest.mark.parametrize(
    ("device", "wanted"),
    [
        ("auto", {}),
        ("cpu", {"UNSLOTH_FORCE_CPU": "1", "CUDA_VISIBLE_DEVICES": ""}),
        ("0", {"CUDA_DEVICE_ORDER": "PCI_BUS_ID", "CUDA_VISIBLE_DEVICES": "0"}),
        ("1,3", {"CUDA_DEVICE_ORDER": "PCI_BUS_ID", "CUDA_VISIBLE_DEVICES": "1,3"}),
        (UUID, {"CUDA_DEVICE_ORDER": "PCI_BUS_ID", "CUDA_VISIBLE_DEVICES": UUID}),
    ],
)
def test_a_device_means_variables(tmp_path: Path, device: str, wanted: dict[str, str]) -> None:
    folder = RunFolder(tmp_path)
    folder.session.write_text(f'[model]\ndevice = "{device}"\n')
    assert device_environment(folder) == wanted


def test_a_workbench_and_a_damaged_session_name_no_device(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    assert device_environment(folder) == {}
    folder.session.write_text("[model")
    assert device_environment(folder) == {}


@pytest.mark.slow
def test_the_engine_sees_the_devices_of_its_session(cold_lab: Lab, tmp_path: Path) -> None:
    folder = cold_lab.start(model={"device": "cpu"}, run={"name": "device", "notify": words_to(tmp_path / "said")})
    wait_for(folder, in_phase("importing"))
    worker = worker_of(folder)
    for process in (worker, worker.parent()):  # the one that works and the one that watches over it
        assert process is not None
        told = process.environ()
        assert (told["UNSLOTH_FORCE_CPU"], told["CUDA_VISIBLE_DEVICES"]) == ("1", "")
        assert told["MALLOC_TOP_PAD_"] == "67108864"  # else updates on a processor often take a seventh longer
        assert "MALLOC_ARENA_MAX" not in told  # or those of many layers take a third longer
    send(folder, commands.Stop())
    wait_for(folder, engine_gone, 20)
    assert (tmp_path / "said").read_text() == f"{folder.name}: stopped"  # as early as this, too


def test_reports_are_filed_under_the_project_wherever_they_go(tmp_path: Path) -> None:
    session = file.from_table({"training": {"project": "mine"}})
    told = variables(RunFolder(tmp_path), session)
    for name in ("WANDB_PROJECT", "MLFLOW_EXPERIMENT_NAME", "COMET_PROJECT_NAME", "CLEARML_PROJECT", "SWANLAB_PROJECT"):
        assert told.pop(name) == "mine"
    assert told == dict.fromkeys(("TENSORBOARD_LOGGING_DIR", "WANDB_DIR"), str(tmp_path / "reports"))


def test_what_the_user_has_set_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "environ", {"WANDB_PROJECT": "theirs"})
    set_environment(RunFolder(tmp_path), file.from_table({"training": {"project": "mine"}}))
    assert os.environ["WANDB_PROJECT"] == "theirs"
    assert os.environ["COMET_PROJECT_NAME"] == "mine"


@pytest.mark.parametrize(("table", "wanted"), [({"custom_loss": "a.py:f"}, "1"), ({"label_smoothing_factor": 0.1}, None)])
def test_a_loss_of_ones_own_gets_an_example_a_row(tmp_path: Path, table: dict[str, object], wanted: str | None) -> None:
    told = variables(RunFolder(tmp_path), file.from_table({"training": table}))
    assert told.get("UNSLOTH_RETURN_LOGITS") == wanted
