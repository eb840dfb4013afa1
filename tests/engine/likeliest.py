"""``python -m tests.engine.likeliest MODEL ADAPTER``: prints the likeliest next token of the model, and with the adapter."""

from __future__ import annotations

import json
import sys

import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM


def main() -> None:
    model, adapter = sys.argv[1:]
    rows = torch.arange(5, 13)[None]
    alone = AutoModelForCausalLM.from_pretrained(model)
    before = int(alone(rows).logits[0, -1].argmax())
    print(json.dumps([before, int(PeftModel.from_pretrained(alone, adapter)(rows).logits[0, -1].argmax())]))


if __name__ == "__main__":
    main()
