"""What the runs in the queue wait for, as a window or a command line tells it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tui.run import queue
from tui.run.gpu_choice import devices_here, plan
from tui.run.listing import RunRow
from tui.run.queue import Ticket
from tui.run.queue_keeper import forecast_bytes

STARTS = "starts now"


@dataclass(frozen=True)
class Waiting:
    """A run in the queue, as it stands now."""

    ticket: Ticket
    place: int
    """Its turn, counted from 1."""
    of: int
    """How many wait."""
    why: str
    """What it waits for."""
    kept: bool
    """Whether there is somebody who starts it when its turn comes."""


class Outlook:
    """Looks at the queue again and again; what a run will take of a GPU is found out only once."""

    def __init__(self) -> None:
        self._needed: dict[str, float | None] = {}

    def look(self, rows: Sequence[RunRow]) -> list[Waiting]:
        """Every run that waits, the next one first; `rows` are all runs there are. Takes a moment for a new one."""
        tickets = queue.waiting()
        if not tickets:
            return []
        planned, kept = plan(tickets, rows, devices_here(), self._needed_bytes), queue.keeper_lives()
        return [
            Waiting(ticket, place, len(planned), choice.why_not or STARTS, kept)
            for place, (ticket, choice) in enumerate(planned, 1)
        ]

    def _needed_bytes(self, ticket: Ticket) -> float | None:
        if ticket.name not in self._needed:
            self._needed[ticket.name] = forecast_bytes(ticket)
        return self._needed[ticket.name]
