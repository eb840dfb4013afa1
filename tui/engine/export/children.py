"""The child processes of an export, in which heavy libraries are loaded: how they are started, ended and listened to."""

from __future__ import annotations

import ctypes
import json
import os
import signal
import subprocess
import sys
import traceback
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tui.engine.failures import explain, is_out_of_memory
from tui.engine.supervise import PR_SET_PDEATHSIG
from tui.run.folder import RunFolder
from tui.words import ended

POLL_S = 0.2


class ExportFailed(Exception):
    """An export cannot be made: what is wrong, and what to do."""

    def __init__(self, text: str, advice: str = "", *, memory: bool = False) -> None:
        super().__init__(text)
        self.text, self.advice, self.memory = text, advice, memory


@dataclass(frozen=True)
class Child:
    """One step of an export in a process of its own."""

    module: str
    folder: RunFolder
    """Of the job."""
    place: Path
    """Where the export lies until it is whole."""

    @property
    def answer(self) -> Path:
        """Where it leaves what came of it."""
        return self.folder.path / f"{self.module.rpartition('.')[2]}.json"

    def work(self, environment: Mapping[str, str], meanwhile: Callable[[], None]) -> Any:
        """Let it work, and return what it answers. Raises ExportFailed, and what `meanwhile` raises to end it."""
        self.answer.unlink(missing_ok=True)
        process = subprocess.Popen(
            [sys.executable, "-P", "-u", "-m", self.module, str(self.folder.path), str(self.place)],
            stdin=subprocess.DEVNULL,
            start_new_session=True,  # so that it can be ended together with whatever it has started
            env=os.environ | environment,
        )
        try:
            while True:
                with suppress(subprocess.TimeoutExpired):
                    process.wait(POLL_S)
                    break
                meanwhile()
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        return self._heard(process.returncode)

    def _heard(self, code: int) -> Any:
        try:
            told = json.loads(self.answer.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            advice = "most likely the memory of the box ran out" if -code == signal.SIGKILL else "engine.log says more"
            raise ExportFailed(f"the process that does this {ended(code)}", advice, memory=-code == signal.SIGKILL) from None
        if "failed" in told:
            raise ExportFailed(**told["failed"])
        return told["answer"]


def answering(module: str, do: Callable[[RunFolder, Path], Any]) -> None:
    """The whole of a child process: do its step with the folders it is given, and leave behind what came of it."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    child = Child(module, RunFolder(Path(sys.argv[1])), Path(sys.argv[2]))
    try:
        told: dict[str, Any] = {"answer": do(child.folder, child.place)}
    except ExportFailed as error:
        traceback.print_exception(error)
        told = {"failed": {"text": error.text, "advice": error.advice, "memory": error.memory}}
    except Exception as error:
        failure = explain(error)
        told = {"failed": {"text": failure.text, "advice": failure.advice, "memory": is_out_of_memory(error)}}
    child.answer.write_text(json.dumps(told), encoding="utf-8")
    sys.stdout.flush()
    os._exit(0)  # libraries leave threads behind that would keep the process, and the GPU
