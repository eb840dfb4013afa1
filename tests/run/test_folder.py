"""Every run has a folder of its own that only its owner can read, under a name that a person can find again."""

from __future__ import annotations

import os
import shutil
import threading
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from tui.run import folder as module
from tui.run.folder import RunFolder, clear_old, create_run, create_workbench, find_run, list_runs
from tui.session import file
from tui.session.schema import Session


@pytest.fixture(autouse=True)
def half_past_three(monkeypatch: pytest.MonkeyPatch) -> None:
    class Clock(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> Clock:
            return cls(2026, 11, 23, 15, 30)

    monkeypatch.setattr(module, "datetime", Clock)


def session(**sections: dict[str, Any]) -> Session:
    return file.from_table({"model": {"name": "a/b"}, "data": {"source": "d.jsonl"}} | sections)


def made(name: str) -> RunFolder:
    return create_run(session(run={"name": name}))


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_a_run_lies_in_the_users_folder_and_is_theirs_alone(home: Path) -> None:
    folder = made("mine")
    assert folder.path == home / "runs" / "2026-11-23-1530-mine"
    assert (mode(home / "runs"), mode(folder.path), mode(folder.session)) == (0o700, 0o700, 0o600)
    assert list(folder.path.iterdir()) == [folder.session]


@pytest.mark.parametrize(
    ("model", "source", "name"),
    [
        ("unsloth/Qwen3-4B-Instruct-2507-bnb-4bit", "notes.jsonl", "qwen3-4b-notes"),
        ("/models/SmolLM2-135M-Instruct", "/data/shell/train.jsonl", "smollm2-135m-shell"),
        ("google/gemma-3-1b-it", "a b!c.csv", "gemma-3-1b-a-b-c"),
        ("org/Ünïcode", "日本.jsonl", "n-code"),
        ("../../etc", "../../passwd", "etc-passwd"),
        ("x" * 200, "y" * 200, "x" * 40 + "-" + "y" * 40),
    ],
)
def test_a_run_is_named_after_its_model_and_data(home: Path, model: str, source: str, name: str) -> None:
    folder = create_run(session(model={"name": model}, data={"source": source}))
    assert folder.name == f"2026-11-23-1530-{name}"
    assert folder.path.parent == home / "runs"


@pytest.mark.parametrize(
    ("name", "slug"), [("My Run!", "-my-run"), ("../../x", "-x"), ("日本", ""), ("a/b\n\x1b[2J", "-a-b-2j")]
)
def test_the_name_of_a_run_cannot_lead_out_of_its_folder(home: Path, name: str, slug: str) -> None:
    assert made(name).path == home / "runs" / f"2026-11-23-1530{slug}"


def test_runs_of_the_same_minute_are_numbered() -> None:
    assert [made("x").name for _ in range(3)] == [f"2026-11-23-1530-x{end}" for end in ("", "-2", "-3")]


def test_the_session_is_frozen_with_paths_that_hold_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "d.jsonl").write_text("{}")
    monkeypatch.chdir(tmp_path)
    folder = create_run(session())
    monkeypatch.chdir("/")
    assert file.load(folder.session).data.source == str(tmp_path / "d.jsonl")


def test_a_workbench_is_no_run() -> None:
    bench = create_workbench()
    assert mode(bench.path) == 0o700
    assert list_runs() == []


def test_the_newest_run_comes_first_and_what_is_no_run_not_at_all(home: Path) -> None:
    folders = [made(name) for name in "abc"]
    for age, folder in enumerate(folders):
        os.utime(folder.session, (1e9 - age, 1e9 - age))
    (home / "runs" / "2026-empty").mkdir()
    (home / "runs" / "stray.txt").write_text("")
    assert list_runs() == folders
    os.utime(folders[2].session)
    assert list_runs()[0] == folders[2] == find_run("latest")


def test_runs_and_workbenches_that_go_away_meanwhile_are_no_error(home: Path) -> None:
    """Another window deletes runs, and clears workbenches away, while this one looks at them."""
    kept, over = made("kept"), threading.Event()
    create_workbench()

    def come_and_go() -> None:
        while not over.is_set():
            (home / "workbench" / "other").mkdir()
            going = made("going")
            shutil.rmtree(going.path)
            (home / "workbench" / "other").rmdir()

    other = threading.Thread(target=come_and_go)
    other.start()
    try:
        for _ in range(100):
            assert kept in list_runs()
            clear_old(home / "workbench", 3600)
    finally:
        over.set()
        other.join()


def test_a_run_is_found_by_its_name_a_part_of_it_or_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second, other = made("shell"), made("shell"), made("poems")
    assert find_run("poem") == other
    assert find_run(first.name) == first  # though it is a part of the second's name
    assert find_run("shell-2") == second
    assert find_run("shell") is None  # which of the two?
    assert find_run("nothing") is None
    assert find_run(str(other.path)) == other
    monkeypatch.chdir(other.path)
    assert find_run(".") == find_run("./") == other
    assert find_run(str(tmp_path)) is None


def test_an_unset_variable_in_a_script_does_not_mean_the_only_run() -> None:
    made("precious")
    assert find_run("") is None


def test_without_runs_there_is_no_latest() -> None:
    assert list_runs() == []
    assert find_run("latest") is None
