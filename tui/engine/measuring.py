"""Says how far a measurement on held-out data is, where it takes its time."""

from __future__ import annotations

import unsloth  # noqa: F401  # isort: skip  (must come before transformers and trl)

import time
from typing import Any

from transformers import TrainerCallback

from tui.engine.emit import Emit
from tui.run.events import PhaseChanged

TELL_S = 3.0
"""What is over sooner is not told; then so often."""


class Measuring(TrainerCallback):  # type: ignore[misc]
    """Counts the batches of one measurement; the update after it says that the training goes on."""

    def __init__(self, emit: Emit) -> None:
        self.emit = emit
        self.batches, self.told = 0, 0.0

    def on_prediction_step(self, args: Any, state: Any, control: Any, eval_dataloader: Any, **_: Any) -> None:
        now = time.monotonic()
        self.batches += 1
        if self.batches == 1:
            self.told = now
        elif now - self.told >= TELL_S:
            self.told = now
            self.emit(PhaseChanged(phase="evaluating", fraction=min(1.0, self.batches / len(eval_dataloader))))

    def on_evaluate(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self.batches = 0

    def on_step_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self.batches = 0
