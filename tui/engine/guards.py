"""Watches what a training tells of itself and says what looks wrong; pure, so that numbers alone can make it happen."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Sequence
from itertools import pairwise
from statistics import fmean, median

from tui.run.events import Evaluated, StepDone, Warned
from tui.session.schema import Session
from tui.session.sections.guards import Action

SEEN = 50
"""Points of the curve that a guard remembers."""
ENOUGH = 10
"""Points of the curve without which nothing is usual yet."""
REMEMBERED = 1000
"""Points of the curve of an earlier engine, from its beginning and from its end, that say enough."""
LEAST_JUMP = 0.5
"""A loss that rises by less is no spike, however small it was."""
FLAT = 0.01
"""A loss that has fallen by less than this share has not fallen."""


class LossLost(Exception):
    """The loss is no number any more; `warning` says when and what to do."""

    def __init__(self, warning: Warned) -> None:
        super().__init__(warning.text)
        self.warning = warning


class Guards:
    """All guards over the numbers of one run. A guard speaks once, and again after what it warned of had ended."""

    def __init__(self, session: Session) -> None:
        self.session, self.limits, self.rate = session, session.guards, session.training.learning_rate
        self.losses: deque[float] = deque(maxlen=SEEN)
        self.norms: deque[float] = deque(maxlen=SEEN)
        self.held_out: list[Evaluated] = []
        self.first: list[float] = []
        """The losses of the start."""
        self.lowest = math.inf
        """The lowest running mean so far."""
        self.reports = self.zeros = 0
        self.trained_at_evaluation: list[float] = []
        """The training loss at each measurement."""
        self._active: set[str] = set()

    def remember(self, steps: Sequence[StepDone], evaluations: Sequence[Evaluated]) -> None:
        """Know what an earlier engine has told of the same run, and has spoken about."""
        measured = list(evaluations)
        for step in [*steps[:REMEMBERED], *steps[max(REMEMBERED, len(steps) - REMEMBERED) :]]:
            while measured and measured[0].step < step.step:
                self.after_evaluation(measured.pop(0))
            self.after_step(step)
        for told in measured:
            self.after_evaluation(told)

    def after_step(self, step: StepDone) -> list[tuple[Warned, Action]]:
        """What looks wrong after a point of the curve, and what is to be done about it."""
        self.reports += 1
        looks: list[tuple[str, Callable[[StepDone], Warned | None]]] = [
            ("nan_loss", self._nan_loss), ("loss_spike", self._loss_spike), ("flat_loss", self._flat_loss),
            ("exploding_gradients", self._exploding), ("zero_gradients", self._zero),
        ]  # fmt: skip
        found = [heard for name, look in looks if (heard := self._heard(name, look(step)))]
        if math.isfinite(step.loss):
            self.losses.append(step.loss)
            if len(self.first) < ENOUGH:
                self.first.append(step.loss)
            self.lowest = min(self.lowest, fmean(list(self.losses)[-ENOUGH:]))
        if step.grad_norm is not None and math.isfinite(step.grad_norm):
            self.norms.append(step.grad_norm)
        return found

    def after_evaluation(self, told: Evaluated) -> list[tuple[Warned, Action]]:
        """What looks wrong after a measurement on held-out examples."""
        self.held_out.append(told)
        self.trained_at_evaluation.append(fmean(self.losses) if self.losses else math.nan)
        heard = self._heard("overfitting", self._overfitting(told))
        return [heard] if heard else []

    def _heard(self, name: str, warning: Warned | None) -> tuple[Warned, Action] | None:
        """The warning and its action, unless the guard is off or has said so already."""
        action: Action = getattr(self.limits, name)
        if warning is None:
            self._active.discard(name)
            return None
        if action == "off" or name in self._active:
            return None
        self._active.add(name)
        return warning, action

    def _nan_loss(self, step: StepDone) -> Warned | None:
        if math.isfinite(step.loss):
            return None
        clip = min(0.3, self.session.training.max_grad_norm or 0.3)
        return Warned(
            code="nan-loss",
            text=f"the loss of update {step.step} is {step.loss}: the weights are broken and nothing more can be learned",
            advice="halve the learning rate, clip gradients harder, and train in bfloat16 rather than float16",
            mend={"training.learning_rate": self.rate / 2, "training.max_grad_norm": clip},
            step=step.step,
        )

    def _loss_spike(self, step: StepDone) -> Warned | None:
        if len(self.losses) < ENOUGH or not math.isfinite(step.loss):
            return None
        mean = fmean(list(self.losses)[-2 * ENOUGH :])
        if step.loss < max(self.limits.loss_spike_factor * mean, mean + LEAST_JUMP):
            return None
        return Warned(
            code="loss-spike",
            text=f"the loss jumped to {step.loss:.3g}, {step.loss / mean:.1f} times its running mean of {mean:.3g}",
            advice="look for odd examples; if it does not come down again, take a smaller learning rate",
            mend={"training.learning_rate": self.rate / 2},
            step=step.step,
        )

    def _flat_loss(self, step: StepDone) -> Warned | None:
        if self.reports < self.limits.flat_loss_reports or not self.first or not self.losses:
            return None
        start, now = fmean(self.first), fmean(list(self.losses)[-ENOUGH:])
        if (
            self.lowest < start * (1 - FLAT)
            or "zero_gradients" in self._active
            or self.reports > 2 * self.limits.flat_loss_reports
        ):
            return None
        return Warned(
            code="flat-loss",
            text=f"after {step.step} updates the loss is {now:.3g}, and it began with {start:.3g}: it does not learn",
            advice="see in the token preview that answers are learned, then try a learning rate five times as high",
            mend={"training.learning_rate": min(1.0, float(f"{self.rate * 5:g}"))},
            step=step.step,
        )

    def _exploding(self, step: StepDone) -> Warned | None:
        if step.grad_norm is None or len(self.norms) < ENOUGH:
            return None
        usual = median(self.norms)
        if usual <= 0 or step.grad_norm <= self.limits.exploding_gradients_factor * usual:
            return None
        clip = min(self.session.training.max_grad_norm or 1.0, float(f"{usual:.2g}"))
        return Warned(
            code="exploding-gradients",
            text=f"the gradient norm is {step.grad_norm:.3g}, {step.grad_norm / usual:.0f} times its median of {usual:.3g}",
            advice="clip gradients at what is usual, or take a smaller learning rate",
            mend={"training.max_grad_norm": clip},
            step=step.step,
        )

    def _zero(self, step: StepDone) -> Warned | None:
        self.zeros = self.zeros + 1 if step.grad_norm == 0 else 0
        if self.zeros < self.limits.zero_gradients_reports:
            return None
        return Warned(
            code="zero-gradients",
            text=f"gradients were zero {self.zeros} times in a row, up to update {step.step}: nothing is learned",
            advice="no label is left to learn from: see in the token preview whether every answer is masked or cut off",
            step=step.step,
        )

    def _overfitting(self, told: Evaluated) -> Warned | None:
        needed = self.limits.overfitting_evaluations + 1
        held_out, trained = self.held_out[-needed:], self.trained_at_evaluation[-needed:]
        rising = all(before.loss < after.loss for before, after in pairwise(held_out))
        if len(held_out) < needed or not rising or not trained[-1] < trained[0]:
            return None
        best = min(self.held_out, key=lambda one: one.loss)
        return Warned(
            code="overfitting",
            text=(
                f"the held-out loss has risen {needed - 1} times in a row, from {held_out[0].loss:.3g} to {told.loss:.3g}, "
                f"while the training loss falls: it learns by heart; it was best at update {best.step}"
            ),
            advice="end here, train for fewer updates next time, or keep the best checkpoint",
            mend={"training.max_steps": max(1, best.step)},
            step=told.step,
        )
