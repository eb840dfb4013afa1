"""Rules about how long it trains and how the rate goes."""

from __future__ import annotations

from collections.abc import Iterator

from tui.session.facts import Facts
from tui.session.outlook import EMBEDDINGS, outlook
from tui.session.problem import Problem, advice
from tui.session.schema import Session
from tui.session.sections.base import Settings

NEEDED: dict[str, Settings] = {
    "cosine_with_min_lr": {"min_lr_rate": 0.1},
    "cosine_warmup_with_min_lr": {"min_lr_rate": 0.1},
    "warmup_stable_decay": {"num_decay_steps": 10},
}
"""What these schedules must be given (either of min_lr and min_lr_rate), with a usual value."""


WITHOUT_SETTINGS = ("linear", "constant", "constant_with_warmup")


def rules(session: Session, facts: Facts) -> Iterator[Problem]:
    """What is wrong with lengths, rates and schedules in [training]."""
    yield from _length(session, facts)
    yield from _warmup(session, facts)
    yield from _schedule(session)
    yield from _rate(session)


def _length(session: Session, facts: Facts) -> Iterator[Problem]:
    training, default = session.training, type(session.training)()
    if training.max_steps and training.num_train_epochs != default.num_train_epochs:
        text = f"the run ends after {training.max_steps} updates, whatever the epochs say"
        yield advice("training.num_train_epochs", text, {"training.num_train_epochs": default.num_train_epochs})
    elif training.num_train_epochs > 5 and (facts.examples is None or facts.examples > 100):
        yield advice("training.num_train_epochs", "more than 5 epochs learn by heart", {"training.num_train_epochs": 3.0})
    ahead = outlook(session, facts)
    if ahead.examples and ahead.effective_batch > ahead.examples and not training.packing:
        text = f"one update takes {ahead.effective_batch} examples, and there are {ahead.examples} in all"
        nodes = min(session.cluster.nodes, ahead.examples)
        processes = min(session.cluster.nproc_per_node, ahead.examples // nodes)
        batch = min(training.per_device_train_batch_size, ahead.examples // (nodes * processes))
        mend = {"training.gradient_accumulation_steps": 1, "training.per_device_train_batch_size": batch}
        if session.processes > 1:
            mend |= {"cluster.nodes": nodes, "cluster.nproc_per_node": processes}
        yield advice("training.gradient_accumulation_steps", text, mend)
    by_steps = (
        ("training.save_steps", training.save_steps, training.save_strategy),
        ("evaluation.eval_steps", session.evaluation.eval_steps, session.evaluation.eval_strategy),
    )
    together = session.evaluation.load_best_model_at_end  # then checkpoints must fall on evaluations
    for key, value, strategy in by_steps:
        if ahead.steps and value and strategy == "steps" and value > ahead.steps:
            text = f"the run ends after {ahead.steps} updates, before the first"
            keys = [other for other, _, how in by_steps if other == key or (together and how == "steps")]
            yield advice(key, text, dict.fromkeys(keys, max(1, ahead.steps // 4)))
    if ahead.steps and training.logging_steps > ahead.steps:
        text = f"the run ends after {ahead.steps} updates, before the first point of the curve"
        yield advice("training.logging_steps", text, {"training.logging_steps": 1})


def _warmup(session: Session, facts: Facts) -> Iterator[Problem]:
    training, default = session.training, type(session.training)()
    steps = outlook(session, facts).steps
    if training.warmup_ratio is not None:
        if training.warmup_steps != default.warmup_steps:
            text = "the share decides, and the number of updates is not used"
            yield advice("training.warmup_steps", text, {"training.warmup_steps": default.warmup_steps})
    elif steps and training.warmup_steps >= steps and training.warmup_steps > 1:
        text = f"the warm-up ({training.warmup_steps}) is as long as the whole run ({steps} updates)"
        yield advice("training.warmup_steps", text, {"training.warmup_steps": steps // 10})
    warms_up = training.warmup_ratio or training.warmup_steps != default.warmup_steps
    if training.lr_scheduler_type in ("constant", "reduce_lr_on_plateau", "greedy") and warms_up:
        text = "this schedule has no warm-up; constant_with_warmup has one"
        yield advice("training.lr_scheduler_type", text, {"training.lr_scheduler_type": "constant_with_warmup"})


def _schedule(session: Session) -> Iterator[Problem]:
    training, key = session.training, "training.lr_scheduler_kwargs"
    name, given = training.lr_scheduler_type, training.lr_scheduler_kwargs or {}
    needed = NEEDED.get(name)
    if {"min_lr", "min_lr_rate"} <= given.keys():
        text = "min_lr and min_lr_rate say the same in two ways; one of them has to go"
        yield Problem(key, text, mend={key: {word: value for word, value in given.items() if word != "min_lr"}})
    if given and name in WITHOUT_SETTINGS:
        yield Problem(key, f"the schedule {name} takes no settings", mend={key: None})
    if needed and not (given.keys() & {*needed, *(("min_lr",) if "min_lr_rate" in needed else ())}):
        words = ", ".join(f"{setting} = {value}" for setting, value in needed.items())
        yield Problem(key, f"the schedule {name} needs a setting, like {words}", mend={key: given | needed})
    if name in ("reduce_lr_on_plateau", "greedy") and (
        not session.evaluation.held_out or session.evaluation.eval_strategy == "no"
    ):
        text = f"{name} goes by the held-out loss, and nothing is evaluated"
        yield Problem("training.lr_scheduler_type", text, mend={"training.lr_scheduler_type": "cosine"})


def _rate(session: Session) -> Iterator[Problem]:
    training, full = session.training, session.model.full_finetuning
    rate, key = training.learning_rate, "training.learning_rate"
    if full and rate > 1e-4:
        yield advice(key, f"{rate:g} is high for full fine-tuning; 2e-5 is usual", {key: 2e-5})
    if not full and rate > 2e-3:
        yield advice(key, f"{rate:g} is high for LoRA; 2e-4 is usual", {key: 2e-4})
    if rate < (1e-8 if full else 1e-6):
        yield advice(key, f"{rate:g} is so small that nothing may be learned", {key: 2e-5 if full else 2e-4})
    key = "training.embedding_learning_rate"
    if training.embedding_learning_rate is None:
        return
    if not full and not any(name in EMBEDDINGS for name in (*session.lora.target_modules, *session.lora.modules_to_save)):
        text = "neither embed_tokens nor lm_head is trained; add them to lora.modules_to_save"
        yield Problem(key, text, mend={key: None})
    elif training.embedding_learning_rate > rate:
        text = "embeddings are usually trained slower than the rest"
        yield advice(key, text, {key: float(f"{rate / 5:g}") or rate})
