"""A window ends with its terminal, whatever the terminal is to it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.slow
@pytest.mark.parametrize("first", ["", "trap '' HUP; "], ids=["plain", "the signal is ignored"])
def test_a_window_whose_terminal_is_gone_without_a_signal_ends(tmp_path: Path, first: str) -> None:
    """The terminal does not control it, as in some containers; else the kernel would send SIGHUP."""
    ours, theirs = os.openpty()
    environment = os.environ | {"UNSLOTH_TUI_HOME": str(tmp_path / "home"), "HOME": str(tmp_path), "TERM": "xterm-256color"}
    window = subprocess.Popen(
        ["sh", "-c", f'{first}exec "$@"', "sh", sys.executable, "-m", "tui"],
        stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True, env=environment,
    )  # fmt: skip
    os.close(theirs)
    shown = b""
    while b"Letters find a model" not in shown:
        shown += os.read(ours, 1 << 16)
    os.close(ours)
    try:
        assert window.wait(20) != 0
    finally:
        window.kill()
