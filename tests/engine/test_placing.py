"""Whoever dies while a folder takes the place of another leaves one of them there, whole."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests.lab import poll
from tui.engine import placing
from tui.engine.placing import put_back, put_in_place

AGAIN_AND_AGAIN = """
import itertools, sys
from pathlib import Path
from tui.engine.placing import put_in_place
place = Path(sys.argv[1])
for number in itertools.count():
    made = place / f".made{number}"
    made.mkdir()
    (made / "one").touch()
    (made / "two").touch()
    put_in_place(made, place / "final")
"""
KILLS = 6


def folder(path: Path, *names: str) -> Path:
    path.mkdir()
    for name in names:
        (path / name).touch()
    return path


def names(place: Path) -> list[str]:
    return sorted(path.name for path in place.iterdir())


@pytest.fixture(params=["a drive that swaps names", "a drive that does not"])
def drive(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Local drives swap two names in one moment; NFS does not."""
    if request.param != "a drive that swaps names":
        monkeypatch.setattr(placing, "_swap", lambda one, other: False)


@pytest.mark.usefixtures("drive")
def test_a_whole_folder_takes_the_place_of_an_older_one(tmp_path: Path) -> None:
    folder(tmp_path / "final", "old")
    put_in_place(folder(tmp_path / "made", "new"), tmp_path / "final")
    assert (names(tmp_path), names(tmp_path / "final")) == (["final"], ["new"])


def test_two_folders_swap_names_in_one_moment_here(tmp_path: Path) -> None:
    assert placing._swap(folder(tmp_path / "one", "a"), folder(tmp_path / "other", "b"))
    assert (names(tmp_path / "one"), names(tmp_path / "other")) == (["b"], ["a"])


def test_a_folder_is_there_whenever_the_process_that_replaces_it_is_killed(tmp_path: Path) -> None:
    for number in range(KILLS):
        process = subprocess.Popen([sys.executable, "-c", AGAIN_AND_AGAIN, str(tmp_path)])
        poll(lambda: (tmp_path / "final" / "two").exists(), 30, "it does not begin")
        threading.Event().wait(0.05 + 0.013 * number)
        process.kill()
        process.wait()
        assert names(tmp_path / "final") == ["one", "two"]
        for left in tmp_path.glob(".made*"):
            for path in left.iterdir():
                path.unlink()
            left.rmdir()


def test_what_was_to_be_replaced_when_the_process_died_is_put_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a drive that swaps no names there are two steps, and between them nobody has the name."""
    folder(tmp_path / "final", "old")
    folder(tmp_path / "made", "new")
    monkeypatch.setattr(placing, "_swap", lambda one, other: False)
    child = os.fork()
    if child == 0:
        rename = Path.rename
        Path.rename = lambda self, target: (rename(self, target), os._exit(9))  # type: ignore[assignment,method-assign]
        put_in_place(tmp_path / "made", tmp_path / "final")
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
    assert names(tmp_path) == [".old-final", "made"]
    put_back(tmp_path)
    assert (names(tmp_path), names(tmp_path / "final")) == (["final", "made"], ["old"])


def test_what_was_replaced_and_not_removed_yet_goes(tmp_path: Path) -> None:
    folder(tmp_path / "final", "new")
    folder(tmp_path / ".old-final", "old")
    put_back(tmp_path)
    assert (names(tmp_path), names(tmp_path / "final")) == (["final"], ["new"])
