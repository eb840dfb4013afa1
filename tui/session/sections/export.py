"""``[export]``: what is written at the end, beside the adapter."""

from __future__ import annotations

from typing import Literal, get_args

from tui.session.fields import option
from tui.session.sections.base import Section

Kind = Literal["merged-16bit", "merged-4bit", "gguf"]
KINDS: tuple[str, ...] = get_args(Kind)


class ExportSection(Section):
    kinds: tuple[Kind, ...] = option(
        (),
        "Also write",
        "merged-16bit for vLLM and the like, merged-4bit, gguf for llama.cpp and Ollama; each takes time and disk.",
        to="save_pretrained_merged.save_method",
    )
    quantization_method: tuple[str, ...] = option(
        ("q4_k_m",),
        "GGUF quantisation",
        "q4_k_m is small, q8_0 nearly exact, f16 unchanged; several with commas; more bits are larger and better.",
        to="save_pretrained_gguf.quantization_method",
        min_length=1,
    )
