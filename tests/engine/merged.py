"""``python -m tests.engine.merged ADAPTER MERGED ROUNDED``: what these and the base of the adapter say, as JSON."""

from __future__ import annotations

import json
import sys
from typing import Any

import torch
from peft import AutoPeftModelForCausalLM
from transformers import AutoModelForCausalLM, AutoTokenizer

PROMPTS = ("How do I list files?", "Show the date", "hi")


def main(adapter: str, merged: str, rounded: str) -> None:
    tokenizer = AutoTokenizer.from_pretrained(merged)
    tuned = AutoPeftModelForCausalLM.from_pretrained(adapter, dtype=torch.bfloat16)
    whole = AutoModelForCausalLM.from_pretrained(merged, dtype=torch.bfloat16)
    four_bits = AutoModelForCausalLM.from_pretrained(rounded, dtype=torch.bfloat16, device_map={"": "cpu"})
    found = []
    for prompt in PROMPTS:
        turns = [{"role": "user", "content": prompt}]
        told = tokenizer.apply_chat_template(turns, add_generation_prompt=True, return_tensors="pt", return_dict=True)
        with tuned.disable_adapter():
            base = said(tuned, told["input_ids"])
        found.append(
            [said(tuned, told["input_ids"]), said(whole, told["input_ids"]), said(four_bits, told["input_ids"]), base]
        )
    print("\n" + json.dumps(found))


def said(model: Any, ids: torch.Tensor) -> list[int]:
    """Twenty tokens, always the likeliest."""
    made: torch.Tensor = model.generate(input_ids=ids, max_new_tokens=20, do_sample=False)
    return made[0, ids.shape[1] :].tolist()


if __name__ == "__main__":
    main(*sys.argv[1:])
