"""A conversation with an engine, whether it has just trained the model or loads it for this."""

from __future__ import annotations

import os
import threading
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import fields

from tui.run import commands, events
from tui.run.folder import RunFolder, create_workbench
from tui.run.process import send, start_engine
from tui.run.watcher import follow, read_state
from tui.session.sections.chat import ChatSection


def open_workbench(device: str = "auto") -> RunFolder:
    """Start an engine that belongs to this process and ends with it, on ``cpu`` or GPUs by number. Raises OSError."""
    folder = create_workbench()
    start_engine(folder, owner=os.getpid(), device=device)
    return folder


def engine_for(run: RunFolder | None) -> tuple[RunFolder, str]:
    """Where to ask for an answer of a run, and the model to name there: empty when the run's own engine has it loaded."""
    if run is not None and read_state(run).chat_ready:
        return run, ""
    return open_workbench(), str(run.path) if run else ""


def sampling_of(chat: ChatSection) -> commands.Sampling:
    """The sampling settings of a session."""
    return commands.Sampling(**{field.name: getattr(chat, field.name) for field in fields(commands.Sampling)})


def opening(chat: ChatSection) -> tuple[commands.Message, ...]:
    """What stands before each conversation."""
    return (commands.Message("system", chat.system_prompt),) if chat.system_prompt else ()


def request(
    messages: Sequence[commands.Message], voice: events.Voice, chat: ChatSection, model: str = "", id: str = ""
) -> commands.Chat:
    """A chat command for one voice with the settings of a session, and a name of its own unless one is given."""
    speaker = commands.Speaker(voice, (*opening(chat), *messages))
    return commands.Chat(id=id or uuid.uuid4().hex, speakers=(speaker,), model=model, sampling=sampling_of(chat))


def look_through(folder: RunFolder, wanted: commands.Inspect) -> Iterator[events.Event]:
    """Ask for a look through a dataset, and yield what the engine says about it: phases, what is found, or its end."""
    send(folder, wanted)
    for event in _hear_about(folder, wanted):
        yield event
        if isinstance(event, events.Inspected) and event.done:
            return


def hear_fit(folder: RunFolder, wanted: commands.Fit) -> Iterator[events.Event]:
    """Yield what the engine says about a measurement of settings that it was asked for: what is found, or its end."""
    for event in _hear_about(folder, wanted):
        yield event
        if isinstance(event, events.Fitted) and event.done:
            return


def ask(folder: RunFolder, chat: commands.Chat) -> Iterator[events.Event]:
    """Ask, and yield what the engine says about it: phases, pieces of the answer, or its end."""
    open_voices = {speaker.voice for speaker in chat.speakers}
    send(folder, chat)
    for event in _hear_about(folder, chat):
        yield event
        if isinstance(event, events.Replied) and event.done:
            open_voices.discard(event.voice)
            if not open_voices:
                return


def _hear_about(
    folder: RunFolder, wanted: commands.Inspect | commands.Fit | commands.Chat | commands.AnswerSet | commands.ShowPrompt
) -> Iterator[events.Event]:
    """Yield what is said about something that was asked for, until nobody listens or the engine is gone."""
    until = threading.Event()
    try:
        for event in follow(folder, until, thin=True):
            match event:
                case (
                    events.Inspected(id=wanted.id)
                    | events.Replied(id=wanted.id)
                    | events.Answered(id=wanted.id)
                    | events.PromptShown(id=wanted.id)
                    | events.Fitted(id=wanted.id)
                ):
                    yield event
                case events.PhaseChanged() | events.ModelReady() if event.time >= wanted.time:
                    yield event
                case events.Failed() if event.time < wanted.time:
                    pass  # of an earlier engine of this run
                case events.EngineSeen(alive=False) | events.Failed():
                    yield event
                    return
    finally:
        until.set()
