"""What a window knows and asks: the run it watches, the conversation, and an engine for what is not a run."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace

from tui.data.findings import Finding
from tui.data.token_findings import token_findings
from tui.run import commands, conversation, events
from tui.run.conversation import Conversation
from tui.run.folder import RunFolder, create_run
from tui.run.process import resume_run, send, start_engine
from tui.run.state import RunState, fold
from tui.run.talk import open_workbench, opening, sampling_of
from tui.run.watcher import Watcher
from tui.session import file
from tui.session.schema import Session

LOST = "the engine ended before the answer was whole"


@dataclass(frozen=True)
class View:
    """Everything a screen may show of the world outside, at one moment."""

    run_folder: RunFolder | None = None
    run_session: Session | None = None
    """What was asked of that run; None when its file is damaged."""
    run_state: RunState = RunState()  # noqa: RUF009  (frozen)
    stopping: bool = False
    """Whether this window has asked the run to stop."""
    conversation: Conversation = Conversation()  # noqa: RUF009  (frozen)
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
        self._preview_wanted = ""

    def drain(self) -> View:
        """Take in what came since the last call."""
        view = self.view
        for event in self._watcher.drain() if self._watcher else ():
            view = replace(_heard(view, event), run_state=fold(view.run_state, event))
            if _is_end(event) and view.run_folder:
                view = replace(view, conversation=conversation.given_up(view.conversation, view.run_folder.name, LOST))
        for event in self._workbench.drain() if self._workbench else ():
            view = _heard(view, event)
            if isinstance(event, events.Previewed) and event.id == self._preview_wanted:
                view = replace(view, preview=event)
            if isinstance(event, events.Inspected) and view.inspected and event.id == view.inspected.id:
                view = replace(view, inspected=event)
            if isinstance(event, events.PhaseChanged):
                view = replace(view, workbench_phase=event)
            elif _is_end(event):
                view = self._without_workbench(view, event)
        self.view = view
        return view

    def watch(self, folder: RunFolder) -> None:
        """Look at another run, from its first event on."""
        if self._watcher:
            self._watcher.stop()
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
            conversation=Conversation(),
        )
        self._watcher = Watcher(folder)
        self._watcher.start()

    def start(self, session: Session) -> None:
        """Start a run and watch it; a model that is only kept to chat with makes room. Raises OSError."""
        if self.view.run_state.chat_ready:
            self.release()
        folder = create_run(session)
        start_engine(folder)
        self.watch(folder)

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

    def say(self, text: str, voices: Sequence[events.Voice], session: Session) -> None:
        """Say something to the run's result, or without a run to the session's model. Raises OSError."""
        run = self.view.run_folder
        settings = (self.view.run_session or session) if run else session
        loaded_by = run if self.view.run_state.chat_ready else None
        model = "" if loaded_by else str(run.path) if run else session.model.name
        name = uuid.uuid4().hex
        engine = loaded_by or self._open_workbench()
        speakers = tuple(  # each goes on from what it said itself
            commands.Speaker(
                voice,
                (
                    *opening(settings.chat),
                    *self.view.conversation.messages_for(voice),
                    commands.Message("user", text),
                ),
            )
            for voice in voices
        )
        send(engine, commands.Chat(id=name, speakers=speakers, model=model, sampling=sampling_of(settings.chat)))
        talk = conversation.asked(self.view.conversation, name, text, voices, engine.name)
        self.view = replace(self.view, conversation=talk)

    def cancel_answer(self) -> None:
        """Stop the answer that is being written and keep what came. Raises OSError."""
        exchange = self.view.conversation.open_exchange
        for watcher in (self._watcher, self._workbench):
            if exchange and watcher:
                send(watcher.folder, commands.Cancel(id=exchange.id))
        self.view = replace(self.view, conversation=conversation.cancelled(self.view.conversation))

    def clear_conversation(self) -> None:
        """Begin a new conversation. Raises OSError."""
        self.cancel_answer()
        self.view = replace(self.view, conversation=Conversation())

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
        """Let the workbench go; a run stays as it is. Raises OSError."""
        if self._workbench:
            send(self._workbench.folder, commands.Release())

    def _open_workbench(self) -> RunFolder:
        if self._workbench is None:
            self._workbench = Watcher(open_workbench())
            self._workbench.start()
        return self._workbench.folder

    def _without_workbench(self, view: View, end: events.Event) -> View:
        why = end.text if isinstance(end, events.Failed) else LOST
        if self._workbench:
            talk = conversation.given_up(view.conversation, self._workbench.folder.name, why)
            view = replace(view, workbench_phase=None, conversation=talk)
            if view.inspected and not view.inspected.done:
                view = replace(view, inspected=replace(view.inspected, done=True, error=why))
            self._workbench.stop()
            self._workbench = None
        return view


def _heard(view: View, event: events.Event) -> View:
    if isinstance(event, events.Replied):
        return replace(view, conversation=conversation.fold_reply(view.conversation, event))
    return view


def _is_end(event: events.Event) -> bool:
    return isinstance(event, events.Failed) or (isinstance(event, events.EngineSeen) and not event.alive)
