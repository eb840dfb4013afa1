"""``[lora]``: the adapter that is trained."""

from __future__ import annotations

from typing import Literal

from tui.session.fields import option
from tui.session.sections.base import SEED_LIMIT, Section, Settings

PROJECTIONS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
"""The seven linear layers of a transformer block that the Unsloth guide adapts."""

ALL_LINEAR = ("all-linear",)
"""Every linear layer but the output, in PEFT's words."""


class LoraSection(Section):
    r: int = option(
        16,
        "Rank (r)",
        "Size of the adapter: a larger rank can learn more and takes more memory; 8 to 64 are usual.",
        to="FastLanguageModel.get_peft_model.r",
        main=True,
        ge=1,
        le=4096,
    )
    lora_alpha: float = option(
        16.0,
        "Alpha",
        "How strongly the adapter acts: larger learns faster and less steadily; the rank or twice the rank is usual.",
        to="FastLanguageModel.get_peft_model.lora_alpha",
        main=True,
        gt=0,
    )
    target_modules: tuple[str, ...] = option(
        PROJECTIONS,
        "Adapted layers",
        "The linear layers that get an adapter, or all-linear; fewer train faster and learn less; "
        "embed_tokens and lm_head are trained whole.",
        to="FastLanguageModel.get_peft_model.target_modules",
        min_length=1,
    )
    lora_dropout: float = option(
        0.0,
        "Dropout",
        "Share of adapter inputs switched off at random; 0 is fastest in Unsloth, more fights over-fitting.",
        to="FastLanguageModel.get_peft_model.lora_dropout",
        ge=0,
        lt=1,
    )
    bias: Literal["none", "all", "lora_only"] = option(
        "none",
        "Bias",
        "Which bias weights are trained too: none is fastest in Unsloth, all learns most.",
        to="FastLanguageModel.get_peft_model.bias",
    )
    modules_to_save: tuple[str, ...] = option(
        (),
        "Trained whole",
        "Layers trained and saved in full beside the adapter: embed_tokens, lm_head or norms; each takes much memory.",
        to="FastLanguageModel.get_peft_model.modules_to_save",
    )
    use_rslora: bool = option(
        False,
        "Rank-stabilised",
        "On: the adapter is scaled by the square root of the rank, which keeps large ranks (above 64) effective.",
        to="FastLanguageModel.get_peft_model.use_rslora",
    )
    use_dora: bool = option(
        False,
        "DoRA",
        "On: size and direction of weights are learned apart, often a little better and clearly slower.",
        to="FastLanguageModel.get_peft_model.use_dora",
    )
    init_lora_weights: Literal["true", "false", "gaussian", "pissa", "olora", "loftq"] = option(
        "true",
        "Adapter start",
        "How the adapter begins: true without effect, pissa and olora from the weights' main parts, "
        "loftq to make up for 4-bit rounding, false at random.",
        to="FastLanguageModel.get_peft_model.init_lora_weights",
    )
    loftq_config: Settings | None = option(
        None,
        "LoftQ settings",
        "For the adapter start loftq, like loftq_bits = 4, loftq_iter = 1; more iterations are closer and take longer.",
        to="FastLanguageModel.get_peft_model.loftq_config",
    )
    use_gradient_checkpointing: Literal["unsloth", "true", "false"] = option(
        "unsloth",
        "Checkpointing",
        "Recompute instead of remembering: unsloth saves most memory, false is fastest where memory allows.",
        to="FastLanguageModel.get_peft_model.use_gradient_checkpointing",
    )
    random_state: int = option(
        3407,
        "Adapter seed",
        "Fixes the random start of the adapter, so that a run can be repeated; no value is better than another.",
        to="FastLanguageModel.get_peft_model.random_state",
        ge=0,
        le=SEED_LIMIT,
    )
    continue_from: str | None = option(
        None,
        "Continue from",
        "The folder of an earlier run or adapter of this model, to train it on; its rank and layers are kept.",
        to="PeftModel.from_pretrained.model_id",
    )
