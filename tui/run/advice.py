"""What could be better about a run, from its own warnings and from its figures, each with the change that would help."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from tui import words
from tui.run import figures
from tui.run.events import Failed, Values, Warned
from tui.run.state import RunState
from tui.session.schema import Session

BUSY_ENOUGH, BUSY_KNOWN_S = 0.6, 30.0
"""A GPU that was less busy than this, over at least this time, waits for something."""
LOW_UTILISATION, SHORT_ROWS = 0.2, 0.25
"""Rows that fill less than this share of the longest length leave a card under-used."""
SPARE_MEMORY = 0.5
FEWEST_UPDATES, COMPARED_UPDATES = 60, 200
HARDLY_FALLEN = 0.02
RISEN, RISES = 1.03, 2
"""A held-out loss this many times its best, so many measurements later, will not come down again."""


@dataclass(frozen=True)
class Advice:
    """One thing that could be better."""

    text: str
    advice: str = ""
    mend: Values = field(default_factory=dict)
    """Changes of the session that would help the next run, by key; empty where only a person can tell."""


def advise(state: RunState, session: Session | None) -> list[Advice]:
    """Everything that is known, the gravest first."""
    told: list[Failed | Warned] = [*([state.failure] if state.failure else []), *reversed(state.warnings)]
    found = [Advice(it.text, it.advice, it.mend) for it in told]
    if session and state.plan and state.last_step:
        found += [*_learning(state, session), *_speed(state, session)]
    return found


def _learning(state: RunState, session: Session) -> Iterator[Advice]:
    rate = session.training.learning_rate
    early, late = state.steps[:COMPARED_UPDATES], state.steps[-COMPARED_UPDATES:]
    half = min(len(state.steps) // 2, COMPARED_UPDATES)
    if half * 2 >= FEWEST_UPDATES and not any("flat" in warning.code for warning in state.warnings):
        before, after = (sum(step.loss for step in steps) / half for steps in (early[:half], late[-half:]))
        if before > 0.1 and after > before * (1 - HARDLY_FALLEN):
            text = f"The loss hardly falls: {before:.3g} at first, {after:.3g} lately."
            yield Advice(text, f"Try a learning rate of {2 * rate:.2g}.", {"training.learning_rate": min(1.0, 2 * rate)})
    if overfitting := _overfitting(state, session):
        yield overfitting


def _overfitting(state: RunState, session: Session) -> Advice | None:
    if state.plan is None or len(state.evaluations) <= RISES:
        return None
    at = min(range(len(state.evaluations)), key=lambda place: state.evaluations[place].loss)
    best, last = state.evaluations[at], state.evaluations[-1]
    if len(state.evaluations) - 1 - at < RISES or last.loss < best.loss * RISEN:
        return None
    epochs = round(best.step / max(1, state.plan.steps) * state.plan.epochs, 2)
    text = f"It over-fits: the held-out loss was best, {best.loss:.3g}, at update {best.step}, and is {last.loss:.3g} now."
    if session.training.max_steps is not None:
        return Advice(text, f"End after {best.step} updates.", {"training.max_steps": best.step})
    return Advice(text, f"Train for {epochs} epochs.", {"training.num_train_epochs": epochs})


def _speed(state: RunState, session: Session) -> Iterator[Advice]:
    training = session.training
    busy, memory = figures.busy_share(state), figures.memory_use(state)
    share = figures.utilisation(state)
    row = state.last_step.tokens / max(1, figures.samples_seen(state)) if state.last_step else 0.0
    short = row < SHORT_ROWS * session.model.max_seq_length
    if share is not None and share < LOW_UTILISATION and short and not training.packing:
        text = f"Rows of {row:.0f} tokens on average use {share:.0%} of what the GPU can compute."
        yield Advice(text, "Pack several rows into one of full length.", {"training.packing": True})
    larger = _larger_batch(session)
    if busy and busy[1] >= BUSY_KNOWN_S and busy[0] < BUSY_ENOUGH:
        text = f"The GPU was busy for {words.share(busy[0])} of the time: it waits for data, or its batches are small."
        yield Advice(text, _said(larger), larger)
    elif memory and state.plan and figures.peak_tflops(state.plan.device) and memory.share(memory.peak_bytes) < SPARE_MEMORY:
        text = f"There is memory to spare: at most {memory.share(memory.peak_bytes):.0%} of the card was used."
        yield Advice(text, _said(larger), larger)


def _larger_batch(session: Session) -> Values:
    """Twice the batch, and where it can be half the accumulation, so that the effective batch stays."""
    batch, batches = session.training.per_device_train_batch_size, session.training.gradient_accumulation_steps
    mend: Values = {"training.per_device_train_batch_size": 2 * batch}
    return mend if batches % 2 else mend | {"training.gradient_accumulation_steps": batches // 2}


def _said(mend: Values) -> str:
    batch, batches = mend["training.per_device_train_batch_size"], mend.get("training.gradient_accumulation_steps")
    if batches is None:
        return f"Try {batch} examples at once; each update then learns from twice as many."
    return f"Try {batch} examples at once with accumulation {batches}: the same training, faster."
