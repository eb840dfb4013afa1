"""What a window knows and asks: the run it watches, the conversation, and an engine for what is not a run."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, replace

from tui.data.findings import Finding
from tui.data.token_findings import token_findings
from tui.run import commands, events
from tui.run.folder import RunFolder, create_run
from tui.run.partners import Around
from tui.run.process import resume_run, send, start_engine
from tui.run.spare import Spare
from tui.run.state import RunState, fold
from tui.run.talk import open_workbench
from tui.run.talk_keeper import ChatState
from tui.run.talker import Talker
from tui.run.watcher import Watcher
from tui.session import file
from tui.session.schema import Session

LOST = "the engine ended before it was done"
MOVED = "its engine made room for one on another device"


@dataclass(frozen=True)
class View:
    """Everything a screen may show of the world outside, at one moment."""

    run_folder: RunFolder | None = None
    run_session: Session | None = None
    """What was asked of that run; None when its file is damaged."""
    run_state: RunState = RunState()  # noqa: RUF009  (frozen)
    stopping: bool = False
    """Whether this window has asked the run to stop."""
    chat: ChatState = ChatState()  # noqa: RUF009  (frozen)
    workbench_phase: events.PhaseChanged | None = None
    preview: events.Previewed | None = None
    inspected: events.Inspected | None = None
    """What a look through the whole dataset has found so far."""
    inspected_session: Session | None = None
    """The session whose dataset that was."""

    def obstacles(self, session: Session) -> list[Finding]:
        """What a look through the dataset has found that keeps this session from being trained."""
        told, looked_at = self.inspected, self.inspected_session
        if told is None or looked_at is None or (looked_at.data, looked_at.model) != (session.data, session.model):
            return []
        found = [*(token_findings(told.tokens) if told.tokens else ()), *(told.lint.findings if told.lint else ())]
        return [finding for finding in found if finding.severity == "blocking"]

    @property
    def running(self) -> bool:
        """Whether the run that is watched is still at work."""
        return self.run_folder is not None and not self.run_state.ended and self.run_state.engine_alive


class Client:
    """Reads one run folder and writes requests; owns nothing but its workbench. Not thread-safe: one thread calls it."""

    def __init__(self) -> None:
        self.view = View()
        self._watcher: Watcher | None = None
        self._workbench: Watcher | None = None
        self._workbench_device = ""
        self.talker = Talker(self._open_workbench)
        """What it says shows in the view after the next `drain`."""
        self.spare = Spare()
        self._preview_wanted = ""

    def drain(self) -> View:
        """Take in what came since the last call."""
        view = self.view
        for event in self._watcher.drain() if self._watcher else ():
            if self._watcher:
                self.talker.hear(event, self._watcher.folder)
            view = replace(view, run_state=fold(view.run_state, event))
        for event in self._workbench.drain() if self._workbench else ():
            if self._workbench:
                self.talker.hear(event, self._workbench.folder)
            if isinstance(event, events.Previewed) and event.id == self._preview_wanted:
                view = replace(view, preview=event)
            if isinstance(event, events.Inspected) and view.inspected and event.id == view.inspected.id:
                view = replace(view, inspected=event)
            if isinstance(event, events.PhaseChanged):
                view = replace(view, workbench_phase=event)
            elif isinstance(event, events.Failed) or (isinstance(event, events.EngineSeen) and not event.alive):
                view = self._without_workbench(view, event)
        self.view = replace(view, chat=self.talker.state)
        return self.view

    def watch(self, folder: RunFolder) -> None:
        """Look at another run, from its first event on."""
        if self._watcher:
            self._watcher.stop()
            self.talker.lost(self._watcher.folder.name, "another run was opened before the answer was whole")
        self.talker.begin_anew()
        try:
            session = file.load(folder.session)
        except file.SessionError:
            session = None
        self.view = replace(
            self.view,
            run_folder=folder,
            run_session=session,
            run_state=RunState(),
            stopping=False,
        )
        self._watcher = Watcher(folder)
        self._watcher.start()

    def start(self, session: Session) -> None:
        """Start a run and watch it; a model that is only kept to chat with makes room. Raises OSError."""
        if self.view.run_state.chat_ready:
            self.release()
        folder = create_run(session)
        if not self.spare.become(folder, session):
            start_engine(folder)
        self.watch(folder)

    def prepare(self, session: Session) -> None:
        """A session looks ready: have an engine that waits for its run, unless another is at work. Raises OSError."""
        if not self.view.running:
            self.spare.prepare(session)

    def resume(self, folder: RunFolder, values: dict[str, int | float]) -> None:
        """Let a run that has ended go on from its last checkpoint, and watch it. Raises OSError."""
        resume_run(folder, values)
        self.watch(folder)

    def order(self, order: commands.Command) -> None:
        """Ask something of the run that is watched. Raises OSError."""
        if self.view.run_folder:
            send(self.view.run_folder, order)

    def stop(self) -> None:
        """Ask the run to stop and to save what it has learned. Raises OSError."""
        if self.view.run_folder:
            send(self.view.run_folder, commands.Stop())
            self.view = replace(self.view, stopping=True)

    def release(self) -> None:
        """Give the GPU back, once the run has ended. Raises OSError."""
        if self.view.run_folder and self.view.run_state.ended:
            send(self.view.run_folder, commands.Release())

    def around(self, session: Session) -> Around:
        """What stands around the chat while this session is being made."""
        return Around(self.view.run_folder, self.view.run_state, self.view.run_session, session)

    def preview(self, row: int, session: Session, *, tokens: bool = True) -> None:
        """Ask for a row of the session's dataset, and for its tokens as they are trained on. Raises OSError."""
        self._preview_wanted = uuid.uuid4().hex
        self.view = replace(self.view, preview=None)
        wanted = commands.Preview(id=self._preview_wanted, row=row, session=file.dumps(session), tokens=tokens)
        send(self._open_workbench(), wanted)

    def inspect(self, session: Session) -> None:
        """Ask for a look through the session's whole dataset. Raises OSError."""
        wanted = commands.Inspect(id=uuid.uuid4().hex, session=file.dumps(session))
        self.view = replace(self.view, inspected=events.Inspected(id=wanted.id), inspected_session=session)
        send(self._open_workbench(), wanted)

    def cancel_inspection(self) -> None:
        """End that look and keep what it has found. Raises OSError."""
        if self.view.inspected and self._workbench:
            send(self._workbench.folder, commands.Cancel(id=self.view.inspected.id))

    def close(self) -> None:
        """Let workbench and spare engine go; a run stays as it is. Raises OSError."""
        for watcher in (self._watcher, self._workbench):
            if watcher:
                watcher.stop()
        self.spare.release()
        if self._workbench:
            send(self._workbench.folder, commands.Release())

    def _open_workbench(self, device: str | None = None) -> RunFolder:
        """The engine for what is not a run, on a device; None for whichever there is. One makes room for another."""
        if self._workbench and device not in (None, self._workbench_device):
            send(self._workbench.folder, commands.Release())
            self.talker.lost(self._workbench.folder.name, MOVED)
            self.view = self._without_workbench(self.view, events.EngineSeen(alive=False))
        if self._workbench is None:
            self._workbench_device = device or "auto"
            self._workbench = Watcher(open_workbench(self._workbench_device))
            self._workbench.start()
        return self._workbench.folder

    def _without_workbench(self, view: View, end: events.Event) -> View:
        if self._workbench:
            view = replace(view, workbench_phase=None)
            if view.inspected and not view.inspected.done:
                why = end.text if isinstance(end, events.Failed) else LOST
                view = replace(view, inspected=replace(view.inspected, done=True, error=why))
            self._workbench.stop()
            self._workbench = None
        return view
