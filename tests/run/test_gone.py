"""What a reader concludes about an engine that is gone without having said why."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path
from socket import gethostname

import pytest

from tui.run import events, watcher
from tui.run.folder import RunFolder
from tui.run.lines import append_line
from tui.run.lock import STALE_S

DEAD = {"pid": 4194304, "started": 5.0, "host": gethostname()}
"""A holder whose number no process of this kernel can have."""


@pytest.fixture
def abandoned(tmp_path: Path) -> RunFolder:
    """A folder whose engine has just died."""
    folder = RunFolder(tmp_path)
    folder.lock.write_text(json.dumps(DEAD))
    return folder


@pytest.mark.parametrize(("free_bytes", "told"), [(0, True), (1 << 30, False)])
def test_a_full_disk_is_named_since_nothing_could_be_written_any_more(
    abandoned: RunFolder, monkeypatch: pytest.MonkeyPatch, free_bytes: int, told: bool
) -> None:
    monkeypatch.setattr(watcher, "free_disk_bytes", lambda path: free_bytes)
    state = watcher.read_state(abandoned)
    assert state.status == "crashed"
    assert state.failure is not None
    assert ("the disk is full" in state.failure.text) == told


def test_the_reason_that_comes_a_moment_after_the_death_is_waited_for(
    abandoned: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = 0

    def look(folder: RunFolder) -> bool:
        nonlocal looks
        looks += folder == abandoned  # a window of another test may still be watching a run of its own
        if looks == 2 and folder == abandoned:
            append_line(folder.events, events.to_line(events.Failed(code="killed", text="signal 9")))
        return False

    monkeypatch.setattr(watcher, "engine_alive", look)
    monkeypatch.setattr(watcher, "LIVENESS_S", 0.0)
    told = watcher.follow(abandoned, threading.Event())
    assert [next(told).kind, next(told).kind] == ["failed", "engine"]


def test_an_engine_that_died_long_ago_is_called_dead_at_the_first_look(
    abandoned: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    stale = abandoned.lock.stat().st_mtime - STALE_S - 1
    os.utime(abandoned.lock, (stale, stale))
    monkeypatch.setattr(watcher, "LIVENESS_S", 3600.0)
    first = next(watcher.follow(abandoned, threading.Event()))
    assert isinstance(first, events.EngineSeen) and not first.alive
