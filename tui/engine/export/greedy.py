"""Answers of a model that was loaded without Unsloth, always with the likeliest token."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psutil
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, GenerationConfig

from tui.engine.export.answers import TOKENS, Answer, ended
from tui.resources import expanded


def load(model: str, adapter: Path | None, *, trusted: bool, revision: str | None = None) -> Any:
    """A model as any other program would load it, with its adapter if it has one."""
    place = "cuda" if torch.cuda.is_available() else "cpu"
    chosen = {"trust_remote_code": trusted, "revision": revision, "dtype": _dtype(model)}
    loaded = AutoModelForCausalLM.from_pretrained(model, device_map={"": place}, **chosen)
    if adapter is not None:
        from peft import PeftModel

        loaded = PeftModel.from_pretrained(loaded, str(adapter))
    return loaded.eval()


def tokenizer_in(place: Path, *, trusted: bool) -> Any:
    """The tokenizer of an export."""
    return AutoTokenizer.from_pretrained(str(place), trust_remote_code=trusted)


def encode(tokenizer: Any, prompt: str) -> list[int]:
    """The tokens of a question, ready for the answer; of a text to go on with where there is no template."""
    if not getattr(tokenizer, "chat_template", None):
        return list(tokenizer(prompt)["input_ids"])
    turns = [{"role": "user", "content": prompt}]
    return list(
        tokenizer.apply_chat_template(turns, add_generation_prompt=True, tokenize=True, return_dict=True)["input_ids"]
    )


def answer(model: Any, tokenizer: Any, ids: Sequence[int]) -> Answer:
    """What the model says, always with the likeliest token; after its end it goes on with the likeliest one but the end."""
    asked = torch.tensor([list(ids)], device=model.device)
    ends = {tokenizer.eos_token_id, *_listed(model.generation_config.eos_token_id)} - {None}
    config = GenerationConfig(
        min_new_tokens=TOKENS,
        max_new_tokens=TOKENS,
        do_sample=False,
        eos_token_id=sorted(ends),
        pad_token_id=min(ends, default=0),
    )
    with torch.inference_mode():
        made = model.generate(
            input_ids=asked,
            attention_mask=torch.ones_like(asked),
            generation_config=config,
            return_dict_in_generate=True,
            output_logits=True,
        )
    logits = torch.stack([step[0].float().cpu() for step in made.logits]).numpy()
    return ended(made.sequences[0, asked.shape[1] :].tolist(), logits, frozenset(ends))


def free(model: Any) -> None:
    """Give the memory of a model back, so that the next one has room."""
    model.to("meta")
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def _listed(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else [value]


def _dtype(model: str) -> Any:
    """32 bits where there is ample room for them: then only the rounding of merged weights is between two answers."""
    size = sum(path.stat().st_size for path in expanded(model).glob("*.safetensors")) if Path(model).is_dir() else 0
    room = torch.cuda.mem_get_info()[0] if torch.cuda.is_available() else psutil.virtual_memory().available
    return torch.float32 if 0 < 6 * size < room else "auto"
