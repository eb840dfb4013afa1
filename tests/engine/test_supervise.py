"""What is written down about an engine that could not say itself why it ended."""

from __future__ import annotations

from pathlib import Path

import pytest

from tui.engine.supervise import explain_death
from tui.run.folder import RunFolder


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
