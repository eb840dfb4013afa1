"""A loss of one's own: ``training.custom_loss = "sample_data/loss.py:focal"``."""

from __future__ import annotations

from typing import Any

import torch
from torch.nn.functional import cross_entropy

IGNORED = -100
GAMMA = 2.0
"""How strongly tokens that the model is sure of already are left alone (Lin et al. 2017)."""


def focal(outputs: Any, labels: torch.Tensor, num_items_in_batch: Any = None) -> torch.Tensor:
    """The usual loss of each token, weighed by how unsure the model is of it.

    `labels` has the shape (rows, length), `outputs.logits` one more dimension. `num_items_in_batch` counts the tokens of
    the whole update, over all its batches; it is None while evaluating.
    """
    logits = outputs.logits[:, :-1].float()
    wanted = labels[:, 1:].to(logits.device)
    each = cross_entropy(logits.flatten(0, 1), wanted.flatten(), ignore_index=IGNORED, reduction="none")
    weighed = (1 - torch.exp(-each)) ** GAMMA * each
    count = (wanted != IGNORED).sum() if num_items_in_batch is None else num_items_in_batch
    return weighed.sum() / count
