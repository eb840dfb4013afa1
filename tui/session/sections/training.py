"""``[training]``: what SFTTrainer is told."""

from __future__ import annotations

from typing import Literal

from tui.session.fields import option
from tui.session.sections.base import SEED_LIMIT
from tui.session.sections.updates import UpdatesSection

Optimiser = Literal[
    "adamw_8bit", "adamw_torch", "adamw_torch_fused", "paged_adamw_8bit", "paged_adamw_32bit", "adamw_torch_8bit",
    "adamw_torch_4bit", "lion_8bit", "lion_32bit", "paged_lion_8bit", "paged_lion_32bit", "ademamix", "ademamix_8bit",
    "paged_ademamix_8bit", "paged_ademamix_32bit", "adafactor", "adagrad", "rmsprop", "rmsprop_bnb", "rmsprop_bnb_8bit",
    "rmsprop_bnb_32bit", "sgd",
]  # fmt: skip
"""All of transformers' that run with the packages that are installed."""

Reporter = Literal["none", "wandb", "tensorboard", "mlflow", "comet_ml", "trackio", "swanlab", "clearml"]


class TrainingSection(UpdatesSection):
    optim: Optimiser = option(
        "adamw_8bit",
        "Optimiser",
        "adamw_8bit keeps its state in a quarter of the memory of adamw_torch; paged ones move it out when memory is short.",
        to="SFTConfig.optim",
    )
    weight_decay: float = option(
        0.001,
        "Weight decay",
        "Pulls weights towards zero: more fights over-fitting, too much forgets.",
        to="SFTConfig.weight_decay",
        ge=0,
        le=1,
    )
    adam_beta1: float = option(
        0.9,
        "Adam beta 1",
        "How much of the earlier direction each update keeps: larger is smoother and slower to turn.",
        to="SFTConfig.adam_beta1",
        ge=0,
        lt=1,
    )
    adam_beta2: float = option(
        0.999,
        "Adam beta 2",
        "Over how long the size of gradients is averaged: smaller adapts sooner, larger is steadier.",
        to="SFTConfig.adam_beta2",
        ge=0,
        lt=1,
    )
    adam_epsilon: float = option(
        1e-8,
        "Adam epsilon",
        "Keeps the division by small gradients finite: larger damps the updates of rarely used weights.",
        to="SFTConfig.adam_epsilon",
        gt=0,
        le=1,
    )
    max_grad_norm: float = option(
        1.0,
        "Clip gradients at",
        "Larger gradients are scaled down to this norm; smaller is steadier, 0 switches it off.",
        to="SFTConfig.max_grad_norm",
        ge=0,
    )
    neftune_noise_alpha: float | None = option(
        None,
        "NEFTune noise",
        "Noise on the embeddings against learning by heart: 5 is usual, more is stronger; leave out for none.",
        to="SFTConfig.neftune_noise_alpha",
        gt=0,
    )
    label_smoothing_factor: float = option(
        0.0,
        "Label smoothing",
        "Share of certainty given to all other tokens: more makes the model less sure of itself; 0 is usual.",
        to="SFTConfig.label_smoothing_factor",
        ge=0,
        lt=1,
    )
    loss_type: Literal["nll", "dft"] = option(
        "nll",
        "Loss",
        "nll is the usual one; dft weighs each token by how likely it already is, which can generalise better.",
        to="SFTConfig.loss_type",
    )
    custom_loss: str | None = option(
        None,
        "Own loss",
        "A Python function as file.py:function, given outputs, labels and num_items_in_batch; you are asked before it runs.",
        to="SFTTrainer.compute_loss_func",
        like="folder/file.py:function",
        pattern=r"^.+\.py:[A-Za-z_]\w*$",
    )
    packing: bool = option(
        False,
        "Packing",
        "On: several short examples fill one row, which is much faster on short data and changes what one update sees.",
        to="SFTConfig.packing",
    )
    padding_free: bool | None = option(
        None,
        "Padding-free",
        "On: a batch is one long row without padding, faster on uneven lengths; auto lets Unsloth decide.",
        to="SFTConfig.padding_free",
    )
    train_sampling_strategy: Literal["random", "group_by_length", "sequential"] = option(
        "random",
        "Order",
        "random is best for learning, group_by_length pads less and is faster, sequential keeps the order of the file.",
        to="SFTConfig.train_sampling_strategy",
    )
    dataset_num_proc: int | None = option(
        None,
        "Tokenising processes",
        "How many processes tokenise; more is faster on large data, leave out to let Unsloth choose.",
        to="SFTConfig.dataset_num_proc",
        ge=1,
        le=256,
    )
    dataloader_num_workers: int = option(
        0,
        "Loading processes",
        "Processes that prepare batches ahead: more helps where the GPU waits for data, 0 takes the least memory.",
        to="SFTConfig.dataloader_num_workers",
        ge=0,
        le=256,
    )
    bf16: bool | None = option(
        None,
        "bfloat16 autocast",
        "On: computes in bfloat16, half the memory of float32; auto follows the model and the card.",
        to="SFTConfig.bf16",
    )
    fp16: bool | None = option(
        None,
        "float16 autocast",
        "On: computes in float16, for cards without bfloat16; auto follows the model and the card.",
        to="SFTConfig.fp16",
    )
    torch_compile: bool = option(
        False,
        "Compile",
        "On: the model is compiled, slower to start and sometimes faster after; Unsloth's own kernels need none.",
        to="SFTConfig.torch_compile",
    )
    seed: int = option(
        3407,
        "Seed",
        "Fixes everything random in the training, so that a run can be repeated; no value is better than another.",
        to="SFTConfig.seed",
        ge=0,
        le=SEED_LIMIT,
    )
    data_seed: int | None = option(
        None,
        "Data seed",
        "Fixes the order of the examples and what is held out; leave out to take the seed.",
        to="SFTConfig.data_seed",
        ge=0,
        le=SEED_LIMIT,
    )
    logging_steps: int = option(
        1,
        "Report every",
        "Updates between two points of the curve; more makes it coarser.",
        to="SFTConfig.logging_steps",
        unit="updates",
        ge=1,
    )
    save_strategy: Literal["no", "steps", "epoch", "best"] = option(
        "no",
        "Checkpoints",
        "When the state of the training is written, to go on from; no writes the result alone, which cannot be extended.",
        to="SFTConfig.save_strategy",
    )
    save_steps: int = option(
        100,
        "Checkpoint every",
        "Updates between two checkpoints, when they go by steps; fewer lose less and write more.",
        to="SFTConfig.save_steps",
        unit="updates",
        ge=1,
    )
    save_total_limit: int = option(
        2,
        "Checkpoints kept",
        "Older checkpoints are deleted, so that the disk does not fill; more lets one go back further.",
        to="SFTConfig.save_total_limit",
        ge=1,
    )
    report_to: Reporter = option(
        "none",
        "Report to",
        "Send the curves elsewhere too; the package must be installed and logged in.",
        to="SFTConfig.report_to",
    )
    project: str = option(
        "unsloth-tui",
        "Report project",
        "Under which project the reports are filed.",
        to="SFTConfig.project",
        max_length=128,
    )

    @property
    def learns_likelihood(self) -> bool:
        """Whether the loss is the usual one, of which e to its power is the perplexity."""
        return self.loss_type == "nll" and not self.custom_loss and not self.label_smoothing_factor
