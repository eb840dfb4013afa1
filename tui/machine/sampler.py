"""Reads the box once a second in a thread of its own, because a driver can take its time."""

from __future__ import annotations

import threading

from tui.machine.gpu import GpuReading, read_gpus
from tui.machine.host import HostReading, read_host

SAMPLE_S = 1.0


class Sampler(threading.Thread):
    """Keeps the newest reading in `latest`."""

    def __init__(self) -> None:
        super().__init__(name="sampler", daemon=True)
        self.latest: tuple[tuple[GpuReading, ...], HostReading] | None = None
        self._until = threading.Event()

    def run(self) -> None:
        while not self._until.is_set():
            self.latest = (read_gpus(), read_host())
            self._until.wait(SAMPLE_S)

    def stop(self) -> None:
        """End the thread at its next look."""
        self._until.set()
