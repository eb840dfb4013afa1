"""Measures what each of several processes does, and has the leading one tell it."""

from __future__ import annotations

import unsloth  # noqa: F401  # isort: skip  (must come before transformers and trl)

import socket
import time
from typing import Any

import torch
from transformers import TrainerCallback

from tui.engine.emit import Emit
from tui.engine.loading import gpu_number, peak_bytes
from tui.engine.together import Together
from tui.run.events import RankReading, RanksMeasured

TOLD_EVERY_S = 5.0


class RankMeter(TrainerCallback):  # type: ignore[misc]
    """Counts the tokens of this process's own examples, and the seconds of its updates."""

    def __init__(self, trainer: Any, together: Together, emit: Emit) -> None:
        self.together, self.emit = together, emit
        self.tokens: Any = 0
        self.seconds = self.began = self.told = 0.0
        self._learn, self._padding = trainer.training_step, trainer.processing_class.pad_token_id
        trainer.training_step = self._count_and_learn

    def on_step_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self.began = time.monotonic()

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self.seconds += time.monotonic() - self.began

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any], **_: Any) -> None:
        now = time.monotonic()
        last = state.global_step >= state.max_steps
        if "loss" not in logs or not self.together.agree(last or now - self.told >= TOLD_EVERY_S):
            return
        mine = [socket.gethostname(), _device(), float(self.tokens) / max(self.seconds, 1e-9), peak_bytes()]
        self.tokens, self.seconds, self.told = 0, 0.0, now
        ranks = (
            RankReading(rank=rank, host=host, device=device, tokens_per_s=rate, peak_memory_bytes=peak)
            for rank, (host, device, rate, peak) in enumerate(self.together.gather(mine))
        )
        self.emit(RanksMeasured(step=state.global_step, ranks=tuple(ranks)))

    def _count_and_learn(self, model: Any, inputs: Any, *rest: Any, **more: Any) -> Any:
        rows, mask = inputs["input_ids"], inputs.get("attention_mask")
        self.tokens += (rows != self._padding).sum() if mask is None else mask.sum()  # read, and waited for, when it is told
        return self._learn(model, inputs, *rest, **more)


def _device() -> str:
    return f"GPU {gpu_number()}" if torch.cuda.is_available() else "CPU"
