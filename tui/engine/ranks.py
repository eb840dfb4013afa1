"""Measures what each of several processes does, and has the leading one tell it."""

from __future__ import annotations

import unsloth  # noqa: F401  # isort: skip  (must come before transformers and trl)

import socket
import time
from typing import Any

import torch
from transformers import TrainerCallback

from tui.engine.counting import TokenCount
from tui.engine.emit import Emit
from tui.engine.loading import gpu_number, peak_bytes
from tui.engine.together import Together
from tui.run.events import RankReading, RanksMeasured

TOLD_EVERY_S = 5.0


class RankMeter(TrainerCallback):  # type: ignore[misc]
    """Counts the tokens of this process's own examples a second."""

    def __init__(self, count: TokenCount, together: Together, emit: Emit) -> None:
        self.count, self.together, self.emit = count, together, emit
        self.tokens = 0
        self.seconds = self.began = self.told = 0.0

    def on_step_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self.began = time.monotonic()

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self.seconds += time.monotonic() - self.began

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any], **_: Any) -> None:
        now = time.monotonic()
        last = state.global_step >= state.max_steps
        if "loss" not in logs or not self.together.agree(last or now - self.told >= TOLD_EVERY_S):
            return
        rate = (self.count.own - self.tokens) / max(self.seconds, 1e-9)
        mine = [socket.gethostname(), _device(), rate, peak_bytes()]
        self.tokens, self.seconds, self.told = self.count.own, 0.0, now
        ranks = (
            RankReading(rank=rank, host=host, device=device, tokens_per_s=rate, peak_memory_bytes=peak)
            for rank, (host, device, rate, peak) in enumerate(self.together.gather(mine))
        )
        self.emit(RanksMeasured(step=state.global_step, ranks=tuple(ranks)))


def _device() -> str:
    return f"GPU {gpu_number()}" if torch.cuda.is_available() else "CPU"
