"""An engine that could not write down why it ended, because nothing can be written any more."""

from __future__ import annotations

from pathlib import Path
from socket import gethostname

import pytest

from tui.run import watcher
from tui.run.folder import RunFolder


@pytest.mark.parametrize(("free_bytes", "told"), [(0, True), (1 << 30, False)])
def test_a_full_disk_is_named_when_the_engine_is_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free_bytes: int, told: bool
) -> None:
    folder = RunFolder(tmp_path)
    folder.lock.write_text('{"pid": 4194304, "started": 5.0, "host": "' + gethostname() + '"}')
    monkeypatch.setattr(watcher, "free_disk_bytes", lambda path: free_bytes)
    state = watcher.read_state(folder)
    assert state.status == "crashed"
    assert state.failure is not None
    assert ("the disk is full" in state.failure.text) == told
