"""Chooses the next token of an answer, each answer with a luck of its own."""

from __future__ import annotations

import torch
from transformers import LogitsProcessorList
from transformers.generation.logits_process import (
    LogitsProcessor,
    MinPLogitsWarper,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

from tui.run.commands import Sampling


def processors(wanted: Sampling, rows: int, device: torch.device) -> LogitsProcessorList:
    """What becomes of the scores of so many answers, in the order of ``generate``; nothing when the temperature is 0."""
    found = LogitsProcessorList()
    if wanted.temperature == 0:
        return found
    if wanted.temperature != 1:
        found.append(TemperatureLogitsWarper(wanted.temperature))
    if wanted.top_k:
        found.append(TopKLogitsWarper(wanted.top_k))
    if wanted.top_p < 1:
        found.append(TopPLogitsWarper(wanted.top_p))
    if wanted.min_p:
        found.append(MinPLogitsWarper(wanted.min_p))
    found.append(Luck(wanted.seed, rows, device))
    return found


class Luck(LogitsProcessor):  # type: ignore[misc]
    """Draws a token for each row and leaves no other to choose.

    ``generate`` draws for all rows from one stream of numbers, so that an answer would depend on its neighbours. Here every
    row has a stream of its own, and with a seed all of them the same: two voices differ by what they learned, not by chance.
    """

    def __init__(self, seed: int | None, rows: int, device: torch.device) -> None:
        self.streams = [torch.Generator(device) for _ in range(rows)]
        for stream in self.streams:
            stream.seed() if seed is None else stream.manual_seed(seed)

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        chances = scores.softmax(-1)
        drawn = [torch.multinomial(row, 1, generator=stream) for row, stream in zip(chances, self.streams, strict=True)]
        return torch.full_like(scores, -torch.inf).scatter_(1, torch.stack(drawn), 0.0)
