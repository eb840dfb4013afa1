"""What the engine's main thread tells its worker thread."""

from __future__ import annotations

import queue
import threading
import time
from typing import Literal

from tui.run.commands import (
    AnswerSet, Change, Chat, Checkpoint, Evaluate, Fit, Inspect, Pause, Preview, Sample, ShowPrompt, Stop,
)  # fmt: skip

Stage = Literal["preparing", "training", "idle", "leaving"]
Job = Chat | ShowPrompt | AnswerSet | Preview | Inspect | Fit
Order = Checkpoint | Evaluate | Sample | Change | Stop | Pause


class Control:
    """Shared by the two threads of an engine; every method may be called from either."""

    def __init__(self, shared: bool = False) -> None:
        self.shared = shared
        """Whether several processes have to obey at the same update."""
        self.stop: Stop | None = None
        self.paused = False
        self.step = 0
        """Updates done."""
        self.usual_s = 0.0
        """How long an update takes of late; 0 before the first."""
        self.pulse: float | None = None
        """When the update that is due last showed a sign of life, by time.monotonic; None while none is due."""
        self.released = threading.Event()
        self.cancelled: set[str] = set()
        self._jobs: queue.SimpleQueue[Job] = queue.SimpleQueue()
        self._orders: queue.SimpleQueue[Order] = queue.SimpleQueue()
        self._stage: Stage = "preparing"
        self._asked_to_leave = False
        self._lock = threading.Lock()

    @property
    def leaving(self) -> bool:
        """Whether the training is to end as soon as it can."""
        return self.paused or self.stop is not None

    @property
    def is_to_leave(self) -> bool:
        """Whether somebody has asked for that, even if not every process has heard of it."""
        return self.leaving or self._asked_to_leave

    def ask(self, wish: Stop | Pause) -> None:
        """Stop or pause: now, or where that is shared, once all processes have heard of it."""
        with self._lock:
            self._asked_to_leave = True
            if self.shared:
                self.order(wish)
            else:
                self.obey(wish)

    def obey(self, wish: Stop | Pause) -> None:
        """Stop or pause."""
        if isinstance(wish, Stop):
            self.stop = wish
        else:
            self.paused = True

    def be_alone(self) -> None:
        """Obey at once from now on: the other processes have done their part."""
        with self._lock:
            self.shared = False
            for order in self.orders():
                if isinstance(order, Stop | Pause):
                    self.obey(order)

    @property
    def stage(self) -> Stage:
        return self._stage

    def enter(self, stage: Stage) -> None:
        """Say what the worker does now. Never returns once the engine is leaving."""
        with self._lock:
            if self._stage != "leaving":
                self._stage = stage
                return
        threading.Event().wait()

    def leave(self, stage: Stage) -> bool:
        """Claim the end of the process if the worker is in that stage; afterwards it enters no other."""
        with self._lock:
            if self._stage != stage:
                return False
            self._stage = "leaving"
            return True

    def unwanted(self, id: str) -> bool:
        """Whether the job of that name was cancelled, or all of them with the engine."""
        return id in self.cancelled or self.released.is_set()

    def order(self, command: Order) -> None:
        """Something that is done at the next update."""
        self._orders.put(command)

    def orders(self) -> list[Order]:
        """What has been ordered since the last call."""
        found = []
        while True:
            try:
                found.append(self._orders.get_nowait())
            except queue.Empty:
                return found

    def add(self, job: Job) -> None:
        self._jobs.put(job)

    def next_job(self, within_s: float) -> Job | None:
        """The next job, or None once `within_s` seconds have passed or the engine is released."""
        end = time.monotonic() + within_s
        while not self.released.is_set() and time.monotonic() < end:
            try:
                return self._jobs.get(timeout=0.1)
            except queue.Empty:
                continue
        return None
