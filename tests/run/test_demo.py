"""The demo's model: unpacked once, whoever asks for it and however often."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier, BrokenBarrierError
from types import SimpleNamespace

import pytest

from tui.run import demo
from tui.run.demo import DemoError, model_folder, unpack_model

BOTH_S = 0.5
"""So long the unpacking waits to be disturbed."""


def test_two_windows_that_start_the_demo_at_once_unpack_its_model_once(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("UNSLOTH_TUI_HOME", str(tmp_path))
    both, unpacked = Barrier(2), list[str]()

    def unpack(words: Sequence[str], **_: object) -> subprocess.CompletedProcess[str]:
        unpacked.append(words[-1])
        with pytest.raises(BrokenBarrierError):
            both.wait(BOTH_S)  # for another one that unpacks beside this
        model_folder().mkdir()
        (model_folder() / "config.json").touch()
        return subprocess.CompletedProcess(words, 0, "", "")

    monkeypatch.setattr(demo, "subprocess", SimpleNamespace(run=unpack, DEVNULL=subprocess.DEVNULL))
    with ThreadPoolExecutor() as windows:
        for done in [windows.submit(unpack_model) for _ in range(2)]:
            done.result(timeout=30)
    assert unpacked == [str(model_folder())]


def test_why_the_model_cannot_be_unpacked_is_said_and_the_next_try_is_free(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("UNSLOTH_TUI_HOME", str(tmp_path))
    said = ["the demo model is not installed", "still not"]

    def fail(words: Sequence[str], **_: object) -> subprocess.CompletedProcess[str]:
        return subprocess.CompletedProcess(words, 1, "", said.pop(0))

    monkeypatch.setattr(demo, "subprocess", SimpleNamespace(run=fail, DEVNULL=subprocess.DEVNULL))
    with pytest.raises(DemoError, match="is not installed"):
        unpack_model()
    with pytest.raises(DemoError, match="still not"):
        unpack_model()
