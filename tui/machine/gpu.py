"""What every GPU of this box is doing now, read through NVML; each reading may be missing by itself."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from typing import Any, TypeVar

import psutil
import pynvml

from tui.machine.readings import GpuReading, GpuUser

T = TypeVar("T")

FAILURES = (pynvml.NVMLError, pynvml.NVMLLibraryMismatchError, UnicodeDecodeError)
"""What reading may raise: with a driver older than the package, and of a card that is falling off the bus, too."""
THROTTLE_REASONS = (
    (pynvml.nvmlClocksThrottleReasonHwThermalSlowdown, "too hot"),
    (pynvml.nvmlClocksThrottleReasonSwThermalSlowdown, "warm"),
    (pynvml.nvmlClocksThrottleReasonHwPowerBrakeSlowdown, "power brake"),
    (pynvml.nvmlClocksThrottleReasonSwPowerCap, "power cap"),
)


@cache
def _start() -> None:
    """Start NVML, once that succeeds. Raises one of FAILURES, and then the next call tries again."""
    pynvml.nvmlInit()


def _driver() -> str:
    """Why there is no driver to ask, in words; empty when there is one."""
    try:
        _start()
    except FAILURES as error:
        return str(error)
    return ""


def missing_reason() -> str:
    """Why no GPU can be read here, in words; empty when one can."""
    if reason := _driver():
        return reason
    return "" if _or_none(pynvml.nvmlDeviceGetCount) else "the driver sees no device"


def driver_version() -> str:
    """The NVIDIA driver's version, or an empty text without a driver."""
    return "" if _driver() else _text(_or_none(pynvml.nvmlSystemGetDriverVersion) or "")


def read_gpus() -> tuple[GpuReading, ...]:
    """One reading for every GPU of this box; empty without a driver or a device."""
    if _driver():
        return ()
    try:
        count = pynvml.nvmlDeviceGetCount()
    except FAILURES:
        _start.cache_clear()  # a driver that was loaded anew wants to be started anew
        return ()
    return tuple(_read(index) for index in range(count))


def computes_bfloat16(index: int = 0) -> bool | None:
    """Whether a GPU has bfloat16 (compute capability 8.0 and up); None where the driver does not tell."""
    if _driver():
        return None
    handle = _or_none(lambda: pynvml.nvmlDeviceGetHandleByIndex(index))
    capability = None if handle is None else _or_none(lambda: pynvml.nvmlDeviceGetCudaComputeCapability(handle))
    return None if capability is None else capability[0] >= 8


def uuid_of(index: int) -> str:
    """The name of a GPU that stays the same whatever the others are; empty where the driver does not tell."""
    handle = None if _driver() else _or_none(lambda: pynvml.nvmlDeviceGetHandleByIndex(index))
    return "" if handle is None else _text(_or_none(lambda: pynvml.nvmlDeviceGetUUID(handle)) or "")


def shown(uuids: Sequence[str], visible: str | None) -> list[int]:
    """The indices of the GPUs that CUDA_VISIBLE_DEVICES shows, in its order; all where it is not set.

    `uuids` are those of all GPUs, by their index. A UUID may be cut short, and what follows a wrong name is not seen (CUDA
    C++ Programming Guide, CUDA Environment Variables).
    """
    if visible is None:
        return list(range(len(uuids)))
    found: list[int] = []
    for name in map(str.strip, visible.split(",")):
        meant = [index for index, uuid in enumerate(uuids) if _is_named(name, index, uuid)]
        if not meant:
            break
        found += meant
    return found


def _is_named(name: str, index: int, uuid: str) -> bool:
    return name == str(index) or (name.startswith("GPU-") and uuid.startswith(name))


def computed_on(processes: int) -> tuple[int, ...]:
    """The indices of the GPUs that so many processes with this environment compute on: the first that CUDA shows them."""
    count = 0 if _driver() else _or_none(pynvml.nvmlDeviceGetCount) or 0
    return tuple(shown([uuid_of(index) for index in range(count)], os.environ.get("CUDA_VISIBLE_DEVICES"))[:processes])


def users_of(index: int) -> tuple[GpuUser, ...]:
    """Who computes on a GPU now."""
    handle = None if _driver() else _or_none(lambda: pynvml.nvmlDeviceGetHandleByIndex(index))
    return () if handle is None else _users(_or_none(lambda: pynvml.nvmlDeviceGetComputeRunningProcesses(handle)) or [])


def _users(processes: Iterable[Any]) -> tuple[GpuUser, ...]:
    return tuple(GpuUser(int(it.pid), _process_name(int(it.pid)), it.usedGpuMemory) for it in processes)


def _process_name(pid: int) -> str:
    try:
        return psutil.Process(pid).name()
    except psutil.Error:
        return ""


def _read(index: int) -> GpuReading:
    handle = _or_none(lambda: pynvml.nvmlDeviceGetHandleByIndex(index))
    if handle is None:
        return GpuReading(index, "lost")
    memory = _or_none(lambda: pynvml.nvmlDeviceGetMemoryInfo(handle))
    rates = _or_none(lambda: pynvml.nvmlDeviceGetUtilizationRates(handle))
    power = _or_none(lambda: pynvml.nvmlDeviceGetPowerUsage(handle))
    limit = _or_none(lambda: pynvml.nvmlDeviceGetEnforcedPowerLimit(handle))
    reasons = _or_none(lambda: pynvml.nvmlDeviceGetCurrentClocksThrottleReasons(handle)) or 0
    processes = _or_none(lambda: pynvml.nvmlDeviceGetComputeRunningProcesses(handle))
    return GpuReading(
        index=index,
        name=_text(_or_none(lambda: pynvml.nvmlDeviceGetName(handle)) or "GPU"),
        memory_used_bytes=None if memory is None else int(memory.used),
        memory_total_bytes=None if memory is None else int(memory.total),
        utilisation_percent=None if rates is None else int(rates.gpu),
        temperature_celsius=_or_none(lambda: pynvml.nvmlDeviceGetTemperature(handle, pynvml.NVML_TEMPERATURE_GPU)),
        power_watts=None if power is None else power / 1000,
        power_limit_watts=None if limit is None else limit / 1000,
        throttled=", ".join(word for bit, word in THROTTLE_REASONS if reasons & bit),
        other_processes=None if processes is None else len(processes),
        users=_users(processes or []),
    )


def _or_none(read: Callable[[], T]) -> T | None:
    try:
        return read()
    except FAILURES:
        return None


def _text(value: str | bytes) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else value
