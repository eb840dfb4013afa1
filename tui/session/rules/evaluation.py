"""Rules about evaluation, the best checkpoint and the early stop."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tui.session.facts import Facts
from tui.session.outlook import outlook
from tui.session.problem import Problem, advice
from tui.session.schema import Session

TYPICAL_MEASUREMENTS = 10
MEASURED = "eval_loss"
"""What is measured on held-out examples on every device; on a processor TRL adds others."""


def rules(session: Session, facts: Facts) -> Iterator[Problem]:
    """What is wrong with [evaluation], and with the checkpoints that go with it."""
    evaluation = session.evaluation
    if facts.examples == 1 and evaluation.fraction and not evaluation.source:
        text = "of a single example nothing can be held out"
        yield Problem("evaluation.fraction", text, mend={"evaluation.fraction": None})
    if evaluation.source and evaluation.fraction:
        text = "the file of held-out data is used, not a share of the training data"
        yield advice("evaluation.fraction", text, {"evaluation.fraction": None})
    if evaluation.answer_pattern is not None:
        try:
            re.compile(evaluation.answer_pattern)
        except (re.error, OverflowError, RecursionError) as error:
            text = f"is not a regular expression: {error}"
            yield Problem("evaluation.answer_pattern", text, mend={"evaluation.answer_pattern": None})
    metric, kept = evaluation.metric_for_best_model, "evaluation.metric_for_best_model"
    if metric != MEASURED and (
        evaluation.load_best_model_at_end or evaluation.early_stopping_patience or session.training.save_strategy == "best"
    ):
        yield Problem(kept, f"nothing measures {metric}; {MEASURED} is measured", mend={kept: MEASURED})
    if evaluation.held_out:
        yield from _cadence(session, facts)
        yield from _best(session)
    else:
        yield from _nothing_held_out(session, facts)


def _nothing_held_out(session: Session, facts: Facts) -> Iterator[Problem]:
    evaluation = session.evaluation
    divisible = session.data.source != "" and facts.examples != 1
    for key, on, off in (
        ("evaluation.eval_steps", evaluation.eval_steps is not None, None),
        ("evaluation.load_best_model_at_end", evaluation.load_best_model_at_end, False),
        ("evaluation.early_stopping_patience", evaluation.early_stopping_patience is not None, None),
    ):
        if on:
            text = "there is no held-out data to evaluate on; set evaluation.source or evaluation.fraction"
            yield Problem(key, text, mend={"evaluation.fraction": 0.05} if divisible else {key: off})
    if session.training.save_strategy == "best":
        text = "the best checkpoint is found by evaluating, and there is no held-out data"
        yield Problem("training.save_strategy", text, mend={"training.save_strategy": "epoch"})


def _cadence(session: Session, facts: Facts) -> Iterator[Problem]:
    evaluation = session.evaluation
    if evaluation.eval_strategy == "steps" and not evaluation.eval_steps:
        steps = outlook(session, facts).steps or 100
        text = "by steps, it needs a number of updates between two evaluations"
        mend = {"evaluation.eval_steps": max(1, steps // TYPICAL_MEASUREMENTS)}
        yield Problem("evaluation.eval_steps", text, mend=mend)
    if evaluation.eval_strategy != "steps" and evaluation.eval_steps:
        text = f"is not used: evaluation goes by {evaluation.eval_strategy}"
        yield advice("evaluation.eval_steps", text, {"evaluation.eval_strategy": "steps"})
    if evaluation.eval_strategy == "no":
        by_epoch = {"evaluation.eval_strategy": "epoch"}
        if evaluation.early_stopping_patience:
            text = "an early stop needs evaluations on the way"
            yield Problem("evaluation.early_stopping_patience", text, mend=by_epoch)
        if session.training.save_strategy == "best":
            text = "the best checkpoint is found by evaluating on the way"
            yield Problem("training.save_strategy", text, mend=by_epoch)


def _best(session: Session) -> Iterator[Problem]:
    """transformers keeps the best model only where a checkpoint is written at every evaluation."""
    evaluation, training = session.evaluation, session.training
    if not evaluation.load_best_model_at_end or training.save_strategy == "best":
        return
    key = "evaluation.load_best_model_at_end"
    if evaluation.eval_strategy == "no":
        yield Problem(
            key, "which model is best is found by evaluating on the way", mend={"evaluation.eval_strategy": "epoch"}
        )
    elif training.save_strategy != evaluation.eval_strategy:
        text = (
            f"needs a checkpoint at every evaluation: evaluation goes by {evaluation.eval_strategy}, "
            f"checkpoints by {training.save_strategy}"
        )
        mend: dict[str, object] = {"training.save_strategy": evaluation.eval_strategy}
        if evaluation.eval_strategy == "steps" and evaluation.eval_steps:
            mend["training.save_steps"] = evaluation.eval_steps
        yield Problem(key, text, mend=mend)
    elif training.save_strategy == "steps" and evaluation.eval_steps and training.save_steps % evaluation.eval_steps:
        whole = max(1, training.save_steps // evaluation.eval_steps) * evaluation.eval_steps
        text = f"checkpoints must fall on evaluations: {training.save_steps} is no multiple of {evaluation.eval_steps}"
        yield Problem("training.save_steps", text, mend={"training.save_steps": whole})
