"""The part of ``[training]`` that says how large an update is, how many there are, and how far each goes."""

from __future__ import annotations

from typing import Literal

from tui.session.fields import option
from tui.session.sections.base import Section, Settings

Scheduler = Literal[
    "linear", "cosine", "cosine_with_restarts", "cosine_with_min_lr", "cosine_warmup_with_min_lr", "polynomial", "constant",
    "constant_with_warmup", "inverse_sqrt", "warmup_stable_decay", "reduce_lr_on_plateau", "greedy",
]  # fmt: skip
"""All that transformers has."""


class UpdatesSection(Section):
    per_device_train_batch_size: int = option(
        2,
        "Batch per GPU",
        "Examples computed at once: larger is faster and takes more memory.",
        to="SFTConfig.per_device_train_batch_size",
        unit="examples",
        main=True,
        ge=1,
    )
    gradient_accumulation_steps: int = option(
        4,
        "Accumulation",
        "Batches added up before one update: more makes a larger effective batch without more memory.",
        to="SFTConfig.gradient_accumulation_steps",
        unit="batches",
        main=True,
        ge=1,
    )
    num_train_epochs: float = option(
        1.0,
        "Epochs",
        "How often the whole dataset is seen: 1 to 3 are usual, more over-fits.",
        to="SFTConfig.num_train_epochs",
        main=True,
        gt=0,
    )
    max_steps: int | None = option(
        None,
        "Steps at most",
        "End after this many updates, whatever the epochs say; leave out to go by epochs.",
        to="SFTConfig.max_steps",
        unit="updates",
        main=True,
        ge=1,
    )
    learning_rate: float = option(
        2e-4,
        "Learning rate",
        "Size of each update: too large diverges, too small learns nothing; 2e-4 suits LoRA, 2e-5 full.",
        to="SFTConfig.learning_rate",
        main=True,
        gt=0,
        le=1,
    )
    embedding_learning_rate: float | None = option(
        None,
        "Embedding rate",
        "A rate of its own for embed_tokens and lm_head where they are trained; 2 to 10 times smaller is usual.",
        to="UnslothTrainingArguments.embedding_learning_rate",
        gt=0,
        le=1,
    )
    warmup_steps: int = option(
        5,
        "Warm-up",
        "Updates over which the rate rises from zero; more makes the start gentler.",
        to="SFTConfig.warmup_steps",
        unit="updates",
        ge=0,
    )
    warmup_ratio: float | None = option(
        None,
        "Warm-up share",
        "The warm-up as a share of the whole run, in place of a number of updates; 0.03 to 0.1 are usual.",
        to="SFTConfig.warmup_steps",
        gt=0,
        lt=1,
    )
    lr_scheduler_type: Scheduler = option(
        "linear",
        "Schedule",
        "How the rate falls after the warm-up: linear and cosine end at zero, constant stays.",
        to="SFTConfig.lr_scheduler_type",
    )
    lr_scheduler_kwargs: Settings | None = option(
        None,
        "Schedule settings",
        "What the schedule takes besides, like min_lr_rate = 0.1 for cosine_with_min_lr or num_cycles = 2 for restarts.",
        to="SFTConfig.lr_scheduler_kwargs",
    )
