"""What the Tune place says in words: what a session comes to, what is wrong, and what a field is about."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tui import words
from tui.run.forecast import Forecast
from tui.session.fields import FieldSpec, form_fields
from tui.session.outlook import Outlook
from tui.session.problem import Problem
from tui.session.schema import Session
from tui.session.text import describe, to_text

BAR_WIDTH = 22
PART_SIGNS = {
    "weights": "█", "adapter": "▓", "gradients": "▒", "optimiser": "░", "activations": "▞", "loss": "▚", "slack": "▖",
}  # fmt: skip
"""The parts of a memory forecast, as a bar shows them."""


def outlook_lines(session: Session, ahead: Outlook, memory: Forecast | None = None) -> list[str]:
    """What follows from a session, a line each."""
    training, lora = session.training, session.lora
    batch, accumulation = training.per_device_train_batch_size, training.gradient_accumulation_steps
    full = session.model.full_finetuning
    method = "full fine-tuning" if full else f"{session.model.precision} LoRA, rank {lora.r}"
    scale = lora.lora_alpha / (lora.r**0.5 if lora.use_rslora else lora.r)
    trained = ""
    if ahead.trained_parameters:
        share = f" ({ahead.trained_parameters / ahead.all_parameters:.2%})" if ahead.all_parameters else ""
        trained = f"  trains {words.count(ahead.trained_parameters)}{share}"
    processes = f" × {session.processes} processes" if session.processes > 1 else ""
    length = f"{training.num_train_epochs:g} epoch{'s' * (training.num_train_epochs != 1)}"
    lines = [
        "What it comes to",
        f"  {method}",
        "" if full else f"  adapter scale {scale:g}",
        trained,
        f"  batch {batch} × {accumulation}{processes} = {ahead.effective_batch}",
        f"  ≤ {words.count(ahead.tokens_per_update)} tokens/update",
        f"  {words.count(ahead.examples)} examples" if ahead.examples else "",
        f"  {words.count(ahead.steps_per_epoch)} updates/epoch" if ahead.steps_per_epoch else "",
        f"  {words.count(ahead.steps)} updates in all" if ahead.steps else f"  {length}",
        f"  about {words.seconds(ahead.seconds)}, going by the last run" if ahead.seconds else "",
    ]
    return [*(line for line in lines if line), *(memory_lines(memory) if memory else [])]


def memory_lines(memory: Forecast) -> list[str]:
    """What it takes of the GPU: a bar of its parts, and whether that fits."""
    sizes = [(name, sign, getattr(memory.parts, name) * memory.factor) for name, sign in PART_SIGNS.items()]
    scale = max(memory.total_bytes, memory.free_bytes or 0)
    source = "by the last run" if memory.measured else "predicted"
    told = [f"  memory {words.size(memory.total_bytes)}, {source}", f"  {_stacked(sizes, scale).ljust(BAR_WIDTH, '·')}"]
    told += [f"  {sign} {name} {words.size(size)}" for name, sign, size in sizes if size]
    return [
        *told,
        f"  {memory.verdict}: {words.size(memory.free_bytes)} free" if memory.verdict else "  on a GPU; none is here",
    ]


def _stacked(sizes: Sequence[tuple[str, str, float]], scale: float) -> str:
    """A bar in which each part ends where the sum up to it does, so that rounding never adds up."""
    bar, total = "", 0.0
    for _, sign, size in sizes:
        total += size
        bar = bar.ljust(round(BAR_WIDTH * total / scale), sign)
    return bar


def problem_lines(problems: Sequence[Problem]) -> list[str]:
    """Everything that is wrong, blocking things first."""
    if not problems:
        return ["Nothing is wrong with it.", "ctrl+t starts the run."]
    blocking = [f"✗ {_titled(problem)}" for problem in problems if problem.blocking]
    thoughts = [f"! {_titled(problem)}" for problem in problems if not problem.blocking]
    hint = ["F8 mends the first that it can"] if any(problem.mend for problem in problems) else []
    return [
        *(["Before it can start", *blocking] if blocking else []),
        *(["Worth a thought", *thoughts] if thoughts else []),
        *hint,
        *([] if blocking else ["ctrl+t starts the run."]),
    ]


def _titled(problem: Problem) -> str:
    """A problem by the title of its field, as the form shows it."""
    titles = (spec.title for spec in form_fields(Session) if problem.key in spec.keys)
    return f"{next(titles, problem.key)}: {problem.text}"


def help_lines(spec: FieldSpec, complaint: str, problems: Iterable[Problem]) -> list[str]:
    """What is wrong with a field and what would mend it, then what it is about."""
    wrong = [f"✗ {complaint}"] if complaint else []
    for problem in problems:
        if problem.text == complaint:  # Tune tells what is refused among the problems too
            continue
        mend = f" — F8: {mend_words(problem.mend)}" if problem.mend else ""
        wrong.append(f"{'✗' if problem.blocking else '!'} {problem.text}{mend}")
    return [*wrong, describe(spec)]


def mend_words(mend: Mapping[str, Any]) -> str:
    """What a mend would do, in the words of the form."""
    told = []
    for spec in form_fields(Session):
        if set(spec.keys) & mend.keys():
            value = next((word for word, key in zip(spec.choices, spec.keys, strict=False) if mend.get(key)), "")
            told.append(f"{spec.title} {value if spec.switches else to_text(mend[spec.key]) or 'left out'}")
    return ", ".join(told)
