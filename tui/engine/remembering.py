"""Keeps what a model has read of a conversation, so that the next turn begins where the last one ended."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer

from tui.engine.failures import is_out_of_memory

LEAST = {"cpu": 8, "cuda": 4096}
"""Tokens for which it is worth while. A GPU reads thousands in less time than it takes to capture its decoding anew, which
going on from a cache of another answer makes it do (docs/measured.md).
"""
SHIFTING = ("dynamic", "longrope")
"""Position scalings whose keys depend on how long the text became: what was read before would have to be read again."""

Layers = list[tuple[torch.Tensor, torch.Tensor]]
"""Keys and values of each layer, of shape (1, heads, tokens, width)."""


@dataclass(frozen=True)
class Read:
    """What one voice has read."""

    ids: list[int]
    layers: Layers


class Watched:
    """What a model last gave as its cache, whatever its `generate` makes of that."""

    past: Any = None

    def __call__(self, module: Any, given: Any, output: Any) -> None:
        self.past = getattr(output, "past_key_values", None)


@contextmanager
def watching(model: Any) -> Iterator[Watched]:
    """See every cache of the model while something is generated.

    Unsloth's fast inference keeps a cache of its own making. To ask ``generate`` for it would free the CUDA graphs of the
    decoding, which then had to be captured again for every answer.
    """
    seen = Watched()
    inner = model.get_base_model() if hasattr(model, "get_base_model") else model
    handle = inner.register_forward_hook(seen)
    try:
        yield seen
    finally:
        handle.remove()


class Memory:
    """What the voices of one loaded model have read, by voice."""

    def __init__(self, device: str = "cpu") -> None:
        """`device` is the kind of what it computes on: cpu or cuda."""
        self.least = LEAST.get(device, LEAST["cpu"])
        self.refused = ""
        """Why nothing is kept for this model, and it is left to the usual way of generating; empty while that is not so."""
        self._read: dict[str, Read] = {}
        self._lent = False
        """Whether what was read before is being gone on from."""

    def known(self, voice: str, ids: Sequence[int]) -> tuple[int, DynamicCache | None]:
        """How many of the first tokens of a text need not be read again, and what is known of them.

        The last token is always read: what comes after it is what is wanted.
        """
        read = self._read.pop(voice, None)  # it grows into what is kept next; both at once would be twice the memory
        most = min(len(read.ids), len(ids) - 1) if read else 0
        same = next((at for at in range(most) if read and read.ids[at] != ids[at]), most)
        self._lent = read is not None and same >= self.least
        if read is None or same < self.least:
            return 0, None
        cache = DynamicCache()
        for number, (keys, values) in enumerate(read.layers):
            cache.update(keys[..., :same, :], values[..., :same, :], number)
        return same, cache

    def keep(self, voice: str, model: Any, ids: Sequence[int], past: Any) -> None:
        """Keep what was read of these tokens, where the model has it in a form that can be cut and gone on from."""
        layers = _layers(past)
        length = layers[0][0].shape[-2] if layers else 0
        fits = self.least <= length <= len(ids) and all(
            keys.shape[0] == 1 and keys.shape[-2] == length for keys, _ in layers
        )
        if self.refused or not fits or _shifts(model):
            return
        # copies: the next answer is written into the same memory
        self._read[voice] = Read(list(ids[:length]), [(keys.clone(), values.clone()) for keys, values in layers])

    def gives_way(self, error: Exception) -> bool:
        """Whether an answer that failed may be tried once more, without anything kept.

        That is so when memory ran out and there is something to free, and the first time that a model does not take it.
        """
        if is_out_of_memory(error):
            worth_while = bool(self._lent or self._read)
        else:
            worth_while = not self.refused
            self.refused = f"{type(error).__name__}: {error}"
            print(f"from now on each answer reads the whole conversation and takes generate's own loop: {self.refused}")
        self._lent = False
        self.forget()
        return worth_while

    def forget(self, voice: str | None = None) -> None:
        """Free what a voice has read, or what all of them have."""
        if voice is None:
            self._read.clear()
        else:
            self._read.pop(voice, None)


def _layers(past: Any) -> Layers:
    """Keys and values of each layer; nothing where a layer keeps only a part, or another kind of state."""
    if isinstance(past, DynamicCache):
        whole = all(type(layer) is DynamicLayer and layer.is_initialized for layer in past.layers)
        return [(layer.keys, layer.values) for layer in past.layers] if whole else []
    if not isinstance(past, tuple | list) or not all(isinstance(pair, tuple) and len(pair) == 2 for pair in past):
        return []
    pairs = [pair for pair in past if all(isinstance(part, torch.Tensor) and part.dim() == 4 for part in pair)]
    return pairs if len(pairs) == len(past) else []


def _shifts(model: Any) -> bool:
    scaling = getattr(model.config, "rope_parameters", None) or getattr(model.config, "rope_scaling", None) or {}
    return scaling.get("rope_type", "default") in SHIFTING if isinstance(scaling, dict) else True
