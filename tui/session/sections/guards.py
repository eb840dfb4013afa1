"""``[guards]``: what is watched while it trains, and what is done about it."""

from __future__ import annotations

from typing import Literal

from tui.session.fields import option
from tui.session.sections.base import Section

Action = Literal["off", "warn", "stop"]


class GuardsSection(Section):
    nan_loss: Action = option(
        "stop",
        "Broken loss",
        "When the loss is no number any more, nothing more is learned: stop ends it and keeps its last good checkpoint.",
    )
    loss_spike: Action = option(
        "warn", "Loss spike", "What to do when the loss jumps far above what it was: an odd example, or too large a rate."
    )
    loss_spike_factor: float = option(
        3.0, "Spike from", "How many times its running mean the loss must be; smaller warns more often.", gt=1, le=1000
    )
    flat_loss: Action = option(
        "warn",
        "Flat loss",
        "What to do when the loss does not fall from the start: labels that are masked, too small a rate.",
    )
    flat_loss_reports: int = option(
        50,
        "Flat after",
        "How many points of the curve must be no better than the first ones; fewer warn earlier.",
        unit="reports",
        ge=4,
    )
    exploding_gradients: Action = option(
        "warn", "Exploding gradients", "What to do when gradients grow far above what is usual in this run."
    )
    exploding_gradients_factor: float = option(
        10.0, "Exploding from", "How many times their median gradients must be; smaller warns more often.", gt=1, le=10_000
    )
    zero_gradients: Action = option(
        "warn",
        "Zero gradients",
        "What to do when gradients are zero, so that nothing is learned: no label is left to learn.",
    )
    zero_gradients_reports: int = option(
        3, "Zero after", "How many points of the curve in a row must have none; fewer warn earlier.", unit="reports", ge=1
    )
    overfitting: Action = option(
        "warn", "Over-fitting", "What to do when the held-out loss rises while the training loss falls: it learns by heart."
    )
    overfitting_evaluations: int = option(
        3, "Over-fits after", "How many measurements in a row must be worse; fewer warn earlier.", unit="evaluations", ge=1
    )
    stalled: Action = option(
        "warn", "Stalled", "What to do when an update takes far longer than usual: a disk, a network or a GPU that hangs."
    )
    stalled_factor: float = option(
        20.0, "Stalled from", "How many times the usual time must pass, a minute at least; smaller warns sooner.", gt=1
    )
    disk: Action = option(
        "warn", "Disk", "What to do when the disk fills; a checkpoint that does not fit is left out in any case."
    )
    disk_free_gb: float = option(
        5.0, "Disk from", "Less than this must be free; more warns earlier.", unit="GB", ge=0, le=1_000_000
    )
    throttling: Action = option(
        "warn", "Throttling", "What to do when the GPU slows itself down, being too hot or short of power."
    )
    shared_memory: Action = option(
        "warn", "Shared memory", "What to do when another program takes memory on the GPU of this run."
    )
    shared_memory_gb: float = option(
        1.0, "Shared from", "How much the others must take together; smaller warns earlier.", unit="GB", ge=0, le=10_000
    )
    out_of_memory: Literal["stop", "retry"] = option(
        "retry",
        "Out of memory",
        "retry goes on from the last checkpoint with smaller batches, and more of them an update; stop ends the run.",
    )
