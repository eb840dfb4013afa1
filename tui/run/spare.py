"""A spare engine of a window: it imports the libraries while a session is still being made, and becomes the run's engine."""

from __future__ import annotations

import os
import subprocess

import psutil

from tui.run import commands
from tui.run.folder import RunFolder, create_workbench
from tui.run.process import device_variables, send, start_engine
from tui.run.watcher import read_state
from tui.session.schema import Session

NEEDED_BYTES = 6 << 30
"""Free memory of the box without which none is started: the libraries alone take more than one of them."""


class Spare:
    """At most one engine that waits. It ends with this process unless it has become a run's. Not thread-safe."""

    def __init__(self) -> None:
        self.folder: RunFolder | None = None
        """Where it waits; None without one."""
        self._process: subprocess.Popen[bytes] | None = None
        self._environment: dict[str, str] = {}

    def prepare(self, session: Session) -> None:
        """Have one for a run of this session, unless one that was started has ended by itself. Raises OSError."""
        if not may_begin_warm(session):
            return
        wanted = _environment(session)
        if self._process and (self._process.poll() is not None or wanted == self._environment):
            return
        self.release()
        if psutil.virtual_memory().available >= NEEDED_BYTES:
            self.folder, self._environment = create_workbench(), wanted
            self._process = start_engine(self.folder, owner=os.getpid(), device=session.model.device, spare=True)

    @property
    def ready(self) -> bool:
        """Whether it has imported everything."""
        return self.folder is not None and read_state(self.folder).phase == "ready"

    def become(self, run: RunFolder, session: Session) -> bool:
        """Let it become the engine of a run, if it is there and was started as that engine would be. Raises OSError."""
        if self.folder is None or self._process is None or self._process.poll() is not None:
            return False
        if not may_begin_warm(session) or _environment(session) != self._environment:
            return False
        send(self.folder, commands.Become(run=str(run.path)))
        self.folder = self._process = None
        return True

    def release(self) -> None:
        """Let it go, unused. Raises OSError."""
        if self.folder:
            send(self.folder, commands.Release())
        self.folder = self._process = None


def may_begin_warm(session: Session) -> bool:
    """Whether a session sets nothing before the import of the libraries that they or its own code might read there."""
    own_code = session.training.custom_loss or session.model.trust_remote_code
    alone = session.cluster.nproc_per_node == 1
    return alone and not own_code and session.training.report_to == "none" and "gguf" not in session.export.kinds


def _environment(session: Session) -> dict[str, str]:
    return os.environ | device_variables(session.model.device)
