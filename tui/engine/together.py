"""What the processes of one run tell each other, through the store by which they meet."""

from __future__ import annotations

import json
import os
import socket
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from tui.engine.control import Control, Order
from tui.run import commands

FOREVER = timedelta(days=3650)
"""Whoever waits for a process that is gone is ended by the agent."""
LATE = 10_000
"""So many agreements later nobody reads an earlier one any more."""


class Together:
    """The processes of a run as one of them sees them; of a run with one, everything is agreed at once.

    Who is who comes from the environment that torchrun makes (RANK, LOCAL_RANK, WORLD_SIZE). The worker threads of all
    processes call `agree`, `gather` and `first_here` in the same order; `post` and `posted` are for any thread.
    """

    def __init__(self) -> None:
        self.rank, self.size = int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))
        self.local_rank, self.node = int(os.environ.get("LOCAL_RANK", "0")), os.environ.get("GROUP_RANK", "0")
        self._connecting, self._connections = threading.Lock(), list[Any]()
        # the store of an agent outlives the processes, and so does what earlier ones said there
        self._agents = os.environ.get("TORCHELASTIC_USE_AGENT_STORE") == "True"
        self._prefix = f"tui/{os.environ.get('TORCHELASTIC_RESTART_COUNT', '0')}" if self._agents else "tui"
        self._count = 0

    @property
    def leads(self) -> bool:
        """Whether it is the one that writes and hears."""
        return self.rank == 0

    @property
    def name(self) -> str:
        """The process as people count: ``process 2 of 4``, and where it runs when that may be elsewhere."""
        elsewhere = f" on {socket.gethostname()}" if self.node != "0" else ""
        return f"process {self.rank + 1} of {self.size}{elsewhere}"

    def agree(self, value: Any = None) -> Any:
        """What the leading process says here; it must be what JSON can hold."""
        if self.size == 1:
            return value
        key = self._next()
        if not self.leads:
            return json.loads(self._store.get(key))
        self._store.set(key, json.dumps(value))
        if self._count > LATE:
            self._store.delete_key(f"{self._prefix}/{self._count - LATE}")
        return value

    def gather(self, value: Any) -> list[Any]:
        """What each process says here, in the order of their ranks."""
        if self.size == 1:
            return [value]
        key = self._next()
        self._store.set(f"{key}/{self.rank}", json.dumps(value))
        return [json.loads(self._store.get(f"{key}/{rank}")) for rank in range(self.size)]

    def first_here(self, do: Callable[[], Any]) -> Any:
        """Let the first process of each machine do it, then the others, which find what the first has left on the disk."""
        if self.size == 1:
            return do()
        key = f"{self._next()}/{self.node}"
        if self.local_rank:
            self._store.get(key)
            return do()
        done = do()
        self._store.set(key, "true")
        return done

    def post(self, name: str, value: Any) -> None:
        """Say something once and for all; of several that say it the first one counts."""
        self._board.compare_set(f"{self._prefix}/{name}", "", json.dumps(value))

    def posted(self, name: str) -> Any:
        """What was said under that name; None while nobody has."""
        key = f"{self._prefix}/{name}"
        if not self._connections or not self._board.check([key]):
            return None
        return json.loads(self._board.get(key))

    def _next(self) -> str:
        self._count += 1
        return f"{self._prefix}/{self._count}"

    @property
    def _store(self) -> Any:
        """The worker thread's connection, on which it may wait for long."""
        return self._connected()[0]

    @property
    def _board(self) -> Any:
        """The connection for what is posted, on which nobody waits: whoever does holds it."""
        return self._connected()[1]

    def _connected(self) -> list[Any]:
        with self._connecting:
            if not self._connections:
                self._connections = [self._connect(), self._connect()]
        return self._connections

    def _connect(self) -> Any:
        """A connection to the agent's store, or else to that of the leading process, which torch then uses as well."""
        from torch._C._distributed_c10d import TCPStore

        where = os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"])
        hosts = self.leads and not self._agents
        return TCPStore(*where, is_master=hosts, wait_for_workers=False, timeout=FOREVER, multi_tenant=hosts)


def hear(control: Control, together: Together) -> list[Order]:
    """What was asked for since the last call, the same in all processes; a stop or a pause is obeyed at once."""
    if together.size == 1:
        return control.orders()
    found: list[Order] = []
    for line in together.agree([commands.to_line(order) for order in control.orders()]):
        order: Any = commands.from_line(line)
        if isinstance(order, commands.Stop | commands.Pause):
            control.obey(order)
        else:
            found.append(order)
    return found
