"""Run folders made by hand."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Callable, Iterable
from pathlib import Path

import psutil
import pytest

from tui.run import events
from tui.run.folder import RunFolder, create_run
from tui.run.lock import Holder
from tui.session.file import from_table

RECORDED = Path(__file__).parent.parent / "recorded" / "demo-events.jsonl"
"""What the engine wrote in a real demo: 60 updates of SmolLM2-135M on two cores."""

MakeRun = Callable[..., RunFolder]


def write_holder(path: Path, pid: int | None = None, *, host: str = "", started: float | None = None) -> None:
    """A lock file as this process, or another one, would have written it."""
    me = psutil.Process()
    holder = Holder(pid or me.pid, me.create_time() if started is None else started, host or socket.gethostname())
    path.write_text(json.dumps(vars(holder)))


@pytest.fixture
def make_run() -> MakeRun:
    """Makes a run folder with these events, its engine alive, dead, or (None) not seen yet."""

    def make(told: Iterable[events.Event] = (), *, alive: bool | None = None, name: str = "made by hand") -> RunFolder:
        folder = create_run(from_table({"run": {"name": name}, "model": {"name": "a/b"}, "data": {"source": "x.jsonl"}}))
        folder.events.write_text("".join(map(events.to_line, told)))
        if alive is not None:
            write_holder(folder.lock, started=None if alive else 1.0)
        return folder

    return make


@pytest.fixture
def recorded() -> list[events.Event]:
    """The events of a real demo, from the first to the last."""
    told = [events.from_line(line) for line in RECORDED.read_bytes().splitlines()]
    return [event for event in told if event is not None]


@pytest.fixture
def nobody() -> int:
    """The number of a process that has ended."""
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)
    return pid
