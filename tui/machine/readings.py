"""What is read of the box and its GPUs, each at one moment."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class GpuUser:
    """A process that computes on a GPU."""

    pid: int
    name: str
    """Empty where it is another user's or in another container."""
    memory_bytes: int | None


@dataclass(frozen=True)
class GpuReading:
    """One GPU at one moment. None means that the driver does not tell."""

    index: int
    name: str
    memory_used_bytes: int | None = None
    memory_total_bytes: int | None = None
    utilisation_percent: int | None = None
    temperature_celsius: int | None = None
    power_watts: float | None = None
    power_limit_watts: float | None = None
    throttled: str = ""
    """Why the clock is held down, in words; empty when it is not."""
    other_processes: int | None = None
    """How many processes compute on it."""
    users: tuple[GpuUser, ...] = ()
    """These processes."""


@dataclass(frozen=True)
class HostReading:
    """The box at one moment."""

    cpu_percent: float
    """Share of all cores in use since the last reading."""
    cores: int
    memory_used_bytes: int
    memory_total_bytes: int
