"""What is wrong with a session taken by itself, in words, at the key it is about."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from tui.session.schema import Session


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong."""

    key: str
    """The dotted key it is about; empty for the file as a whole."""
    text: str
    blocking: bool = True
    """Whether a run with it makes no sense; otherwise it is advice."""

    def __str__(self) -> str:
        return f"{self.key}: {self.text}" if self.key else self.text


def check(session: Session) -> list[Problem]:
    """Every problem that can be seen without looking at files, models or hardware."""
    return [*_missing(session), *_contradictions(session), *_advice(session)]


def _missing(session: Session) -> Iterator[Problem]:
    if not session.model.name:
        yield Problem("model.name", "no model is chosen")
    if not session.data.source:
        yield Problem("data.source", "no training data is chosen")


def _contradictions(session: Session) -> Iterator[Problem]:
    model, training, evaluation = session.model, session.training, session.evaluation
    if model.full_finetuning and model.load_in_4bit:
        yield Problem("model.full_finetuning", "4-bit weights cannot be trained in full; switch model.load_in_4bit off")
    if training.max_steps and training.warmup_steps >= training.max_steps:
        yield Problem(
            "training.warmup_steps",
            f"the warm-up ({training.warmup_steps}) is as long as the whole run ({training.max_steps} updates)",
            blocking=False,
        )
    if evaluation.eval_steps and not evaluation.source:
        yield Problem("evaluation.eval_steps", "there is no held-out data to evaluate on; set evaluation.source")
    if evaluation.answer_pattern is not None:
        try:
            re.compile(evaluation.answer_pattern)
        except (re.error, OverflowError, RecursionError) as error:
            yield Problem("evaluation.answer_pattern", f"is not a regular expression: {error}")


def _advice(session: Session) -> Iterator[Problem]:
    rate = session.training.learning_rate
    if session.model.full_finetuning and rate > 1e-4:
        yield Problem("training.learning_rate", f"{rate:g} is high for full fine-tuning; 2e-5 is usual", blocking=False)
    if not session.model.full_finetuning and rate > 2e-3:
        yield Problem("training.learning_rate", f"{rate:g} is high for LoRA; 2e-4 is usual", blocking=False)
    if not session.model.full_finetuning and rate < 1e-6:
        yield Problem("training.learning_rate", f"{rate:g} is so small that nothing may be learned", blocking=False)
    if session.lora.lora_alpha > 4 * session.lora.r:
        yield Problem("lora.lora_alpha", "more than four times the rank often diverges", blocking=False)
