"""The shape of a transformer: the numbers that its size in memory follows from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

EMBEDDINGS = ("embed_tokens", "wte", "word_embeddings", "lm_head", "embed_out")
"""Matrices that are as large as the vocabulary; they are never quantised."""

LARGEST = 1 << 40
"""No size in a model is as large; a damaged file may say anything."""


@dataclass(frozen=True)
class ModelShape:
    """One model."""

    layers: int
    hidden: int
    """Width of the residual stream."""
    intermediate: int
    """Width inside the feed-forward block, of the experts that one token goes through taken together."""
    query: int
    """Width of all query heads together."""
    key_value: int
    """Width of all key heads together; the values have the same."""
    vocabulary: int
    linear_parameters: int
    """In the layers: what is quantised and adapted."""
    embedding_parameters: int
    """In the embedding and the output, counted once where they are tied."""

    @property
    def parameters(self) -> int:
        return self.linear_parameters + self.embedding_parameters


def shape_from_config(config: Mapping[str, Any], parameters: int | None = None) -> ModelShape | None:
    """The shape that a ``config.json`` (its text part) describes; None where it does not say enough.

    `parameters` is the model's true size where that is known; a mixture of experts has more than one path through it.
    """
    layers, hidden, vocabulary = (whole(config.get(key)) for key in ("num_hidden_layers", "hidden_size", "vocab_size"))
    heads = whole(config.get("num_attention_heads"))
    if not (layers and hidden and vocabulary and heads):
        return None
    head = whole(config.get("head_dim")) or hidden // heads
    key_value = (whole(config.get("num_key_value_heads")) or heads) * head
    inner = whole(config.get("intermediate_size")) or 4 * hidden
    experts = whole(config.get("num_experts")) or whole(config.get("num_local_experts")) or 0
    active = whole(config.get("num_experts_per_tok")) or 1
    expert = whole(config.get("moe_intermediate_size")) or inner
    attention = hidden * heads * head * 2 + 2 * hidden * key_value
    block = attention + 3 * hidden * (experts * expert if experts else inner)
    embeddings = vocabulary * hidden * (1 if config.get("tie_word_embeddings", False) else 2)
    linear = max(parameters - embeddings, 0) if parameters else layers * block
    return ModelShape(
        layers=layers,
        hidden=hidden,
        intermediate=active * expert if experts else inner,
        query=heads * head,
        key_value=key_value,
        vocabulary=vocabulary,
        linear_parameters=linear,
        embedding_parameters=embeddings,
    )


def whole(value: Any) -> int | None:
    """A number that a size can be; None for anything else."""
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 < value < LARGEST else None
