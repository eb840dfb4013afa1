"""``python -m tui.run.queue_keeper``: starts the runs that wait, one after the other, until none does."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from contextlib import suppress
from dataclasses import replace

from tui.resources import home
from tui.run import events, queue
from tui.run.assigned import assign, assigned
from tui.run.forecast import CONTEXT_BYTES
from tui.run.gpu_choice import NO_GPU, Device, devices_here, plan
from tui.run.lines import append_line
from tui.run.listing import Listing, RunRow
from tui.run.lock import LockHeld, acquire, is_held
from tui.run.preflight import investigate
from tui.run.queue import NotWaiting, Ticket
from tui.session import file

LOOK_S = 2.0
MOST_FAILURES = 30
"""After so many looks in a row that failed, the keeper ends, and whoever looks at the queue is told that nobody keeps it."""


class Keeper:
    """Looks at the queue and at the GPUs again and again; the engines it starts do not need it."""

    def __init__(self) -> None:
        self.listing = Listing()
        self.engines: list[subprocess.Popen[bytes]] = []
        self.needed: dict[str, float | None] = {}
        """What each run will take, where that can be told."""

    def look(self) -> None:
        """Start whatever can start now."""
        self.engines = [engine for engine in self.engines if engine.poll() is None]  # an ended child must be fetched
        rows = self.listing.rows()
        devices = [self.less_promised(device, rows) for device in devices_here()]
        for ticket, choice in plan(queue.waiting(), rows, devices, self.needed_bytes):
            if choice.devices and not is_held(ticket.folder.lock):  # else it is about to free its model, and then goes on
                self.start(ticket, [device.name for device in choice.devices])

    def start(self, ticket: Ticket, names: list[str]) -> None:
        """Start a run on these devices; one that cannot be started has failed, and the next one has its turn."""
        folder = ticket.folder
        with suppress(NotWaiting), queue.taking(folder):  # somebody may have cancelled it just now
            try:
                assign(folder, names)
                # nobody waits to talk to its result: the GPU is for the next run as soon as this one has ended
                self.engines.append(queue.set_off(ticket, stays=False))
                print(f"{time.strftime('%F %T')} {folder.name} starts on {', '.join(names)}")
            except OSError as error:
                print(f"{time.strftime('%F %T')} {folder.name} cannot be started: {error}")
                failure = events.Failed(code="error", text=f"the engine could not be started: {error}")
                append_line(folder.events, events.to_line(failure))

    def needed_bytes(self, ticket: Ticket) -> float | None:
        """The memory that a run will take on its GPU; None where there is no GPU or that cannot be told."""
        if ticket.name not in self.needed:
            self.needed[ticket.name] = forecast_bytes(ticket)
        return self.needed[ticket.name]

    def less_promised(self, device: Device, rows: list[RunRow]) -> Device:
        """The device without the memory that runs which were just started there have yet to take."""
        if device.free_bytes is None:
            return device
        starting = [
            row
            for row in rows
            if row.alive and not row.place and not row.step and device.name in assigned(row.folder).split(",")
        ]
        promised = sum(self.needed.get(row.name) or 0.0 for row in starting)
        return replace(device, free_bytes=device.free_bytes - int(promised))


def forecast_bytes(ticket: Ticket) -> float | None:
    """The memory that a run will take on its GPU; None where there is no GPU or that cannot be told."""
    if devices_here()[0].name == NO_GPU:
        return None
    try:
        session = file.load(ticket.folder.session)
        ahead = investigate(session).ground.forecast(session)
    except (file.SessionError, OSError):
        return None
    return ahead.total_bytes + CONTEXT_BYTES if ahead else None


def main() -> None:
    """Keep the queue until nobody waits in it; another keeper's lock ends this one at once."""
    os.umask(0o077)
    home().mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        lock = acquire(queue.keeper_lock())
    except LockHeld:
        sys.exit(0)
    keeper, pause, failed = Keeper(), threading.Event(), 0
    while True:
        try:
            keeper.look()
            failed = 0
        except OSError as error:  # a full disk or a network drive that is away: the next look may do better
            print(f"{time.strftime('%F %T')} {error}")
        except Exception as error:  # so may it after a driver that answers nonsense
            failed += 1
            if failed > MOST_FAILURES:
                raise
            print(f"{time.strftime('%F %T')} {type(error).__name__}: {error}")
        with queue.nothing_to_do() as idle:
            if idle:
                os.close(lock)  # before anybody can be added, who then starts another keeper
                break
        pause.wait(LOOK_S)


if __name__ == "__main__":
    main()
