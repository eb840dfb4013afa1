"""A GPU is shown with what its driver tells, and each thing that it does not tell is missing by itself."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import psutil
import pynvml
import pytest

from tui.machine import gpu
from tui.machine.gpu import read_gpus
from tui.machine.readings import GpuReading, GpuUser

ANSWERS: dict[str, Any] = {
    "nvmlInit": None,
    "nvmlDeviceGetCount": 1,
    "nvmlSystemGetDriverVersion": b"580.1",
    "nvmlDeviceGetHandleByIndex": "handle",
    "nvmlDeviceGetName": b"NVIDIA H200",
    "nvmlDeviceGetMemoryInfo": SimpleNamespace(used=10, total=100),
    "nvmlDeviceGetUtilizationRates": SimpleNamespace(gpu=97),
    "nvmlDeviceGetTemperature": 64,
    "nvmlDeviceGetPowerUsage": 612_500,
    "nvmlDeviceGetEnforcedPowerLimit": 700_000,
    "nvmlDeviceGetCurrentClocksThrottleReasons": pynvml.nvmlClocksThrottleReasonSwPowerCap,
    "nvmlDeviceGetComputeRunningProcesses": [
        SimpleNamespace(pid=os.getpid(), usedGpuMemory=7 << 30),
        SimpleNamespace(pid=2**22 + 1, usedGpuMemory=None),
    ],
}

USERS = (
    GpuUser(os.getpid(), psutil.Process().name(), 7 << 30),
    GpuUser(2**22 + 1, "", None),  # the kernel gives no such number: another container's
)
WHOLE = GpuReading(0, "NVIDIA H200", 10, 100, 97, 64, 612.5, 700.0, "power cap", 2, USERS)


@pytest.fixture
def driver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Puts a driver in place that answers as told; what is told None by name is not supported."""

    def install(*failing: str, **other: Any) -> None:
        gpu._start.cache_clear()
        for name, answer in (ANSWERS | other).items():

            def reply(*_: Any, name: str = name, answer: Any = answer) -> Any:
                if name in failing:
                    raise pynvml.NVMLError(pynvml.NVML_ERROR_NOT_SUPPORTED)
                return answer

            monkeypatch.setattr(pynvml, name, reply)

    yield install
    gpu._start.cache_clear()


def test_everything_that_the_driver_tells_is_shown(driver: Callable[..., None]) -> None:
    driver()
    assert read_gpus() == (WHOLE,)
    assert (gpu.missing_reason(), gpu.driver_version()) == ("", "580.1")


@pytest.mark.parametrize(
    ("failing", "field", "value"),
    [
        ("nvmlDeviceGetName", "name", "GPU"),
        ("nvmlDeviceGetMemoryInfo", "memory_total_bytes", None),
        ("nvmlDeviceGetUtilizationRates", "utilisation_percent", None),
        ("nvmlDeviceGetTemperature", "temperature_celsius", None),
        ("nvmlDeviceGetPowerUsage", "power_watts", None),
        ("nvmlDeviceGetEnforcedPowerLimit", "power_limit_watts", None),
        ("nvmlDeviceGetCurrentClocksThrottleReasons", "throttled", ""),
        ("nvmlDeviceGetComputeRunningProcesses", "other_processes", None),
    ],
)
def test_one_missing_reading_leaves_the_others(driver: Callable[..., None], failing: str, field: str, value: Any) -> None:
    driver(failing)
    (reading,) = read_gpus()
    assert getattr(reading, field) == value
    same = [name for name in GpuReading.__dataclass_fields__ if getattr(reading, name) == getattr(WHOLE, name)]
    assert len(same) >= len(GpuReading.__dataclass_fields__) - 2


def test_every_reason_for_a_low_clock_is_named(driver: Callable[..., None]) -> None:
    both = pynvml.nvmlClocksThrottleReasonSwPowerCap | pynvml.nvmlClocksThrottleReasonHwThermalSlowdown
    driver(nvmlDeviceGetCurrentClocksThrottleReasons=both)
    assert read_gpus()[0].throttled == "too hot, power cap"


