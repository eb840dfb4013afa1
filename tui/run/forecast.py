"""Whether a training will fit into the GPU: predicted, corrected by what an earlier run really took."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from tui import words
from tui.catalog.shape import ModelShape
from tui.machine.memory import MemoryParts, predict
from tui.machine.readings import GpuReading
from tui.session.file import replace_values
from tui.session.problem import Problem, advice
from tui.session.schema import Session
from tui.session.sections.model import PRECISIONS

CONTEXT_BYTES = 0.6e9
"""What the driver takes for a process before it has allocated anything."""
COMFORTABLE = 0.9
"""So much of the free memory is taken without a thought."""

Verdict = Literal["fits", "tight", "too big"]


@dataclass(frozen=True)
class Forecast:
    """The memory of a training at its peak."""

    parts: MemoryParts
    factor: float
    """What an earlier run with this model on this card took, in units of its own prediction; 1 without one."""
    measured: bool
    free_bytes: int | None
    """Of the GPU now; None without one."""

    @property
    def total_bytes(self) -> float:
        return self.parts.total * self.factor

    @property
    def verdict(self) -> Verdict | None:
        """Whether it fits into what is free now; None without a GPU."""
        if self.free_bytes is None:
            return None
        needed = self.total_bytes + CONTEXT_BYTES
        return "fits" if needed <= COMFORTABLE * self.free_bytes else "tight" if needed <= self.free_bytes else "too big"


@dataclass(frozen=True)
class Ground:
    """What a forecast stands on, besides the session."""

    shape: ModelShape | None = None
    longest_tokens: int | None = None
    gpu: GpuReading | None = None
    factor: float | None = None
    """What an earlier run took in units of its prediction; None without one."""

    def forecast(self, session: Session) -> Forecast | None:
        """What this session will take; None where the model's shape is not known."""
        if self.shape is None:
            return None
        free = None
        if self.gpu and self.gpu.memory_total_bytes is not None and self.gpu.memory_used_bytes is not None:
            free = self.gpu.memory_total_bytes - self.gpu.memory_used_bytes
        parts = predict(session, self.shape, self.longest_tokens)
        return Forecast(parts, self.factor or 1.0, self.factor is not None, free)

    def problems(self, session: Session) -> Iterator[Problem]:
        """That it will not fit, or hardly, with the gentlest change that makes it."""
        ahead = self.forecast(session)
        if ahead is None or ahead.verdict in (None, "fits"):
            return
        needed, free = words.size(ahead.total_bytes + CONTEXT_BYTES), words.size(ahead.free_bytes)
        text = f"it will take about {needed} of the GPU's {free} that are free"
        mend = next((mend for mend in _gentler(session) if self._fits(session, mend)), {})
        if not mend:
            text += "; nothing that can be changed here makes it fit"
        yield advice("training.per_device_train_batch_size", text if ahead.verdict == "too big" else f"tight: {text}", mend)

    def _fits(self, session: Session, mend: dict[str, Any]) -> bool:
        ahead = self.forecast(replace_values(session, mend))
        return ahead is not None and ahead.verdict == "fits"


def _gentler(session: Session) -> Iterator[dict[str, Any]]:
    """Changes that save memory, those first that change the training least; each adds to the one before."""
    mend: dict[str, Any] = {}
    batch = session.training.per_device_train_batch_size
    whole = batch * session.training.gradient_accumulation_steps
    if session.lora.use_gradient_checkpointing != "unsloth":
        mend = {"lora.use_gradient_checkpointing": "unsloth"}
        yield mend
    while batch > 1:
        batch = next(size for size in range(batch // 2, 0, -1) if whole % size == 0)
        sizes = {"training.per_device_train_batch_size": batch, "training.gradient_accumulation_steps": whole // batch}
        mend = mend | sizes
        yield mend
    if not session.model.load_in_4bit and not session.model.full_finetuning:
        mend = mend | {f"model.{name}": name == "load_in_4bit" for name in PRECISIONS}
        yield mend
    length = session.model.max_seq_length
    while length > 512:
        length //= 2
        mend = mend | {"model.max_seq_length": length}
        yield mend
