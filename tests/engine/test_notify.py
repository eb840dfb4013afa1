"""A program is told that a run has ended, and nothing it does can harm the run."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tui.engine import notify as notifying
from tui.engine.notify import notify, notify_of
from tui.run.events import Event, Warned
from tui.run.folder import RunFolder
from tui.session import file

WRITE = "import sys, pathlib; pathlib.Path(sys.argv[1]).write_text('|'.join(sys.argv[2:]))"


def words_to(path: Path, *more: str) -> tuple[str, ...]:
    """A program that writes the words it is called with to a file."""
    return (sys.executable, "-c", WRITE, str(path), *more)


def test_a_program_is_called_with_its_words_and_one_line(tmp_path: Path) -> None:
    told: list[Event] = []
    notify(words_to(tmp_path / "said", "Training"), "run: failed: $(touch here)\n; echo `id`", told.append)
    assert (tmp_path / "said").read_text() == "Training|run: failed: $(touch here) ; echo `id`"
    assert told == []


def test_the_run_names_itself(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "2026-a-run")
    folder.path.mkdir()
    file.save(file.from_table({"run": {"notify": words_to(tmp_path / "said")}}), folder.session)
    notify_of(folder, "completed", lambda event: None)
    assert (tmp_path / "said").read_text() == "2026-a-run: completed"


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ((sys.executable, "-c", "raise SystemExit(3)"), "exit code 3"),
        (("/there/is/no/such/program",), "No such file"),
        ((sys.executable, "-c", "import time; time.sleep(60)"), "did not end within"),
        ((sys.executable, "\0"), "null byte"),
    ],
)
def test_a_program_that_fails_is_a_warning(words: tuple[str, ...], complaint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notifying, "PATIENCE_S", 0.5)
    told: list[Event] = []
    notify(words, "run: completed", told.append)
    (warning,) = told
    assert isinstance(warning, Warned)
    assert complaint in warning.text and words[0] in warning.text


def test_nobody_is_told_where_nobody_is_named_or_the_session_is_damaged(tmp_path: Path) -> None:
    told: list[Event] = []
    folder = RunFolder(tmp_path)
    notify_of(folder, "completed", told.append)
    folder.session.write_text("[run")
    notify_of(folder, "completed", told.append)
    folder.session.write_text("[run]\nnotify = []\n")
    notify_of(folder, "completed", told.append)
    assert told == []
