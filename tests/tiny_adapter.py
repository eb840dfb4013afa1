"""A LoRA adapter with random weights for a small model, that changes what the model says."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file

RANK, ALPHA = 8, 16
TOKENIZER = ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja", "special_tokens_map.json")


def write_adapter(model: Path, folder: Path, spread: float) -> None:
    """Write an adapter for the model in a folder, with its tokenizer; the same one every time. More spread changes more."""
    folder.mkdir(parents=True)
    shapes = shapes_of(json.loads((model / "config.json").read_text()))
    random, weights = np.random.default_rng(0), {}
    for name, (rows, columns) in shapes.items():
        weights[f"base_model.model.{name}.lora_A.weight"] = random.normal(0, columns**-0.5, (RANK, columns))
        weights[f"base_model.model.{name}.lora_B.weight"] = random.normal(0, spread, (rows, RANK))
    save_file({name: array.astype(np.float32) for name, array in weights.items()}, folder / "adapter_model.safetensors")
    told = {"peft_type": "LORA", "task_type": "CAUSAL_LM", "base_model_name_or_path": str(model), "inference_mode": True}
    told |= {"r": RANK, "lora_alpha": ALPHA, "target_modules": sorted({name.rpartition(".")[2] for name in shapes})}
    (folder / "adapter_config.json").write_text(json.dumps(told))
    for name in TOKENIZER:
        if (model / name).is_file():
            shutil.copy(model / name, folder)


def shapes_of(config: dict[str, Any]) -> dict[str, tuple[int, int]]:
    """Outputs and inputs of three projections of every layer of a Llama."""
    width = config["hidden_size"]
    head = config.get("head_dim") or width // config["num_attention_heads"]
    parts = {
        "self_attn.q_proj": config["num_attention_heads"] * head,
        "self_attn.v_proj": config["num_key_value_heads"] * head,
        "mlp.up_proj": config["intermediate_size"],
    }
    layers = range(config["num_hidden_layers"])
    return {f"model.layers.{at}.{name}": (rows, width) for at in layers for name, rows in parts.items()}
