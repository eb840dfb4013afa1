"""The loop of ``generate`` for ordinary text models, without what these do not need at every token."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from transformers import LogitsProcessorList

PLAIN = ("llama", "qwen2", "qwen3")
"""Kinds of models whose next step follows from the last token, its place and the cache alone."""

Hear = Callable[[list[int]], bool]
"""Told the next token of each row; whether that was enough."""


def decode(
    model: Any, input_ids: torch.Tensor, logits_processor: LogitsProcessorList, hear: Hear, **model_kwargs: Any
) -> torch.Tensor:
    """For ``generate(custom_generate=...)``: the ids of rows of one length, prompt and answer, until enough was heard.

    ``generate`` builds masks and positions anew from the whole text for every token, and waits for the GPU several times.
    Rows without padding need no mask, and one wait will do. A row that has ended goes on until the others have too.
    """
    rows, length = input_ids.shape
    past = model_kwargs.get("past_key_values")
    known = past.get_seq_length() if past is not None else 0
    places = torch.arange(length, device=input_ids.device).expand(rows, -1)
    outputs = model(
        input_ids=input_ids[:, known:],
        attention_mask=torch.ones_like(input_ids),
        position_ids=places[:, known:],
        past_key_values=past,
        use_cache=True,
        logits_to_keep=1,
        return_dict=True,
    )
    while True:
        scores = outputs.logits[:, -1].to(torch.float32, copy=True)
        tokens = logits_processor(input_ids, scores).argmax(-1, keepdim=True)
        input_ids = torch.cat([input_ids, tokens], dim=-1)
        if hear(tokens.flatten().tolist()):
            return input_ids
        outputs = model(
            input_ids=tokens,
            position_ids=torch.full_like(tokens, input_ids.shape[1] - 1),
            past_key_values=outputs.past_key_values,
            use_cache=True,
            logits_to_keep=1,
            return_dict=True,
        )
