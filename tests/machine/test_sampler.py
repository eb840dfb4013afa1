"""The window always has a reading at hand, and the thread that takes it ends when asked."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pynvml
import pytest

from tests.lab import poll
from tests.machine.test_gpu import ANSWERS, WHOLE
from tests.machine.test_gpu import driver as driver
from tui.machine import gpu, sampler
from tui.machine.readings import GpuReading


def test_the_newest_reading_is_kept_and_the_thread_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    twice = threading.Event()
    taken: list[int] = []

    def read() -> tuple[GpuReading, ...]:
        taken.append(len(taken))
        if len(taken) == 2:
            twice.set()
        return (GpuReading(taken[-1], "H200"),)

    monkeypatch.setattr(gpu, "read_gpus", read)
    thread = sampler.Sampler(0)
    assert thread.latest is None and thread.daemon
    thread.start()
    assert twice.wait(5)
    thread.stop()
    thread.join(5)
    assert not thread.is_alive()
    assert thread.latest is not None and thread.latest[0][0].index == taken[-1]


# ---- a driver that fails in the middle

ERRORS = (
    pynvml.NVML_ERROR_GPU_IS_LOST,
    pynvml.NVML_ERROR_RESET_REQUIRED,
    pynvml.NVML_ERROR_UNINITIALIZED,
    pynvml.NVML_ERROR_DRIVER_NOT_LOADED,
    pynvml.NVML_ERROR_TIMEOUT,
    pynvml.NVML_ERROR_UNKNOWN,
)
READ = [name for name in ANSWERS if name.startswith("nvmlDevice")]


@contextmanager
def sampling() -> Iterator[sampler.Sampler]:
    thread = sampler.Sampler(0.001)
    thread.start()
    yield thread
    thread.stop()
    thread.join(5)
    assert not thread.is_alive()


def reads(thread: sampler.Sampler, wanted: Any, within_s: float = 5) -> None:
    """Wait until the newest reading of the GPUs is this, or one of another kind."""
    poll(lambda: thread.latest and wanted(thread.latest[0]), within_s, f"{thread.latest}")


@pytest.mark.parametrize("name", READ)
def test_a_driver_that_fails_in_the_middle_is_read_again_once_it_answers(
    name: str, driver: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever fails of it, and however: the thread goes on, and what is missing is missing until it is there again."""
    driver()
    with sampling() as thread:
        reads(thread, lambda gpus: gpus == (WHOLE,))
        for code in ERRORS:

            def fail(*_: Any, code: int = code) -> Any:
                raise pynvml.NVMLError(code)

            monkeypatch.setattr(pynvml, name, fail)
            reads(thread, lambda gpus: gpus != (WHOLE,))
            driver()
            reads(thread, lambda gpus: gpus == (WHOLE,))


def test_a_name_that_is_no_text_is_no_reason_to_stop_reading(driver: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    driver()
    with sampling() as thread:
        monkeypatch.setattr(pynvml, "nvmlDeviceGetName", lambda _: b"\xff".decode())
        reads(thread, lambda gpus: gpus and gpus[0].name == "GPU")


def test_a_driver_that_hangs_leaves_the_last_reading(driver: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    driver()
    asked, answer = threading.Event(), threading.Event()
    with sampling() as thread:
        reads(thread, lambda gpus: gpus == (WHOLE,))

        def hang() -> int:
            asked.set()
            answer.wait(10)
            return 1

        monkeypatch.setattr(pynvml, "nvmlDeviceGetCount", hang)
        assert asked.wait(5)
        assert thread.latest is not None and thread.latest[0] == (WHOLE,)
        answer.set()
