"""What is handed to SkyPilot is a task that its own parser reads as it is meant, and in which there is no secret."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from tui.run import hand_over
from tui.run.folder import RunFolder
from tui.run.sky_task import launch_words, way_back
from tui.session.file import from_table, load
from tui.session.schema import Session

SKY = os.environ.get("UNSLOTH_TUI_SKY_PYTHON") or (sys.executable if importlib.util.find_spec("sky") else "")
PARSE = """
import json, sys, sky
for path in sys.argv[1:]:
    task = sky.Task.from_yaml(path)
    resources = next(iter(task.resources))
    print(json.dumps({
        "name": task.name, "nodes": task.num_nodes, "accelerators": resources.accelerators, "spot": resources.use_spot,
        "infra": resources.infra.to_str(), "files": task.file_mounts, "workdir": task.workdir, "run": task.run,
        "buckets": {there: [store.source, store.mode.value] for there, store in task.storage_mounts.items()},
    }))
"""
RENTED = {"accelerators": "H100:1", "infra": "aws/us-east-1", "use_spot": True, "bucket": "s3://mine/runs"}


@pytest.fixture
def place(home: Path, tmp_path: Path) -> Path:
    """A folder with data and a loss of one's own, whose names are not easy."""
    folder = tmp_path / 'it\'s: "mine" #1'
    folder.mkdir()
    (folder / "train: 1.jsonl").write_text('{"text": "a"}\n')
    (folder / "own.py").write_text("def f(): ...\n")
    return folder


def session(place: Path, **tables: dict[str, Any]) -> Session:
    told: dict[str, dict[str, Any]] = {
        "model": {"name": "a/b"},
        "data": {"source": str(place / "train: 1.jsonl")},
        "training": {"custom_loss": f"{place / 'own.py'}:f"},
        "cluster": RENTED,
    }
    return from_table({key: told.get(key, {}) | tables.get(key, {}) for key in {*told, *tables}})


def task_of(folder: RunFolder) -> dict[str, Any]:
    return yaml.safe_load((folder.job / "task.yaml").read_text())  # type: ignore[no-any-return]


def test_the_task_is_what_the_session_says(place: Path) -> None:
    folder = hand_over.write(session(place, cluster={"nodes": 2}), "skypilot")
    task = task_of(folder)
    assert task["resources"] == {"accelerators": "H100:1", "infra": "aws/us-east-1", "use_spot": True}
    assert (task["num_nodes"], task["workdir"]) == (2, str(folder.job))
    assert task["file_mounts"] == {
        "~/unsloth-tui/inputs/0/train: 1.jsonl": str(place / "train: 1.jsonl"),
        "~/unsloth-tui/runs": {"source": "s3://mine/runs", "mode": "MOUNT_CACHED"},
    }
    plain = hand_over.write(session(place, cluster={"infra": "", "use_spot": False, "bucket": ""}), "skypilot")
    assert task_of(plain)["resources"] == {"accelerators": "H100:1", "use_spot": False}
    assert len(task_of(plain)["file_mounts"]) == 1


def test_the_session_names_what_lies_there(place: Path) -> None:
    """A path of this machine would be found out hours later, by an engine that costs money."""
    folder = hand_over.write(session(place), "skypilot")
    sent = tomllib.loads((folder.job / "session.toml").read_text())
    assert sent["data"]["source"] == "~/unsloth-tui/inputs/0/train: 1.jsonl"
    assert sent["training"]["custom_loss"] == "~/sky_workdir/own.py:f"
    assert str(place) not in (folder.job / "session.toml").read_text()
    assert load(folder.session).data.source == str(place / "train: 1.jsonl")
    assert (folder.job / "program" / "tui" / "engine" / "serve.py").is_file() and (folder.job / "own.py").is_file()


