"""A measurement of settings that a window has asked for: an engine of its own, what it has said, and its end."""

from __future__ import annotations

import uuid
from contextlib import suppress
from dataclasses import replace

from tui.run import commands, events
from tui.run.fit_events import Fitted
from tui.run.fits import keep
from tui.run.process import send
from tui.run.talk import open_workbench
from tui.run.watcher import Watcher
from tui.session import file
from tui.session.schema import Session


class Fitter:
    """One measurement. Not thread-safe: one thread calls it."""

    def __init__(self, session: Session) -> None:
        """Start the engine and ask it. Raises OSError."""
        self.session = session
        self.told = Fitted(id=uuid.uuid4().hex)
        self.phase = events.PhaseChanged(phase="starting", text="starting the engine")
        self.watcher = Watcher(open_workbench(session.model.device))
        send(self.watcher.folder, commands.Fit(id=self.told.id, session=file.dumps(session)))
        self.watcher.start()

    def drain(self) -> Fitted:
        """Take in what came since the last call."""
        for event in self.watcher.drain():
            match event:
                case Fitted(id=self.told.id):
                    self.told = event
                case events.PhaseChanged():
                    self.phase = event
                case events.Failed(text=text) | events.EngineSeen(alive=False, reason=text) if not self.told.done:
                    self.told = replace(self.told, done=True, error=text)
        return self.told

    def stop(self) -> None:
        """Ask for an end with the best so far. Raises OSError."""
        send(self.watcher.folder, commands.Cancel(id=self.told.id))

    def close(self) -> None:
        """Keep what was measured and end the engine, which frees the GPU; one that cannot be told ends with this process."""
        self.watcher.stop()
        if self.told.error or not self.told.done:  # else the engine has kept it
            keep(self.session, self.told)
        with suppress(OSError):
            send(self.watcher.folder, commands.Release())
