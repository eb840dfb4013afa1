"""An engine goes on where it can, and what is written down about one that could not say itself why it ended."""

from __future__ import annotations

from pathlib import Path

import pytest

from tui.engine.control import Control
from tui.engine.serve import heard_if_there, watch
from tui.engine.supervise import explain_death
from tui.engine.vigil import Vigil
from tui.run import commands, events
from tui.run.folder import RunFolder
from tui.run.lines import Tail
from tui.run.process import send
from tui.session.sections.guards import GuardsSection


@pytest.mark.parametrize("out_of_memory", [False, True])
@pytest.mark.parametrize(
    ("code", "named"), [(-9, "signal 9 (SIGKILL)"), (-11, "signal 11 (SIGSEGV)"), (-15, "signal 15 (SIGTERM)")]
)
def test_the_signal_is_named_and_memory_is_blamed_for_a_kill_alone(
    tmp_path: Path, code: int, named: str, out_of_memory: bool
) -> None:
    failed = explain_death(RunFolder(tmp_path), code, out_of_memory)
    assert failed.code == "killed"
    assert named in failed.text
    assert ("memory of the box" in failed.text) == (out_of_memory and code == -9)
    assert failed.advice


def test_an_exit_code_comes_with_the_last_words(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    folder.log.write_text("loading\nSegmentation violation in libfoo\n")
    failed = explain_death(folder, 3, out_of_memory=False)
    assert "exit code 3" in failed.text and "libfoo" in failed.text
    assert str(folder.log) in failed.advice


def test_an_engine_that_printed_nothing_is_given_no_last_words(tmp_path: Path) -> None:
    assert explain_death(RunFolder(tmp_path), 3, out_of_memory=False).text == "the engine ended with exit code 3"


def test_a_training_goes_on_while_the_drive_of_its_run_is_away(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "away")
    folder.path.mkdir()
    folder.commands.mkdir()  # what is there cannot be read
    tail, vigil, told = Tail(folder.commands), Vigil(GuardsSection()), list[events.Event]()
    control = Control()
    control.enter("training")
    assert heard_if_there(tail) == []
    folder.commands.rmdir()
    folder.path.rmdir()
    watch(vigil, folder, (), control, told.append)
    folder.path.mkdir()
    send(folder, commands.Checkpoint())
    assert [type(it) for it in heard_if_there(tail)] == [commands.Checkpoint]
    assert told == []
