"""Gauges of the GPUs, or of processor and memory where there is no GPU."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import ClassVar

from textual.content import Content
from textual.reactive import reactive, var
from textual.widget import Widget

from tui import words
from tui.machine.readings import GpuReading, GpuUser, HostReading
from tui.widgets.foreign import plain
from tui.widgets.sparkline import sparkline

WARN, HOT = 0.80, 0.95
WORDS = {"ok": "", "warn": " high", "hot": " FULL"}
"""From these shares of its limit on, a gauge is warned about."""
SAMPLE_S, HISTORY = 1.0, 300
"""A strip shows the last five minutes, or what there was of them."""
WIDE, ROOMY = 36, 50
"""From so many columns on a gauge has its strip: the one of the load, or every one."""
TALL = 34
"""From so many lines of the terminal on every gauge has its strip, too."""
TEXT_WIDTH = 12


@dataclass(frozen=True)
class Gauge:
    """One line: what, how full, and the figures."""

    label: str
    share: float | None
    """0 to 1; None where the driver does not tell."""
    text: str
    alarming: bool = True
    """Whether being full is bad; a busy processor or GPU is not."""
    bar: bool = True
    """Whether it is drawn; else it is only said."""

    @property
    def level(self) -> str:
        if self.share is None or not self.alarming or self.share < WARN:
            return "ok"
        return "warn" if self.share < HOT else "hot"


class Gauges(Widget):
    """A block of gauges that grows with the number of GPUs, with strips of their last minutes."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "gauges--ok", "gauges--warn", "gauges--hot", "gauges--rest", "gauges--name", "gauges--strip",
    }  # fmt: skip

    gpus: reactive[tuple[GpuReading, ...]] = reactive(tuple, layout=True)
    host: reactive[HostReading | None] = reactive(None, layout=True)
    own_pids: var[frozenset[int]] = var(frozenset())
    """The engine that is watched: it is no other process."""

    def __init__(self) -> None:
        super().__init__()
        self.history: dict[tuple[str, str], deque[float]] = {}

    def on_mount(self) -> None:
        self.set_interval(SAMPLE_S, self.sample)

    def sample(self) -> None:
        """Add the present readings to the strips, which are painted with the next readings."""
        for title, gauges in self._groups():
            for gauge in gauges:
                if gauge.share is not None:
                    strip = self.history.setdefault((title, gauge.label), deque(maxlen=HISTORY))
                    strip.append(gauge.share)

    def render(self) -> Content:
        blocks = [self._block(title, gauges) for title, gauges in self._groups()]
        return Content("\n").join(blocks)

    def _groups(self) -> list[tuple[str, list[Gauge]]]:
        if self.gpus:
            return [(f"GPU {gpu.index} {plain(gpu.name)}", gpu_gauges(gpu, self.own_pids)) for gpu in self.gpus]
        return [("No GPU here", host_gauges(self.host))] if self.host else []

    def _block(self, title: str, gauges: list[Gauge]) -> Content:
        lines = [Content.styled(title, self.get_visual_style("gauges--name"))]
        room = self._room(gauges)
        every = self.app.size.height >= TALL or self.size.width >= ROOMY
        for gauge in gauges:
            lines.append(self._line(gauge, room) if gauge.bar else self._words(gauge))
            strip = self.size.width >= WIDE and (every or gauge.label in ("busy", "cpu"))
            if gauge.bar and gauge.share is not None and strip:
                lines.append(self._strip(self.history.get((title, gauge.label)) or deque([gauge.share]), room))
        return Content("\n").join(lines)

    def _strip(self, history: deque[float], room: int) -> Content:
        """The last minutes of the gauge above, oldest first."""
        strip = Content.styled(sparkline(history, room), self.get_visual_style("gauges--strip"))
        return Content.assemble(" " * 8, strip)

    def _words(self, gauge: Gauge) -> Content:
        style = self.get_visual_style(f"gauges--{gauge.level}")
        return Content.assemble(f"{gauge.label:7} ", Content.styled(gauge.text, style))

    def _room(self, gauges: list[Gauge]) -> int:
        """Columns of the bars of a device: what its longest figure leaves."""
        figures = max((len(gauge.text + WORDS[gauge.level]) for gauge in gauges if gauge.bar), default=0)
        return max(4, self.size.width - 8 - 1 - max(TEXT_WIDTH, figures))

    def _line(self, gauge: Gauge, room: int) -> Content:
        filled = round((gauge.share or 0) * room)
        word = WORDS[gauge.level]
        return Content.assemble(
            f"{gauge.label:7} ",
            Content.styled("━" * filled, self.get_visual_style(f"gauges--{gauge.level}")),
            Content.styled("─" * (room - filled), self.get_visual_style("gauges--rest")),
            f" {gauge.text}{word}",
        )


def gpu_gauges(gpu: GpuReading, own_pids: frozenset[int] = frozenset()) -> list[Gauge]:
    """The gauges of one GPU; a reading that is missing is left out."""
    gauges = []
    if gpu.memory_used_bytes is not None and gpu.memory_total_bytes:
        gauges.append(_memory(gpu.memory_used_bytes, gpu.memory_total_bytes))
    if gpu.utilisation_percent is not None:
        gauges.append(Gauge("busy", gpu.utilisation_percent / 100, f"{gpu.utilisation_percent} %", alarming=False))
    if gpu.temperature_celsius is not None:
        gauges.append(Gauge("heat", min(1.0, gpu.temperature_celsius / 95), f"{gpu.temperature_celsius} °C"))
    if gpu.power_watts is not None and gpu.power_limit_watts:
        text = f"{gpu.power_watts:.0f}/{gpu.power_limit_watts:.0f} W"
        gauges.append(Gauge("power", min(1.0, gpu.power_watts / gpu.power_limit_watts), text, alarming=False))
    if gpu.throttled:
        gauges.append(Gauge("slowed", WARN, gpu.throttled, bar=False))
    others = [user for user in gpu.users if user.pid not in own_pids] if own_pids else []
    return gauges + [Gauge("shared", WARN, user_text(user), bar=False) for user in others]


def _memory(used: int, total: int) -> Gauge:
    """How much of a memory is taken, in bytes."""
    return Gauge("memory", used / total, f"{words.number(used / 2**30)}/{total / 2**30:,.0f} GiB")


def user_text(user: GpuUser) -> str:
    """A process on a GPU: its name and number, and what it takes where that is told."""
    taken = f" {words.size(user.memory_bytes)}" if user.memory_bytes is not None else ""
    return f"{plain(user.name) or 'a process'} {user.pid}{taken}"


def host_gauges(host: HostReading) -> list[Gauge]:
    """Processor and memory."""
    return [
        Gauge("cpu", host.cpu_percent / 100, f"{host.cpu_percent:.0f} % of {host.cores}", alarming=False),
        _memory(host.memory_used_bytes, host.memory_total_bytes),
    ]


def headline(gpus: tuple[GpuReading, ...], host: HostReading | None) -> str:
    """The box in a few words, for a status line."""
    if gpus:
        gpu = gpus[0]
        others = f" and {len(gpus) - 1} more" if len(gpus) > 1 else ""
        return f"{gpu.name} {words.size(gpu.memory_total_bytes)}{others}"
    return f"no GPU, {host.cores} cores, {words.size(host.memory_total_bytes)}" if host else ""