def test_a_gpu_that_fell_off_the_bus_does_not_hide_the_others(driver: Callable[..., None]) -> None:
    driver("nvmlDeviceGetHandleByIndex", nvmlDeviceGetCount=2)
    assert read_gpus() == (GpuReading(0, "lost"), GpuReading(1, "lost"))


def test_without_a_driver_there_is_a_reason_and_no_error(driver: Callable[..., None]) -> None:
    driver("nvmlInit")
    assert read_gpus() == ()
    assert gpu.driver_version() == ""
    assert gpu.missing_reason() == "Not Supported"


def test_a_driver_that_is_loaded_later_is_read_from_then_on(
    driver: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A window that was opened before its driver was mended would show no GPU until it is closed."""
    driver("nvmlInit")
    assert read_gpus() == ()
    monkeypatch.setattr(pynvml, "nvmlInit", lambda: None)
    assert read_gpus() == (WHOLE,)


def test_a_driver_that_is_loaded_anew_is_started_anew(driver: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> None:
    driver()
    assert read_gpus() == (WHOLE,)
    started: list[bool] = []

    def count() -> int:
        if not started:
            raise pynvml.NVMLError(pynvml.NVML_ERROR_UNINITIALIZED)
        return 1

    monkeypatch.setattr(pynvml, "nvmlDeviceGetCount", count)
    monkeypatch.setattr(pynvml, "nvmlInit", lambda: started.append(True))
    assert (read_gpus(), read_gpus()) == ((), (WHOLE,))


@pytest.mark.parametrize("failing", [(), ("nvmlDeviceGetCount",)])
def test_a_driver_without_a_device_is_told_apart(driver: Callable[..., None], failing: tuple[str, ...]) -> None:
    driver(*failing, nvmlDeviceGetCount=0)
    assert read_gpus() == ()
    assert gpu.missing_reason() == "the driver sees no device"


def test_a_driver_that_hides_its_version_is_no_error(driver: Callable[..., None]) -> None:
    driver("nvmlSystemGetDriverVersion")
    assert gpu.driver_version() == ""


@pytest.mark.parametrize(
    ("visible", "processes", "used"),
    [
        (None, 1, (0,)),
        (None, 2, (0, 1)),
        ("2", 1, (2,)),
        ("3,1", 2, (3, 1)),
        ("3,1", 1, (3,)),
        ("GPU-c, GPU-a", 2, (2, 0)),
        ("GPU-c0ffee", 1, (2,)),
        ("1,9,0", 3, (1,)),
        ("", 1, ()),
    ],
)
def test_a_run_is_told_the_power_and_work_of_the_gpus_that_it_computes_on(
    driver: Callable[..., None], monkeypatch: pytest.MonkeyPatch, visible: str | None, processes: int, used: tuple[int, ...]
) -> None:
    """The queue, the Model screen and CUDA_VISIBLE_DEVICES may name any of them, by number or by UUID."""
    driver(nvmlDeviceGetCount=4)
    monkeypatch.setattr(pynvml, "nvmlDeviceGetHandleByIndex", lambda index: index)
    monkeypatch.setattr(pynvml, "nvmlDeviceGetUUID", lambda index: f"GPU-{'abcd'[index]}0ffee-1")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible or "")
    if visible is None:
        monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    assert gpu.computed_on(processes) == used


def test_without_a_driver_a_run_computes_on_no_gpu(driver: Callable[..., None]) -> None:
    driver("nvmlInit")
    assert gpu.computed_on(1) == ()


@pytest.mark.parametrize("name", [name for name in ANSWERS if name.startswith("nvmlDevice")])
def test_a_driver_older_than_the_package_is_read_as_far_as_it_goes(
    driver: Callable[..., None], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def mismatch(*_: Any) -> None:
        raise pynvml.NVMLLibraryMismatchError("Unversioned function called")

    driver()
    monkeypatch.setattr(pynvml, name, mismatch)
    assert read_gpus() != (WHOLE,)
