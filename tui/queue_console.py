"""The queue told line by line, and changed, for terminals without a window."""

from __future__ import annotations

from collections.abc import Callable

from tui import console
from tui.run import queue
from tui.run.folder import RunFolder
from tui.run.gpu_choice import devices_here, plan
from tui.run.listing import Listing
from tui.run.queue_keeper import forecast_bytes
from tui.session.schema import Session


def show(*, as_json: bool) -> None:
    """Every run that waits, in their order, and what it waits for."""
    tickets = queue.waiting()
    if not tickets:
        console.say("nothing waits in the queue")
        return
    planned = plan(tickets, Listing().rows(), devices_here(), forecast_bytes)
    for place, (ticket, choice) in enumerate(planned, 1):
        why = choice.why_not or "starts now"
        if as_json:
            print(console.to_json({"place": place, "name": ticket.name, "on_hold": ticket.held, "waits_for": why}))
        else:
            print(console.one_line(f"{place:>3}  {ticket.name:44} {why}"))
    if not queue.keeper_lives() and not all(ticket.held for ticket in tickets):
        console.say("nobody starts them; to go on: unsloth-tui queue start")


def add(session: Session, *, shares: bool) -> None:
    """Let a session wait for its turn, and print its run's name."""
    print(queue.enqueue(session, shares=shares).name)


def start() -> None:
    """Go on with the queue, after a reboot say."""
    console.say("the queue goes on" if queue.start_keeper() else "nothing waits to be started")


def change(folder: RunFolder, do: Callable[[RunFolder], None]) -> bool:
    """Change a run's place in the queue; says why where that cannot be. Returns whether it was done."""
    try:
        do(folder)
    except queue.NotWaiting as error:
        console.say(f"unsloth-tui: {error}")
        return False
    return True
