"""Ending a run: by asking its engine, and in Slurm by cancelling a job that has not begun or does not answer."""

from __future__ import annotations

import time

from tui.run import commands, events
from tui.run.folder import RunFolder
from tui.run.handed import Handed, cancel, read_handed, standing, write_handed
from tui.run.lines import Tail, append_line
from tui.run.process import send

ANSWER_S = 60.0
"""A job that was asked to stop and goes on for so long is cancelled when it is asked again."""


def stop(folder: RunFolder, *, discard: bool = False) -> str:
    """End a run that goes on or waits in Slurm; what was done, in words. Raises OSError (SlurmError is one)."""
    handed, there = read_handed(folder), standing(folder)
    if handed is None or handed.to != "slurm" or there is None or not there.active:
        send(folder, commands.Stop(discard=discard))
        return f"{folder.name} was asked to stop"
    if not handed.id:
        write_handed(folder, Handed("slurm", end="NOT SUBMITTED"))
        _say_stopped(folder)
        return f"{folder.name} was not submitted yet, and is not any more to be"
    if there.queued:
        cancel(handed)
        _say_stopped(folder)
        return f"{there.text}: it was cancelled (scancel {handed.id})"
    asked_s = _asked_for_s(folder)
    if asked_s is not None and asked_s >= ANSWER_S:
        cancel(handed)
        return f"{folder.name} has not stopped {asked_s:.0f} s after it was asked to: scancel {handed.id} has ended its job"
    send(folder, commands.Stop(discard=discard))
    return f"{folder.name} was asked to stop; if it has not in a minute, ask again: then Slurm job {handed.id} is cancelled"


def _say_stopped(folder: RunFolder) -> None:
    """A run that never began has nobody to say so itself; one that had is as it was left."""
    if not folder.events.exists():
        append_line(folder.events, events.to_line(events.Finished(outcome="stopped")))


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
