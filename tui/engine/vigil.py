"""Watches over the engine from its main thread: stalled updates, a disk that fills, a GPU that is slowed down or shared."""

from __future__ import annotations

import os
from collections.abc import Collection

from tui import words
from tui.machine.readings import GpuReading
from tui.run.events import Warned
from tui.session.sections.guards import Action, GuardsSection

LEAST_STALL_S = 60.0
THROTTLED_READINGS = 3
"""A GPU that is held down for so many readings in a row is not just starting."""


class Vigil:
    """The guards over the machine. Each speaks once, and again after what it warned of had ended."""

    def __init__(self, limits: GuardsSection) -> None:
        self.limits = limits
        self._throttled = 0
        self._active: set[str] = set()

    def look(
        self, idle_s: float | None, usual_s: float, free_bytes: int, gpus: Collection[GpuReading], step: int
    ) -> list[tuple[Warned, Action]]:
        """What looks wrong, and what is to be done about it; `idle_s`: since the last sign of an update, if one is due."""
        seen = {
            "stalled": self._stalled(idle_s, usual_s, step),
            "disk": self._disk(free_bytes, step),
            "throttling": self._throttling(gpus, step),
            "shared_memory": self._shared(gpus, step),
        }
        self._active &= {name for name, warning in seen.items() if warning}
        found: list[tuple[Warned, Action]] = []
        for name, warning in seen.items():
            action: Action = getattr(self.limits, name)
            if warning and action != "off" and name not in self._active:
                self._active.add(name)
                found.append((warning, action))
        return found

    def _stalled(self, idle_s: float | None, usual_s: float, step: int) -> Warned | None:
        if idle_s is None or not usual_s or idle_s < max(LEAST_STALL_S, self.limits.stalled_factor * usual_s):
            return None
        text = f"nothing has come of update {step + 1} for {idle_s:.0f} s, and an update takes {usual_s:.3g} s"
        advice = "see whether a disk or a network drive hangs; if nothing moves, stop the run and resume it"
        return Warned(code="stalled", text=text, advice=advice, step=step)

    def _disk(self, free_bytes: int, step: int) -> Warned | None:
        if free_bytes >= self.limits.disk_free_gb * 1e9:
            return None
        text = f"{words.size(free_bytes)} are left on the disk of the run, and {self.limits.disk_free_gb:g} GB should be"
        advice = "free some space, or keep fewer checkpoints; one that does not fit is left out"
        return Warned(code="disk", text=text, advice=advice, mend={"training.save_total_limit": 1}, step=step)

    def _throttling(self, gpus: Collection[GpuReading], step: int) -> Warned | None:
        held = [gpu for gpu in gpus if gpu.throttled]
        self._throttled = self._throttled + 1 if held else 0
        if self._throttled < THROTTLED_READINGS:
            return None
        gpu = held[0]
        told = [
            f"{gpu.temperature_celsius} °C" if gpu.temperature_celsius is not None else "",
            f"{gpu.power_watts:.0f} W" if gpu.power_watts is not None else "",
            f"of at most {gpu.power_limit_watts:.0f} W" if gpu.power_watts and gpu.power_limit_watts else "",
        ]
        figures = " ".join(word for word in told if word)
        text = f"GPU {gpu.index} is held down ({gpu.throttled}{': ' if figures else ''}{figures}), so updates take longer"
        return Warned(code="throttling", text=text, advice="see to its cooling, or raise its power limit", step=step)

    def _shared(self, gpus: Collection[GpuReading], step: int) -> Warned | None:
        for gpu in gpus:
            mine = any(user.pid == os.getpid() for user in gpu.users)
            others = [user for user in gpu.users if user.pid != os.getpid() and user.memory_bytes]
            taken = sum(user.memory_bytes or 0 for user in others)
            if mine and taken > self.limits.shared_memory_gb * 1e9:
                names = ", ".join(sorted({f"{user.name or 'another program'} ({user.pid})" for user in others}))
                text = f"{words.size(taken)} of GPU {gpu.index}, which this run then cannot have, are taken by {names}"
                return Warned(code="shared-memory", text=text, advice="end it, or use another GPU", step=step)
        return None
