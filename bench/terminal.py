"""A program in a pseudo-terminal, and what it writes."""

from __future__ import annotations

import contextlib
import fcntl
import os
import struct
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Sequence

WINDOW = (sys.executable, "-m", "tui")


class Terminal:
    """A program in a terminal of so many columns and lines."""

    def __init__(self, columns: int, lines: int, words: Sequence[str] = (*WINDOW, "attach")) -> None:
        self.ours, theirs = os.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        self.began = time.monotonic()
        self.program = subprocess.Popen(
            words, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
            env=os.environ | {"TERM": "xterm-256color", "COLORTERM": "truecolor"},
        )  # fmt: skip
        os.close(theirs)
        self.shown = bytearray()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        with contextlib.suppress(OSError):  # the program is gone
            while piece := os.read(self.ours, 1 << 16):
                self.shown += piece

    def wait(self, until: bytes, within_s: float = 60) -> None:
        """Wait until a text is written."""
        begun = time.monotonic()
        while until not in self.shown:
            if time.monotonic() > begun + within_s:
                raise SystemExit(f"{until!r} was not shown within {within_s} s")
            time.sleep(0.0005)

    def end(self) -> None:
        """Kill the program."""
        self.program.kill()
        self.program.wait()
        os.close(self.ours)
