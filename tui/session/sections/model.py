"""``[model]``: which model, and how its weights are held."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import model_validator

from tui.session.fields import option
from tui.session.sections.base import Section, Settings

PRECISIONS = ("load_in_4bit", "load_in_8bit", "load_in_16bit", "full_finetuning")
"""Exactly one of these is on; left out, 4-bit."""


class ModelSection(Section):
    name: str = option(
        "",
        "Model",
        "A folder on this machine or a name on the Hugging Face hub.",
        to="FastLanguageModel.from_pretrained.model_name",
        main=True,
    )
    revision: str | None = option(
        None,
        "Revision",
        "A branch, tag or commit of the model on the hub; leave out for the newest.",
        to="FastLanguageModel.from_pretrained.revision",
    )
    max_seq_length: int = option(
        2048,
        "Longest sequence",
        "Longer texts are cut here: a larger value sees more of each text and takes more memory, a smaller one is faster.",
        to="FastLanguageModel.from_pretrained.max_seq_length",
        unit="tokens",
        main=True,
        ge=8,
        le=1_048_576,
    )
    load_in_4bit: bool = option(
        True,
        "4-bit",
        "QLoRA: the frozen weights take a quarter of the memory, and each update a little longer.",
        to="FastLanguageModel.from_pretrained.load_in_4bit",
        group="Precision",
        main=True,
    )
    load_in_8bit: bool = option(
        False,
        "8-bit",
        "LoRA on 8-bit weights: half the memory of 16-bit, slower than both others.",
        to="FastLanguageModel.from_pretrained.load_in_8bit",
        group="Precision",
        main=True,
    )
    load_in_16bit: bool = option(
        False,
        "16-bit",
        "LoRA on unchanged weights: the fastest and most exact where they fit.",
        to="FastLanguageModel.from_pretrained.load_in_16bit",
        group="Precision",
        main=True,
    )
    full_finetuning: bool = option(
        False,
        "full",
        "Every weight is trained, without an adapter: several times the memory, and a tenth of the rate.",
        to="FastLanguageModel.from_pretrained.full_finetuning",
        group="Precision",
        main=True,
    )
    dtype: Literal["auto", "bfloat16", "float16", "float32"] = option(
        "auto",
        "Number format",
        "What is computed in: auto takes bfloat16 where the hardware has it, float32 is exact, slow and large.",
        to="FastLanguageModel.from_pretrained.dtype",
    )
    rope_scaling: Settings | None = option(
        None,
        "Position scaling",
        "Stretches a model to longer texts, like rope_type = linear, factor = 2; more reaches further, less exactly.",
        to="FastLanguageModel.from_pretrained.rope_scaling",
    )
    attn_implementation: Literal["auto", "sdpa", "eager", "flash_attention_2", "flex_attention"] = option(
        "auto",
        "Attention",
        "Which attention code is used, for the models that let one choose; auto is Unsloth's choice, eager the slowest.",
        to="FastLanguageModel.from_pretrained.attn_implementation",
    )
    device: str = option(
        "auto",
        "Device",
        "Which GPUs the run may see: auto, cpu, or numbers or UUIDs with commas as nvidia-smi gives them; more hold more.",
        to="CUDA_VISIBLE_DEVICES",
        like="auto, cpu, 0, or 0,1",
        pattern=r"^(auto|cpu|(\d+|GPU-[0-9a-fA-F-]+|MIG-[0-9a-zA-Z/-]+)(,(\d+|GPU-[0-9a-fA-F-]+|MIG-[0-9a-zA-Z/-]+))*)$",
    )
    trust_remote_code: bool = option(
        False,
        "Trust the model's code",
        "On: Python code that comes with the model is run; only for models whose code you have read.",
        to="FastLanguageModel.from_pretrained.trust_remote_code",
    )

    @model_validator(mode="before")
    @classmethod
    def _one_precision(cls, table: Any) -> Any:
        """What is not said follows from what is: 8-bit asked for is not 4-bit, and 4-bit switched off alone is 16-bit."""
        if not isinstance(table, dict):
            return table
        others = any(table.get(name) for name in PRECISIONS[1:])
        four = table.get("load_in_4bit", not others)
        sixteen = table.get("load_in_16bit") or (not four and not others)
        return table | {"load_in_4bit": four, "load_in_16bit": sixteen}

    @property
    def precision(self) -> str:
        """The precision in a word: ``4-bit``, ``8-bit``, ``16-bit`` or ``full``."""
        chosen = next((name for name in PRECISIONS if getattr(self, name)), "load_in_16bit")
        return str(type(self).model_fields[chosen].title)
