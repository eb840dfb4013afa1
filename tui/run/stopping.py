"""Ending a run: by asking its engine, and elsewhere by cancelling a job that has not begun or does not hear or answer."""

from __future__ import annotations

import time

from tui.run import commands
from tui.run.folder import RunFolder
from tui.run.handed import Handed, read_handed, write_handed
from tui.run.lines import Tail
from tui.run.process import send
from tui.run.standing import Standing, cancel, name_of, say_ended, standing

ANSWER_S = 60.0
"""A job that was asked to stop and goes on for so long is cancelled when it is asked again."""


def stop(folder: RunFolder, *, discard: bool = False) -> str:
    """End a run that goes on or waits elsewhere; what was done, in words. Raises OSError (JobError is one)."""
    handed, there = read_handed(folder), standing(folder)
    if handed is None or there is None or not there.active:
        send(folder, commands.Stop(discard=discard))
        return f"{folder.name} was asked to stop"
    if not handed.id:
        write_handed(folder, Handed(handed.to, end="NOT SUBMITTED"))
        say_ended(folder, "stopped")
        return f"{folder.name} was not submitted yet, and will not be any more"
    if there.queued or handed.to == "skypilot":
        return _cancelled(folder, handed, there)
    asked_s = _asked_for_s(folder)
    if asked_s is not None and asked_s >= ANSWER_S:
        by = cancel(handed)
        return f"{folder.name} has not stopped {asked_s:.0f} s after it was asked to: {by} {handed.id} has ended its job"
    send(folder, commands.Stop(discard=discard))
    return f"{folder.name} was asked to stop; if it has not in a minute, ask again: then {name_of(handed)} is cancelled"


def question(folder: RunFolder, *, waits: bool) -> tuple[str, str]:
    """What is asked before a run is stopped in the window, and the word that does it."""
    handed = read_handed(folder)
    if handed and waits:
        return f"Give up {folder.name}? Its job waits, and will not begin any more. Checkpoints stay.", "Give it up"
    if handed and handed.to == "skypilot":
        return f"End {folder.name} in SkyPilot? What it has learned since its last checkpoint is lost.", "End it"
    return f"Stop {folder.name} after this update and save what it has learned?", "Stop and save"


def _cancelled(folder: RunFolder, handed: Handed, there: Standing) -> str:
    by = cancel(handed)
    say_ended(folder, "stopped")
    return f"{there.text}: it was cancelled ({by} {handed.id})"


def _asked_for_s(folder: RunFolder) -> float | None:
    """How long ago the engine that works now was first asked to stop; None where it was not."""
    since: float | None = None
    for line in Tail(folder.commands).read():
        match commands.from_line(line):
            case commands.Resume():
                since = None
            case commands.Stop(time=asked):
                since = asked if since is None else since
    return None if since is None else time.time() - since
