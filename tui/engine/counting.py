"""Counts the tokens that are learned from."""

from __future__ import annotations

import unsloth  # noqa: F401  # isort: skip  (must come before transformers and trl)

from typing import Any

import torch
from transformers import TrainerCallback


class TokenCount(TrainerCallback):  # type: ignore[misc]
    """The tokens of a trainer's examples without their padding, read once an update.

    The trainer's own count waits for the GPU after every batch, which then has nothing to do until the next one is prepared.
    """

    def __init__(self, trainer: Any) -> None:
        self.own = 0
        """Those of this process since the training began; the trainer's state has all processes' and earlier ones."""
        self._fresh: Any = 0
        self._trainer, self._padding = trainer, trainer.processing_class.pad_token_id
        trainer._track_num_input_tokens = self._add

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Read them; a callback that wants to know them at the end of an update comes later."""
        fresh, self._fresh = self._fresh, 0
        self.own += int(fresh)
        everyones = self._trainer.accelerator.gather(torch.as_tensor(fresh, device=args.device))
        state.num_input_tokens_seen += int(everyones.sum())

    def _add(self, inputs: Any) -> None:
        rows, mask = inputs["input_ids"], inputs.get("attention_mask")
        self._fresh += (rows != self._padding).sum() if mask is None else mask.sum()
