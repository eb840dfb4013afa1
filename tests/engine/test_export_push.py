"""An export on its way to the hub: what arrives there, who may see it, and what is said when it does not get there."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from huggingface_hub import constants

from tests.hub_repos import OTHER_TOKEN, TOKEN, Hub
from tests.hub_server import hub as hub
from tui.engine.export import push as pushing
from tui.engine.export.children import ExportFailed
from tui.engine.export.push import push
from tui.run.export_commands import Push
from tui.run.export_events import ExportMoved
from tui.run.export_jobs import request
from tui.run.exports import RECORD
from tui.run.folder import RunFolder
from tui.run.process import send
from tui.run.watcher import read_events

WEIGHTS = bytes(range(256)) * 2000


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """The folder of an export, with a large file, a small one, and the record that is for this machine alone."""
    folder = tmp_path / "merged-16bit"
    folder.mkdir()
    (folder / "model.safetensors").write_bytes(WEIGHTS)
    (folder / "README.md").write_text("---\nlicense: mit\n---\n# A run\n")
    (folder / RECORD).write_text('{"run": "/home/somebody/runs/one"}')
    return folder


@pytest.fixture(autouse=True)
def in_no_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pushing, "PAUSE_S", 0.01)


def job(tmp_path: Path, wanted: Push) -> RunFolder:
    folder = RunFolder(tmp_path / "job")
    folder.path.mkdir()
    send(folder, request(RunFolder(tmp_path / "2026-run"), "merged-16bit", push=wanted))
    return folder


def log_in(token: str = TOKEN) -> None:
    Path(constants.HF_TOKEN_PATH).parent.mkdir(parents=True, exist_ok=True)
    Path(constants.HF_TOKEN_PATH).write_text(token)


def test_what_is_exported_arrives_in_a_private_repository_without_the_record(hub: Hub, tmp_path: Path, place: Path) -> None:
    log_in()
    folder = job(tmp_path, Push("ada/small"))
    told = push(folder, place)
    (commit,) = hub.uploads.commits
    assert set(commit.files) == {"model.safetensors", "README.md"}
    assert commit.files["model.safetensors"] == WEIGHTS
    assert hub.uploads.created["ada/small"]["visibility"] == "private"
    assert commit.message == "merged-16bit of 2026-run"
    assert told["url"] == f"{hub.url}/ada/small" and int(told["commit"], 16) == 1
    counted = [event for event in read_events(folder) if isinstance(event, ExportMoved)]
    assert counted[-1].bytes_total == len(WEIGHTS) + (place / "README.md").stat().st_size


def test_a_pushed_adapter_names_its_base_model_as_on_the_hub(hub: Hub, tmp_path: Path, place: Path) -> None:
    log_in()
    config = place / "adapter_config.json"
    config.write_text('{"base_model_name_or_path": "/home/somebody/models/base", "r": 8}')
    push(job(tmp_path, Push("ada/small", base="org/base")), place)
    sent = json.loads(hub.uploads.commits[0].files["adapter_config.json"])
    assert sent == {"base_model_name_or_path": "org/base", "r": 8}
    assert "/home/somebody" in config.read_text()  # what lies here is loaded from here


def test_the_token_is_in_no_file_and_no_event(hub: Hub, tmp_path: Path, place: Path) -> None:
    log_in()
    folder = job(tmp_path, Push("ada/small"))
    told = push(folder, place)
    assert all(token == f"Bearer {TOKEN}" for token in hub.uploads.tokens)
    written = b"".join(path.read_bytes() for path in folder.path.iterdir())
    assert TOKEN.encode() not in written and TOKEN not in str(told)


def test_an_existing_repository_gets_another_commit_on_the_branch_that_is_wanted(
    hub: Hub, tmp_path: Path, place: Path
) -> None:
    log_in()
    hub.uploads.created["ada/small"] = {}
    told = push(job(tmp_path, Push("ada/small", message="second try", revision="v2")), place)
    (commit,) = hub.uploads.commits
    assert (commit.revision, commit.message) == ("v2", "second try")
    assert hub.uploads.branches == [("ada/small", "v2")]
    assert told["url"].endswith("/ada/small/tree/v2")


def test_a_cut_connection_is_tried_again_and_what_arrived_is_whole(hub: Hub, tmp_path: Path, place: Path) -> None:
    log_in()
    hub.uploads.cuts = [100_000]
    push(job(tmp_path, Push("ada/small")), place)
    assert hub.uploads.commits[0].files["model.safetensors"] == WEIGHTS
    assert hub.uploads.sent == 100_000 + len(WEIGHTS)


def test_somebody_else_who_commits_at_the_same_moment_is_let_first(hub: Hub, tmp_path: Path, place: Path) -> None:
    log_in()
    hub.uploads.conflicts = 2
    push(job(tmp_path, Push("ada/small")), place)
    assert len(hub.uploads.commits) == 1
    assert hub.uploads.sent == len(WEIGHTS)  # what the hub has is not sent again


def test_a_repository_that_others_write_all_the_time_is_given_up_with_a_reason(
    hub: Hub, tmp_path: Path, place: Path
) -> None:
    log_in()
    hub.uploads.conflicts = 99
    with pytest.raises(ExportFailed, match="somebody else changes this repository"):
        push(job(tmp_path, Push("ada/small")), place)


@pytest.mark.parametrize(
    ("token", "repo", "expected"),
    [
        ("", "ada/small", "you are not logged in"),
        ("hf_aTokenThatNobodyKnows", "ada/small", "refuses your token"),
        (OTHER_TOKEN, "ada/small", "your token may not write there"),
        (TOKEN, "no name", "is no name on the hub"),
    ],
)
def test_who_may_not_write_is_told_so_at_once(
    hub: Hub, tmp_path: Path, place: Path, token: str, repo: str, expected: str
) -> None:
    if token:
        log_in(token)
    with pytest.raises(ExportFailed) as refused:
        push(job(tmp_path, Push(repo)), place)
    assert expected in refused.value.text
    assert not hub.uploads.commits and not hub.uploads.blobs
