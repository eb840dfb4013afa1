"""What a session comes to: updates, tokens, trained parameters, time."""

from __future__ import annotations

import math
from dataclasses import dataclass

from tui.session.facts import Facts, Shape
from tui.session.schema import Session
from tui.session.sections.lora import ALL_LINEAR, LoraSection

EMBEDDINGS = ("embed_tokens", "lm_head")
"""Layers that Unsloth trains whole instead of giving them an adapter."""

MOST_STEPS = 2**53
"""No run is longer, whatever epochs are asked for; up to here every number is exact."""


@dataclass(frozen=True)
class Outlook:
    """Figures that follow from a session; None where something is not known."""

    effective_batch: int
    """Examples an update."""
    tokens_per_update: int
    """At most."""
    examples: int | None
    """Examples to train on, without those held out."""
    steps_per_epoch: int | None
    steps: int | None
    """Updates in all."""
    trained_parameters: int | None
    all_parameters: int | None
    seconds: float | None
    """How long the updates take, going by the last run with this model here; what processes tell each other is left out."""


def outlook(session: Session, facts: Facts) -> Outlook:
    """The figures of all processes together."""
    batch = session.effective_batch
    examples = _training_examples(session, facts)
    # as the trainer counts: batches first, then updates, and one that is not full counts too
    per_device, accumulation = session.training.per_device_train_batch_size, session.training.gradient_accumulation_steps
    at_once = per_device * session.processes
    per_epoch = None
    if examples and not session.training.packing:
        per_epoch = math.ceil(math.ceil(examples / at_once) / accumulation)
    steps = session.training.max_steps
    if steps is None and per_epoch is not None:
        steps = math.ceil(min(per_epoch * session.training.num_train_epochs, MOST_STEPS))
    trained = trained_parameters(session, facts)
    return Outlook(
        effective_batch=batch,
        tokens_per_update=batch * session.model.max_seq_length,
        examples=examples,
        steps_per_epoch=per_epoch,
        steps=steps,
        trained_parameters=trained,
        all_parameters=facts.parameters,
        seconds=steps * session.process_batch * facts.seconds_per_example if steps and facts.seconds_per_example else None,
    )


def _training_examples(session: Session, facts: Facts) -> int | None:
    if facts.examples is None:
        return None
    evaluation = session.evaluation
    if evaluation.source or not evaluation.held_out:
        return facts.examples
    held_out = evaluation.count or max(1, round(facts.examples * (evaluation.fraction or 0)))
    return facts.examples - max(0, min(held_out, facts.examples - 1))


def trained_parameters(session: Session, facts: Facts) -> int | None:
    """How many parameters are trained: all, or r × (inputs + outputs) for each adapted layer (LoRA, arXiv 2106.09685).

    DoRA adds one magnitude an output (arXiv 2402.09353); layers that are trained whole count whole.
    """
    if session.model.full_finetuning:
        return facts.parameters
    if session.lora.continue_from:
        return facts.adapter_parameters
    if not facts.linears:
        return None
    lora = session.lora
    adapted = adapted_layers(lora, facts)
    whole = {
        name for name in (*lora.target_modules, *lora.modules_to_save) if name in EMBEDDINGS or name in lora.modules_to_save
    }
    counted = sum(_adapter_size(shape, lora) for name in adapted for shape in facts.linears[name])
    return counted + sum(out * inner for name in whole for out, inner in facts.linears.get(name, ()))


def adapted_layers(lora: LoraSection, facts: Facts) -> list[str]:
    """The names of the model's layers that get an adapter."""
    if lora.target_modules == ALL_LINEAR:
        return [name for name in facts.linears if name not in EMBEDDINGS]
    return [name for name in dict.fromkeys(lora.target_modules) if name in facts.linears and name not in EMBEDDINGS]


def _adapter_size(shape: Shape, lora: LoraSection) -> int:
    outputs, inputs = shape
    return lora.r * (inputs + outputs) + (outputs if lora.use_dora else 0)
