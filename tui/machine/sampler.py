"""Reads the box once a second in a thread of its own, because a driver can take its time."""

from __future__ import annotations

import threading

from tui.machine.readings import GpuReading, HostReading

SAMPLE_S = 1.0


class Sampler(threading.Thread):
    """Keeps the newest reading in `latest`; a driver that hangs leaves the last one there."""

    def __init__(self, every_s: float = SAMPLE_S) -> None:
        super().__init__(name="sampler", daemon=True)
        self.every_s = every_s
        self.latest: tuple[tuple[GpuReading, ...], HostReading] | None = None
        self._until = threading.Event()

    def run(self) -> None:
        from tui.machine.gpu import read_gpus  # whose library the first picture need not wait for
        from tui.machine.host import read_host

        while not self._until.is_set():
            self.latest = (read_gpus(), read_host())
            self._until.wait(self.every_s)

    def stop(self) -> None:
        """End the thread at its next look."""
        self._until.set()
