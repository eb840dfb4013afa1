"""The queue told line by line, and changed, for terminals without a window."""

from __future__ import annotations

from collections.abc import Callable

from tui import console
from tui.run import queue
from tui.run.folder import RunFolder
from tui.run.listing import Listing
from tui.run.waiting import Outlook
from tui.session.schema import Session


def show(*, as_json: bool) -> None:
    """Every run that waits, in their order, and what it waits for."""
    found = Outlook().look(Listing().rows())
    if not found:
        console.say("nothing waits in the queue")
    for it in found:
        ticket = it.ticket
        if as_json:
            told = {"place": it.place, "name": ticket.name, "on_hold": ticket.held, "waits_for": it.why}
            print(console.to_json(told | {"goes_on": ticket.resumes is not None}))
        else:
            goes_on = "to go on; " if ticket.resumes is not None else ""
            print(console.one_line(f"{it.place:>3}  {ticket.name:44} {goes_on}{it.why}"))
    if any(not it.kept and not it.ticket.held for it in found):
        console.say("nobody starts them; to go on: unsloth-tui queue start")


def add(session: Session, *, shares: bool) -> None:
    """Let a session wait for its turn, and print its run's name."""
    print(queue.enqueue(session, shares=shares).name)


def add_again(folder: RunFolder, values: dict[str, int | float]) -> None:
    """Let a run that has ended wait to go on."""
    queue.enqueue_again(folder, values)
    waiting = [ticket.name for ticket in queue.waiting()]
    if folder.name in waiting:
        console.say(f"{folder.name} waits to go on, number {waiting.index(folder.name) + 1} in the queue")
    else:  # its turn came at once
        console.say(f"{folder.name} goes on")


def start_now(folder: RunFolder) -> bool:
    """Start a waiting run, whatever else computes; says why where it does not wait. Returns whether it was done."""
    done = change(folder, queue.start_now)
    if done:
        console.say(f"{folder.name} starts")
    return done


def start() -> None:
    """Go on with the queue, after a reboot say."""
    console.say("the queue goes on" if queue.start_keeper() else "nothing waits to be started")


def change(folder: RunFolder, do: Callable[[RunFolder], object]) -> bool:
    """Change a run's place in the queue; says why where that cannot be. Returns whether it was done."""
    try:
        do(folder)
    except queue.NotWaiting as error:
        console.say(f"unsloth-tui: {error}")
        return False
    return True
