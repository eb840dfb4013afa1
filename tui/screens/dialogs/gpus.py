"""Asks which GPUs a run may use, and shows how busy each is and with whom."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import Label, SelectionList
from textual.widgets.selection_list import Selection

from tui import words
from tui.machine.gpu import missing_reason, read_gpus, users_of, uuid_of
from tui.machine.readings import GpuReading, GpuUser
from tui.screens.dialogs.base import Dialog
from tui.widgets.foreign import foreign

AUTO = "auto"


@dataclass(frozen=True)
class GpuChoice:
    """One GPU to choose."""

    reading: GpuReading
    uuid: str
    users: tuple[GpuUser, ...] = ()


def list_gpus() -> list[GpuChoice]:
    """Every GPU of this box as it is now."""
    return [GpuChoice(gpu, uuid_of(gpu.index), users_of(gpu.index)) for gpu in read_gpus()]


class GpuDialog(Dialog[dict[str, str | int] | None]):
    """The GPUs to choose from; says what that changes in the session. Escape changes nothing."""

    HELP = (
        "What the run may use: space marks a GPU. With several, each gets a process of its own and the batch of an "
        "update grows with them. With none marked, one process sees them all."
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", "Cancel", show=False),
        Binding("enter", "take", "Take", show=False, priority=True),
    ]

    def __init__(self, gpus: Sequence[GpuChoice], device: str) -> None:
        super().__init__()
        self.gpus, self.device = list(gpus), device

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog -wide"):
            yield Label("Which GPUs may the run use?", classes="section")
            if not self.gpus:
                yield Label(foreign(f"There is none here: {missing_reason()}"))
            yield SelectionList[str](*(self._selection(gpu) for gpu in self.gpus))
            yield Label(
                "Space chooses, Enter takes it: each gets a process. With none, one process sees all. Escape cancels",
                classes="hint",
            )

    def _selection(self, gpu: GpuChoice) -> Selection[str]:
        value = gpu.uuid or str(gpu.reading.index)
        named = self.device.split(",")
        return Selection(foreign(line(gpu)), value, value in named or str(gpu.reading.index) in named)

    def action_take(self) -> None:
        chosen = self.query_one(SelectionList[str]).selected
        self.dismiss({"model.device": ",".join(chosen) or AUTO, "cluster.nproc_per_node": max(1, len(chosen))})


def line(gpu: GpuChoice) -> str:
    """A GPU with its memory, its load and the processes on it."""
    now = gpu.reading
    memory = f"{words.size(now.memory_used_bytes)} of {words.size(now.memory_total_bytes)} used"
    load = "" if now.utilisation_percent is None else f" · {now.utilisation_percent} % busy"
    names = [f"{user.name or 'somebody'} ({user.pid}) {words.size(user.memory_bytes)}" for user in gpu.users]
    return f"{now.index}  {now.name} · {memory}{load}" + "".join(f" · {name}" for name in names)
