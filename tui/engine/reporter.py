"""Says what the trainer does at every update, and hands it the wish to stop."""

from __future__ import annotations

import unsloth  # noqa: F401  # isort: skip  (must come before transformers and trl)

import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from transformers import TrainerCallback

from tui.engine.control import Control
from tui.engine.emit import Emit
from tui.engine.guards import Guards, LossLost
from tui.engine.loading import peak_bytes
from tui.engine.together import Together
from tui.machine.host import folder_bytes
from tui.run import events
from tui.run.commands import Stop
from tui.session.sections.guards import Action

NEWEST = 0.1
"""Weight of the newest update in what is usual."""


class StopNow(Exception):
    """Somebody asked to stop or to pause while the held-out examples were being evaluated."""


class Clock:
    """The seconds spent on updates, without those spent on evaluations, samples and checkpoints."""

    def __init__(self) -> None:
        self.mark = time.monotonic()
        self.seconds = 0.0

    def tick(self) -> None:
        """Count what passed since the last tick."""
        now = time.monotonic()
        self.seconds, self.mark = self.seconds + now - self.mark, now

    def skip(self) -> None:
        """Do not count what passed since the last tick."""
        self.mark = time.monotonic()

    def take(self) -> float:
        """The seconds counted since they were last taken."""
        seconds, self.seconds = self.seconds, 0.0
        return seconds


class Reporter(TrainerCallback):  # type: ignore[misc]
    """Turns what the trainer logs into events."""

    def __init__(
        self, clock: Clock, control: Control, emit: Emit, guards: Guards, together: Together, lowest: float, surprise: bool
    ) -> None:
        """`lowest` held-out loss so far; `surprise`: whether that says how surprised the model is by what it reads."""
        self.clock, self.control, self.emit, self.together = clock, control, emit, together
        self.step = self.tokens = 0
        self.guards, self.lowest, self.surprise = guards, lowest, surprise

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self.clock.skip()
        self.control.step, self.control.pulse = state.global_step, time.monotonic()
        self.step, self.tokens = state.global_step, int(state.num_input_tokens_seen)

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self.clock.tick()
        self.control.step, self.control.pulse = state.global_step, time.monotonic()
        # the last update is told whatever its number
        control.should_log |= control.should_training_stop or self.control.leaving

    def on_train_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self.control.pulse = None

    def on_substep_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self.control.pulse = time.monotonic()

    def on_epoch_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        control.should_log |= control.should_training_stop  # as after an early stop, which comes after its update

    def on_prediction_step(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self.control.pulse = time.monotonic() if self.control.pulse else None

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any], **_: Any) -> None:
        if "loss" in logs:
            self.clock.tick()
            step = self._step(state, logs)
            self.emit(step)
            before = self.control.usual_s or step.seconds
            self.control.usual_s = (1 - NEWEST) * before + NEWEST * step.seconds
            self._heed(lambda: self.guards.after_step(step), control)

    def on_evaluate(self, args: Any, state: Any, control: Any, metrics: dict[str, float], **_: Any) -> None:
        loss = metrics["eval_loss"]
        best = loss < self.lowest
        self.lowest = loss if best else self.lowest  # min() would keep a loss that is not a number
        perplexity = math.exp(min(loss, 700)) if self.surprise else None
        told = events.Evaluated(step=state.global_step, loss=loss, perplexity=perplexity, best=best)
        self.emit(told)
        self._heed(lambda: self.guards.after_evaluation(told), control)
        self.clock.skip()

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        path = Path(args.output_dir) / f"checkpoint-{state.global_step}"
        if self.together.leads and path.is_dir():  # there may have been no room for it
            self.emit(events.Checkpointed(step=state.global_step, path=str(path), bytes=folder_bytes(path)))
        self.clock.skip()

    def _heed(self, look: Callable[[], list[tuple[events.Warned, Action]]], control: Any) -> None:
        """Do about each finding of the leading process what the session says. Raises LossLost."""
        found = look() if self.together.leads else []
        for line, action in self.together.agree([(events.to_line(warning), action) for warning, action in found]):
            warning = events.from_line(line)
            assert isinstance(warning, events.Warned)
            if action == "stop" and warning.code == "nan-loss":
                raise LossLost(warning)
            self.emit(warning)
            if action == "stop":
                self.control.stop = Stop()
                control.should_training_stop = True

    def _step(self, state: Any, logs: dict[str, Any]) -> events.StepDone:
        seconds = self.clock.take()
        tokens = int(logs.get("num_input_tokens_seen", 0))
        fresh, self.tokens = tokens - self.tokens, tokens
        updates, self.step = max(1, state.global_step - self.step), state.global_step
        return events.StepDone(
            step=state.global_step,
            epoch=float(logs.get("epoch", 0.0)),
            loss=float(logs["loss"]),
            learning_rate=float(logs.get("learning_rate", 0.0)),
            grad_norm=float(logs["grad_norm"]) if "grad_norm" in logs else None,
            tokens=tokens,
            tokens_per_s=fresh / seconds if seconds > 0 else 0.0,
            seconds=seconds / updates,
            peak_memory_bytes=peak_bytes(),
        )
