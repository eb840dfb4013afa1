"""A download as the window sees it: a process of its own, asked now and then how far it is."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections import deque
from dataclasses import dataclass, replace
from typing import Any

RATE_OVER_S = 8.0
KILL_AFTER_S = 2.0


@dataclass(frozen=True)
class DownloadState:
    """How far a download is."""

    phase: str = "starting"
    """starting, downloading, done, failed or cancelled."""
    files: int = 0
    files_done: int = 0
    file: str = ""
    """The one that came last."""
    bytes_done: int = 0
    """Counting what was here before."""
    bytes_total: int = 0
    free_disk_bytes: int | None = None
    rate_bytes_s: float | None = None
    """Over the last seconds."""
    seconds_left: float | None = None
    error: str = ""
    """One sentence, when it failed."""
    path: str = ""
    """The model's folder in the cache, when it is done."""

    @property
    def is_over(self) -> bool:
        return self.phase in ("done", "failed", "cancelled")


class Download:
    """One download, started once. It ends with the window that started it, and the next one goes on from there."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None
        self._reader: threading.Thread | None = None
        self._lines: deque[tuple[float, str]] = deque()
        self._counted: deque[tuple[float, int]] = deque()
        self._state = DownloadState()
        self._cancelled_at: float | None = None
        self._last_words = ""

    def start(self, name: str, revision: str | None = None, *, with_code: bool = False) -> None:
        """Start it. The token, if any, is that of the environment or of huggingface_hub's store. Raises OSError."""
        # -P: nothing that lies around may be imported in place of a library
        command = [sys.executable, "-P", "-m", "tui.catalog.download", *(["--revision", revision] if revision else [])]
        command += ["--with-code"] if with_code else []
        self._process = subprocess.Popen(
            [*command, "--", name],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            text=True,
            errors="replace",
        )
        self._reader = threading.Thread(target=self._read, args=(self._process,), name="download", daemon=True)
        self._reader.start()

    def cancel(self) -> None:
        """End it; what has come stays. `poll` says when it is over."""
        if self._process and self._process.poll() is None and self._cancelled_at is None:
            self._cancelled_at = time.monotonic()
            self._process.terminate()

    def poll(self) -> DownloadState:
        """How far it is. Does not wait, so a timer may ask often."""
        over = self._is_over()  # before the lines are taken: what comes after its end is in them
        while self._lines:
            self._take(*self._lines.popleft())
        if over and not self._state.is_over:
            self._state = replace(self._state, **self._end())
        elif self._state.phase == "downloading":
            self._state = replace(self._state, **self._speed(time.monotonic()))
        return self._state

    def _read(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        with process.stdout:
            for line in process.stdout:
                self._lines.append((time.monotonic(), line))

    def _is_over(self) -> bool:
        if self._process is None or self._reader is None:
            return False
        late = self._cancelled_at is not None and time.monotonic() > self._cancelled_at + KILL_AFTER_S
        if late and self._process.poll() is None:
            self._process.kill()
        return self._process.poll() is not None and not self._reader.is_alive()

    def _take(self, at: float, line: str) -> None:
        try:
            told = json.loads(line)
            self._state = replace(self._state, **self._news(at, told))
        except (ValueError, KeyError, TypeError):  # something that a library printed
            self._last_words = line.strip() or self._last_words

    def _news(self, at: float, told: dict[str, Any]) -> dict[str, Any]:
        """What a line of the download changes of the state."""
        match told["kind"]:
            case "plan":
                self._counted.append((at, told["bytes_here"]))
                size = {"bytes_done": told["bytes_here"], "bytes_total": told["bytes_total"]}
                return {"phase": "downloading", "files": told["files"], "free_disk_bytes": told["free_disk"], **size}
            case "progress":
                self._counted.append((at, told["bytes"]))
                return {"bytes_done": told["bytes"], "files_done": told["files_done"], "file": told["file"]}
            case "done":
                whole = {"bytes_done": self._state.bytes_total, "files_done": self._state.files}
                return {"phase": "done", "path": told["path"], "rate_bytes_s": None, "seconds_left": None, **whole}
            case _:
                return {"phase": "failed", "error": told["text"], "rate_bytes_s": None, "seconds_left": None}

    def _speed(self, now: float) -> dict[str, Any]:
        """The rate up to now, so that it falls when nothing comes any more."""
        while len(self._counted) > 2 and self._counted[1][0] < now - RATE_OVER_S:
            self._counted.popleft()
        (since, before), (_, last) = self._counted[0], self._counted[-1]
        rate = max(0.0, (last - before) / (now - since)) if now > since else 0.0
        left = (self._state.bytes_total - last) / rate if rate else None
        return {"rate_bytes_s": rate, "seconds_left": left}

    def _end(self) -> dict[str, Any]:
        """Of a download that ended without a word."""
        gone = {"rate_bytes_s": None, "seconds_left": None}
        if self._cancelled_at is not None:
            return {"phase": "cancelled", **gone}
        status = self._process.returncode if self._process else None
        said = f": {self._last_words[:300]}" if self._last_words else ""
        return {"phase": "failed", "error": f"the download ended by itself with exit status {status}{said}", **gone}
