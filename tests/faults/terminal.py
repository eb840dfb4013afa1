"""A program in a terminal: what it writes, byte by byte, and what is to be seen of that."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import termios
import threading
from collections.abc import Sequence
from pathlib import Path

import pyte

from tests.lab import poll

KEYS = {f"f{number}": f"\x1b[{code}~" for number, code in zip(range(5, 13), (15, 17, 18, 19, 20, 21, 23, 24), strict=True)}
KEYS |= {
    "f1": "\x1bOP",
    "f2": "\x1bOQ",
    "f3": "\x1bOR",
    "f4": "\x1bOS",
    "down": "\x1b[B",
    "escape": "\x1b",
    "enter": "\r",
    "tab": "\t",
}
KEYS |= {f"ctrl+{letter}": chr(ord(letter) - 96) for letter in "abcdefghijklmnopqrstuvwxyz"}
_SEQUENCE = re.compile(
    rb"\x1b(?:\[[0-?]*[ -/]*[@-~]"  # CSI
    rb"|[\]P_^X].*?(?:\x07|\x1b\\)"  # OSC, DCS, APC, PM, SOS, with what they carry
    rb"|[ -/]*[0-~])",
    re.DOTALL,
)
_NUMBERS = re.compile(rb"\d+")


class Terminal:
    """A terminal of some size with one program in it."""

    def __init__(
        self, words: Sequence[str], environment: dict[str, str], work: Path, columns: int = 100, rows: int = 30
    ) -> None:
        self.screen = pyte.Screen(columns, rows)
        self.stream = pyte.ByteStream(self.screen)
        self.written = bytearray()
        self.handle, inner = pty.openpty()
        self.resize(columns, rows)
        told = os.environ | environment | {"TERM": "xterm-256color", "COLORTERM": "truecolor"}
        self.process = subprocess.Popen(
            words, stdin=inner, stdout=inner, stderr=inner, env=told, cwd=work, start_new_session=True, close_fds=True
        )
        os.close(inner)
        self.lock = threading.Lock()
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self) -> None:
        while True:
            try:
                told = os.read(self.handle, 1 << 16)
            except OSError:
                return
            if not told:
                return
            with self.lock:
                self.written += told
                self.stream.feed(_understood(told))

    def resize(self, columns: int, rows: int) -> None:
        """Give the window another size."""
        fcntl.ioctl(self.handle, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def press(self, *keys: str) -> None:
        """Type some keys, by name or as letters."""
        for key in keys:
            os.write(self.handle, KEYS.get(key, key).encode())

    @property
    def lines(self) -> list[str]:
        """What is to be seen."""
        with self.lock:
            return list(self.screen.display)

    def sees(self, text: str, within_s: float = 60) -> None:
        """Wait until the screen shows a text."""
        poll(lambda: any(text in line for line in self.lines), within_s, f"{text!r} is not seen in {self.lines}")

    def quiet(self, within_s: float = 30) -> None:
        """Wait until nothing has been written for a while."""
        pause, before = threading.Event(), -1
        for _ in range(int(within_s / 0.4)):
            if len(self.written) == before:
                return
            before = len(self.written)
            pause.wait(0.4)

    def close(self, within_s: float = 30) -> int:
        """Leave the program, and its exit code."""
        self.press("ctrl+q")
        try:
            return self.process.wait(within_s)
        finally:
            if self.process.poll() is None:
                self.process.kill()
                self.process.wait()
            os.close(self.handle)


def _understood(told: bytes) -> bytes:
    """Without the sequences that pyte takes for text."""
    return re.sub(rb"\x1b\[[<>=][0-9;]*[a-z]", b"", told)


def sequences(written: bytes) -> set[bytes]:
    """The kinds of sequences in what was written: with 0 for every number, but for what switches something on or off."""
    return {
        it if it[-1:] in b"hlutp" else _NUMBERS.sub(b"0", it) for it in _SEQUENCE.findall(bytes(written)) if it[-1:] != b"m"
    }


def rest(written: bytes) -> str:
    """What was written between the sequences: text, if it is decent."""
    return _SEQUENCE.sub(b"", bytes(written)).decode("utf-8", "replace")
