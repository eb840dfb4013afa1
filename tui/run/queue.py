"""The queue: runs that wait for a GPU, each with a ticket in its own folder, and who may change their order."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal

from tui.resources import home
from tui.run import commands, events
from tui.run.folder import RunFolder, create_run
from tui.run.lines import append_line
from tui.run.lock import is_held
from tui.run.process import send, start_engine
from tui.run.turn import turn
from tui.session import file
from tui.session.schema import Session

Move = Literal["up", "down", "first"]


class NotWaiting(Exception):
    """The run is not in the queue (any more)."""


@dataclass(frozen=True)
class Ticket:
    """A run that waits."""

    folder: RunFolder
    place: float
    """The lowest is started first."""
    since: float
    """Seconds since 1970."""
    held: bool = False
    """Whether it waits until somebody lets it go."""
    shares: bool = False
    """Whether it may start beside another run on the same GPU, where the memory is enough for both."""
    resumes: dict[str, int | float] | None = None
    """For a run that goes on: the settings that change with it, by key. None for one that has not begun."""

    @property
    def name(self) -> str:
        return self.folder.name


def enqueue(session: Session, *, shares: bool = False) -> RunFolder:
    """Make a run that waits behind all others, and see to it that somebody starts it. Raises OSError."""
    folder = create_run(session)
    _join(Ticket(folder, 0.0, time.time(), shares=shares))
    return folder


def enqueue_again(folder: RunFolder, values: dict[str, int | float]) -> None:
    """Let a run that has ended wait to go on from its last checkpoint, with some settings changed. Raises OSError.

    Whether it can go on at all is for `going_on.why_not` to say.
    """
    if is_held(folder.lock):
        send(folder, commands.Release())  # it only keeps its model to be talked to
    _join(Ticket(folder, 0.0, time.time(), resumes=values))


def waiting() -> list[Ticket]:
    """The runs that wait, the next one first."""
    try:
        found = [ticket for path in (home() / "runs").iterdir() if (ticket := _read(RunFolder(path)))]
    except OSError:
        return []
    return sorted(found, key=lambda ticket: (ticket.place, ticket.since, ticket.name))


def move(folder: RunFolder, how: Move) -> None:
    """Let a run change places with its neighbour, or go before all others. Raises NotWaiting, OSError."""
    with _changing():
        tickets = waiting()
        names = [ticket.name for ticket in tickets]
        if folder.name not in names:
            raise NotWaiting(f"{folder.name} does not wait in the queue")
        at = names.index(folder.name)
        to = {"first": 0, "up": max(0, at - 1), "down": min(len(names) - 1, at + 1)}[how]
        tickets.insert(to, tickets.pop(at))
        for place, ticket in enumerate(tickets, 1):
            if ticket.place != place:
                _write(replace(ticket, place=float(place)))


def hold(folder: RunFolder, held: bool) -> None:
    """Keep a run waiting whatever is free, or let it go again. Raises NotWaiting, OSError."""
    with _changing():
        _write(replace(_ticket_of(folder), held=held))
    if not held:
        start_keeper()


def cancel(folder: RunFolder) -> None:
    """Take a run out of the queue; its folder stays: as one that was stopped, or as it was. Raises NotWaiting, OSError."""
    with _changing():
        _ticket_of(folder)
        if not folder.events.exists():
            append_line(folder.events, events.to_line(events.Finished(outcome="stopped")))
        folder.ticket.unlink()


def start_now(folder: RunFolder) -> None:
    """Start a waiting run at once, whatever else computes there. Raises NotWaiting, OSError."""
    ticket = _ticket_of(folder)
    if is_held(folder.lock):
        raise NotWaiting(f"{folder.name} still has an engine, which is about to end; try again")
    with taking(folder):
        set_off(ticket)


def set_off(ticket: Ticket, *, stays: bool = True) -> subprocess.Popen[bytes]:
    """Start the engine of a run that has waited; unless it `stays`, it ends with the training. Raises OSError."""
    if ticket.resumes is not None:
        send(ticket.folder, commands.Resume(values=ticket.resumes))
    if not stays:
        send(ticket.folder, commands.Release())
    return start_engine(ticket.folder)


@contextmanager
def taking(folder: RunFolder) -> Iterator[None]:
    """Take a run out of the queue to start it: nobody can move or cancel it meanwhile. Raises NotWaiting, OSError."""
    with _changing():
        _ticket_of(folder)
        yield
        folder.ticket.unlink()


@contextmanager
def nothing_to_do() -> Iterator[bool]:
    """Whether nobody waits to be started; nobody can be added until the end of the block."""
    with _changing():
        yield all(ticket.held for ticket in waiting())


def keeper_lock() -> Path:
    """The file that the process which starts the waiting runs holds."""
    return home() / "queue.lock"


def keeper_lives() -> bool:
    """Whether that process runs."""
    return is_held(keeper_lock())


def start_keeper() -> bool:
    """See to it that somebody starts the runs that wait. Returns whether any does. Raises OSError."""
    if all(ticket.held for ticket in waiting()):
        return False
    if not keeper_lives():
        log = os.open(home() / "queue.log", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            subprocess.Popen(
                [sys.executable, "-P", "-u", "-m", "tui.run.queue_keeper"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # it outlives the window and the connection, as an engine does
                cwd=home(),
            )
        finally:
            os.close(log)
    return True


def _join(ticket: Ticket) -> None:
    """Put a run behind all others, and see to it that somebody starts it."""
    with _changing():
        last = max((other.place for other in waiting()), default=0.0)
        _write(replace(ticket, place=last + 1))
    start_keeper()


def _changing() -> AbstractContextManager[None]:
    """Alone with the queue: windows, commands and the keeper change it one after the other."""
    return turn(home() / "queue.change")


def _ticket_of(folder: RunFolder) -> Ticket:
    ticket = _read(folder)
    if ticket is None:
        raise NotWaiting(f"{folder.name} does not wait in the queue")
    return ticket


def _read(folder: RunFolder) -> Ticket | None:
    """The ticket in a folder; one that is damaged waits on hold, behind the others."""
    try:
        if os.geteuid() not in (0, folder.ticket.stat().st_uid):
            return None  # nobody else starts runs in this user's name
        told = json.loads(folder.ticket.read_text(encoding="utf-8"))
        resumes = told.get("resumes")
        return Ticket(
            folder,
            float(told["place"]),
            float(told["since"]),
            bool(told["held"]),
            bool(told["shares"]),
            None if resumes is None else dict(resumes),
        )
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError, OverflowError, KeyError, TypeError, RecursionError):
        return Ticket(folder, float("inf"), 0.0, held=True)


def _write(ticket: Ticket) -> None:
    told = asdict(ticket)
    del told["folder"]
    file.write_atomic(ticket.folder.ticket, json.dumps(told))
