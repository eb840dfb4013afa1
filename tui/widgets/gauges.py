"""Gauges of the GPUs, or of processor and memory where there is no GPU."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget

from tui import words
from tui.machine.gpu import GpuReading
from tui.machine.host import HostReading

WARN, HOT = 0.80, 0.95
"""From these shares of its limit on, a gauge is warned about."""


@dataclass(frozen=True)
class Gauge:
    """One line: what, how full, and the figures."""

    label: str
    share: float | None
    """0 to 1; None where the driver does not tell."""
    text: str
    alarming: bool = True
    """Whether being full is bad; a busy processor or GPU is not."""

    @property
    def level(self) -> str:
        if self.share is None or not self.alarming or self.share < WARN:
            return "ok"
        return "warn" if self.share < HOT else "hot"


class Gauges(Widget):
    """A block of gauges that grows with the number of GPUs."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"gauges--ok", "gauges--warn", "gauges--hot", "gauges--rest", "gauges--name"}

    gpus: reactive[tuple[GpuReading, ...]] = reactive(tuple, layout=True)
    host: reactive[HostReading | None] = reactive(None, layout=True)

    def render(self) -> Content:
        blocks = [self._block(title, gauges) for title, gauges in self._groups()]
        return Content("\n").join(blocks)

    def _groups(self) -> list[tuple[str, list[Gauge]]]:
        if self.gpus:
            return [(f"GPU {gpu.index} {gpu.name}", gpu_gauges(gpu)) for gpu in self.gpus]
        return [("No GPU: the processor trains", host_gauges(self.host))] if self.host else []

    def _block(self, title: str, gauges: list[Gauge]) -> Content:
        lines = [Content.styled(title, self.get_visual_style("gauges--name"))]
        lines += [self._line(gauge) for gauge in gauges]
        return Content("\n").join(lines)

    def _line(self, gauge: Gauge) -> Content:
        room = max(4, self.size.width - 8 - 18)
        filled = round((gauge.share or 0) * room)
        word = {"ok": "", "warn": " high", "hot": " FULL"}[gauge.level]
        return Content.assemble(
            f"{gauge.label:7} ",
            Content.styled("━" * filled, self.get_visual_style(f"gauges--{gauge.level}")),
            Content.styled("─" * (room - filled), self.get_visual_style("gauges--rest")),
            f" {gauge.text}{word}",
        )


def gpu_gauges(gpu: GpuReading) -> list[Gauge]:
    """The gauges of one GPU; a reading that is missing is left out."""
    gauges = []
    if gpu.memory_used_bytes is not None and gpu.memory_total_bytes:
        used, total = gpu.memory_used_bytes, gpu.memory_total_bytes
        gauges.append(Gauge("memory", used / total, f"{used / 2**30:.1f}/{total / 2**30:.0f} GiB"))
    if gpu.utilisation_percent is not None:
        gauges.append(Gauge("busy", gpu.utilisation_percent / 100, f"{gpu.utilisation_percent} %", alarming=False))
    if gpu.temperature_celsius is not None:
        gauges.append(Gauge("heat", min(1.0, gpu.temperature_celsius / 95), f"{gpu.temperature_celsius} °C"))
    if gpu.power_watts is not None and gpu.power_limit_watts:
        text = f"{gpu.power_watts:.0f}/{gpu.power_limit_watts:.0f} W"
        gauges.append(Gauge("power", min(1.0, gpu.power_watts / gpu.power_limit_watts), text, alarming=False))
    if gpu.throttled:
        gauges.append(Gauge("slowed", 1.0, gpu.throttled))
    return gauges


def host_gauges(host: HostReading) -> list[Gauge]:
    """Processor and memory."""
    used, total = host.memory_used_bytes, host.memory_total_bytes
    return [
        Gauge("cpu", host.cpu_percent / 100, f"{host.cpu_percent:.0f} % of {host.cores}", alarming=False),
        Gauge("memory", used / total, f"{used / 2**30:.1f}/{total / 2**30:.0f} GiB"),
    ]


def headline(gpus: tuple[GpuReading, ...], host: HostReading | None) -> str:
    """The box in a few words, for a status line."""
    if gpus:
        gpu = gpus[0]
        others = f" and {len(gpus) - 1} more" if len(gpus) > 1 else ""
        return f"{gpu.name} {words.size(gpu.memory_total_bytes)}{others}"
    return f"no GPU, {host.cores} cores, {words.size(host.memory_total_bytes)}" if host else ""
