"""What a run has taken of each of its GPUs, summed up from samples of them."""

from __future__ import annotations

from dataclasses import dataclass, replace

from tui.machine.readings import GpuReading
from tui.run.events import MachineSampled

LONGEST_GAP_S = 60.0
"""Samples come every 5 s; nothing is known of a longer time between two of them."""


@dataclass(frozen=True)
class Usage:
    """One GPU, from the first sample to the last."""

    index: int
    powered_s: float = 0.0
    """How long its power is known for."""
    joules: float = 0.0
    training_s: float = 0.0
    """How long its utilisation while training is known for."""
    busy_s: float = 0.0
    """The same time, weighed by the utilisation, 0 to 1."""


def used(
    before: tuple[Usage, ...], last: MachineSampled | None, sample: MachineSampled, training: bool
) -> tuple[Usage, ...]:
    """The sums after one more sample, by the trapezoid rule: the mean of two readings times the time between them."""
    gap = sample.time - last.time if last else 0.0
    if last is None or not 0 < gap <= LONGEST_GAP_S:
        return before
    sums = {usage.index: usage for usage in before}
    earlier = {gpu.index: gpu for gpu in last.devices}
    for gpu in sample.devices:
        if gpu.index in sample.used and gpu.index in earlier:
            sums[gpu.index] = _added(sums.get(gpu.index, Usage(gpu.index)), earlier[gpu.index], gpu, gap, training)
    return tuple(sums.values())


def _added(usage: Usage, last: GpuReading, gpu: GpuReading, gap: float, training: bool) -> Usage:
    if last.power_watts is not None and gpu.power_watts is not None:
        joules = usage.joules + (last.power_watts + gpu.power_watts) / 2 * gap
        usage = replace(usage, joules=joules, powered_s=usage.powered_s + gap)
    if training and last.utilisation_percent is not None and gpu.utilisation_percent is not None:
        busy_s = usage.busy_s + (last.utilisation_percent + gpu.utilisation_percent) / 200 * gap
        usage = replace(usage, busy_s=busy_s, training_s=usage.training_s + gap)
    return usage
