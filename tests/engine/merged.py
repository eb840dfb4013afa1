"""``python -m tests.engine.merged ADAPTER MERGED``: what a base model, its adapter and the two in one say, as JSON."""

from __future__ import annotations

import json
import sys

import torch
from peft import AutoPeftModelForCausalLM
from transformers import AutoModelForCausalLM, AutoTokenizer

PROMPTS = ("How do I list files?", "Show the date", "hi")


def main(adapter: str, whole: str) -> None:
    tokenizer = AutoTokenizer.from_pretrained(whole)
    tuned = AutoPeftModelForCausalLM.from_pretrained(adapter, dtype=torch.bfloat16)
    merged = AutoModelForCausalLM.from_pretrained(whole, dtype=torch.bfloat16)
    found = []
    for prompt in PROMPTS:
        turns = [{"role": "user", "content": prompt}]
        told = tokenizer.apply_chat_template(turns, add_generation_prompt=True, return_tensors="pt", return_dict=True)
        chosen = {"input_ids": told["input_ids"], "max_new_tokens": 20, "do_sample": False}
        with tuned.disable_adapter():
            base = tuned.generate(**chosen)[0].tolist()
        found.append([tuned.generate(**chosen)[0].tolist(), merged.generate(**chosen)[0].tolist(), base])
    print("\n" + json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