def test_there_is_no_secret_in_what_is_sent(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HF_TOKEN", "WANDB_API_KEY"):
        monkeypatch.setenv(name, f"secret of {name}")
    told = session(place, run={"webhook": "https://hooks.example.com/secret"}, training={"report_to": "wandb"})
    folder = hand_over.write(told, "skypilot")
    words = launch_words(told, folder, folder.job / "task.yaml")
    assert [words[at + 1] for at, word in enumerate(words) if word == "--secret"] == ["HF_TOKEN", "WANDB_API_KEY"]
    sent = [path for path in folder.job.rglob("*") if path.is_file() and "program" not in path.parts]
    assert len(sent) == 5 and not any("secret of" in path.read_text() for path in sent)
    assert "hooks.example.com" not in (folder.job / "session.toml").read_text()


@pytest.mark.parametrize(("nodes", "device"), [(1, "auto"), (2, "auto"), (2, "cpu")])
def test_the_shell_understands_what_is_run(place: Path, nodes: int, device: str) -> None:
    rented = {"nodes": nodes} | ({"accelerators": ""} if device == "cpu" else {})
    task = task_of(hand_over.write(session(place, model={"device": device}, cluster=rented), "skypilot"))
    for text in (task["setup"], task["run"]):
        checked = subprocess.run(["bash", "-n"], input=text, text=True, capture_output=True, check=False)
        assert (checked.returncode, checked.stderr) == (0, "")
    assert ("SKYPILOT_NODE_IPS" in task["run"]) == (nodes > 1)


def test_with_a_bucket_it_goes_on_elsewhere_and_without_one_it_is_fetched(place: Path) -> None:
    told, plain = session(place), session(place, cluster={"bucket": ""})
    folder = hand_over.write(told, "skypilot")
    assert launch_words(told, folder, Path("t"))[:3] == ["sky", "jobs", "launch"]
    assert way_back(told, folder).startswith(f"aws s3 sync --exclude session.toml s3://mine/runs/{folder.name} ")
    assert launch_words(plain, folder, Path("t"))[:2] == ["sky", "launch"]
    assert way_back(plain, folder).startswith(f"rsync -a --exclude session.toml run-{folder.name}:unsloth-tui/runs/")


def test_what_would_be_wrong_there_is_said_here(place: Path) -> None:
    def wrong(**tables: dict[str, Any]) -> dict[str, str]:
        found = hand_over.look(session(place, **tables), "skypilot")
        return {problem.key: problem.text for problem in found if problem.blocking}

    assert wrong() == {}
    assert "say which GPUs are rented" in wrong(cluster={"accelerators": ""})["cluster.accelerators"]
    assert "8 GPUs are rented" in wrong(cluster={"accelerators": "H100:8"})["cluster.accelerators"]
    assert "there is no file" in wrong(data={"source": str(place / "gone.jsonl")})["data.source"]


def test_a_login_that_stays_here_is_said(place: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The rented machine would be refused the model after it was paid for."""
    token = home.parent / "token"
    monkeypatch.setattr("huggingface_hub.constants.HF_TOKEN_PATH", str(token))
    monkeypatch.delenv("HF_TOKEN", raising=False)

    def said() -> bool:
        return any("export HF_TOKEN" in problem.text for problem in hand_over.look(session(place), "skypilot"))

    assert not said()
    token.write_text("hf_x")
    assert said()
    monkeypatch.setenv("HF_TOKEN", "hf_x")
    assert not said()


@pytest.mark.slow
@pytest.mark.skipif(not SKY, reason="SkyPilot is not installed; README says how to have it for this test")
def test_skypilot_itself_reads_the_task(place: Path, home: Path) -> None:
    many = hand_over.write(session(place, cluster={"nodes": 2}), "skypilot")
    plain = hand_over.write(
        session(place, model={"device": "cpu"}, cluster=dict.fromkeys(RENTED, "") | {"use_spot": False}), "skypilot"
    )
    paths = [str(folder.job / "task.yaml") for folder in (many, plain)]
    done = subprocess.run([SKY, "-c", PARSE, *paths], capture_output=True, text=True, check=False, timeout=250)
    assert done.returncode == 0, done.stderr[-2000:]
    first, second = map(json.loads, done.stdout.splitlines()[-2:])
    assert (first["name"], first["nodes"], first["accelerators"]) == (f"run-{many.name}", 2, {"H100": 1})
    assert (first["spot"], first["infra"], first["workdir"]) == (True, "aws/us-east-1", str(many.job))
    assert first["files"] == {"~/unsloth-tui/inputs/0/train: 1.jsonl": str(place / "train: 1.jsonl")}
    assert first["buckets"] == {"~/unsloth-tui/runs": ["s3://mine/runs", "MOUNT_CACHED"]}
    assert "SKYPILOT_NODE_RANK" in first["run"]
    assert (second["accelerators"], second["buckets"]) == (None, {})
