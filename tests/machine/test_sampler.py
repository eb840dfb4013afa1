"""The window always has a reading at hand, and the thread that takes it ends when asked."""

from __future__ import annotations

import threading

import pytest

from tui.machine import sampler
from tui.machine.gpu import GpuReading


def test_the_newest_reading_is_kept_and_the_thread_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    twice = threading.Event()
    taken: list[int] = []

    def read() -> tuple[GpuReading, ...]:
        taken.append(len(taken))
        if len(taken) == 2:
            twice.set()
        return (GpuReading(taken[-1], "H200"),)

    monkeypatch.setattr(sampler, "SAMPLE_S", 0)
    monkeypatch.setattr(sampler, "read_gpus", read)
    thread = sampler.Sampler()
    assert thread.latest is None and thread.daemon
    thread.start()
    assert twice.wait(5)
    thread.stop()
    thread.join(5)
    assert not thread.is_alive()
    assert thread.latest is not None and thread.latest[0][0].index == taken[-1]
