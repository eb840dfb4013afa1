"""Whether a run that has ended can go on, and what must be out of its way."""

from __future__ import annotations

import time

from tui.run import commands, events
from tui.run.folder import RunFolder
from tui.run.handed import TASK, read_handed
from tui.run.lines import Tail
from tui.run.lock import is_held
from tui.run.process import send
from tui.run.standing import why_kept
from tui.run.state import RunState, fold
from tui.run.watcher import read_events
from tui.session import consent, file

LOOK_S = 0.1


def why_not(folder: RunFolder, steps: int | None = None) -> str:
    """What keeps a run from going on, with so many updates in all; empty when nothing does."""
    if folder.ticket.exists():
        return "it waits in the queue already"
    handed = read_handed(folder)
    if handed and handed.to == "skypilot":
        return f"it was handed to SkyPilot, which goes on with it by itself; its task is {folder.job / TASK}"
    if reason := why_kept(folder):
        return reason
    if codes := _unagreed(folder):
        return f"it would run {codes}, which nobody has agreed to on this machine; copy its session and start that"
    try:
        state = RunState()
        for event in read_events(folder, thin=True):
            state = fold(state, event)
    except OSError as error:
        return f"its events cannot be read: {error.strerror or error}"
    if is_held(folder.lock) and not state.ended:
        return "it is running"
    if not state.phases:
        return "it has never begun"
    if state.discarded:
        return "what it learned was thrown away"
    done = state.last_step.step if state.last_step else 0
    if state.status != "finished":
        return "" if steps is None or steps > done else f"it has done {done} updates already; give more with --steps"
    if steps is None or steps <= done:
        more = "give it more with --steps, which counts from its beginning"
        if state.early:
            of = f" of {state.plan.steps}" if state.plan else ""
            ended = f"it ended early, after {done}{of} updates, as nothing got better any more"
            return f"{ended}; to train on all the same, {more}"
        return f"it has done all its {done} updates; {more}"
    if not any(folder.checkpoints.glob("checkpoint-*")):
        return "it kept no checkpoint to go on from; a run keeps them when training.save_strategy is not no"
    return ""


def _unagreed(folder: RunFolder) -> str:
    """The code that the run would bring and that was not agreed to: the folder may come from somebody else."""
    try:
        return "; ".join(code.text for code in consent.unagreed(file.load(folder.session)))
    except file.SessionError:  # the engine says what is wrong with it
        return ""


def make_room(folder: RunFolder, within_s: float = 30) -> str:
    """Let the engine of an ended run go that only keeps its model to be talked to. Returns why it does not; empty else."""
    if not is_held(folder.lock):
        return ""
    try:
        send(folder, commands.Release())
    except OSError as error:
        return str(error)
    end = time.monotonic() + within_s
    while is_held(folder.lock):
        if time.monotonic() > end:
            return "its model is still in memory; try again once its answer is written"
        time.sleep(LOOK_S)
    return ""


def wait_until_it_does(folder: RunFolder, tail: Tail, within_s: float = 60) -> None:
    """Return once a new engine has said that the run goes on; `tail` has read what was told before."""
    end = time.monotonic() + within_s
    while time.monotonic() < end:
        if any(isinstance(events.from_line(line), events.Resumed) for line in tail.read()):
            return
        time.sleep(LOOK_S)
