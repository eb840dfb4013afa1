"""Rounds a 16-bit model to the four bits that transformers and bitsandbytes load.

Unsloth's own way adds the adapter to weights that are rounded already. Most of what was learned is less than half a step
there and is rounded away again (seen on a GPU: logits like the base model's). So it is the merged model that is rounded.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, BitsAndBytesConfig

OF_THE_MODEL = ("*.safetensors", "*.safetensors.index.json", "config.json", "generation_config.json")
"""What is written anew; the rest is the tokenizer's and stays as it is."""


def round_to_four_bits(whole: Path, place: Path) -> None:
    """Write the model in `whole` to `place` as NF4 with doubly quantised scales (QLoRA, Dettmers et al. 2023).

    Embeddings and output layer stay in 16 bits. Raises what transformers and bitsandbytes raise.
    """
    chosen = BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=torch.bfloat16,
    )
    device = "cuda" if torch.cuda.is_available() else "cpu"
    model = AutoModelForCausalLM.from_pretrained(
        str(whole), quantization_config=chosen, dtype=torch.bfloat16, device_map={"": device}
    )
    model.save_pretrained(str(place))
    for path in whole.iterdir():
        if not any(path.match(pattern) for pattern in OF_THE_MODEL):
            shutil.move(path, place / path.name)
