"""What is known of the model, the data and the machine that a session is about; None where it is not known (yet)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

Shape = tuple[int, int]
"""Outputs and inputs of one linear layer."""


@dataclass(frozen=True)
class Facts:
    """What was found out about the world, for checks and figures."""

    examples: int | None = None
    """Rows of the training data."""
    held_out_examples: int | None = None
    """Rows of the file of held-out data."""
    conversations: bool | None = None
    """Whether the rows are conversations rather than plain text."""
    context_length: int | None = None
    """Tokens that the model was made for."""
    parameters: int | None = None
    has_chat_template: bool | None = None
    linears: Mapping[str, tuple[Shape, ...]] = field(default_factory=dict)
    """The shapes of the model's weight matrices by the last part of their name (``q_proj``); empty where not known."""
    adapter_parameters: int | None = None
    """How many parameters the adapter has that is continued from."""
    gpus: int | None = None
    """How many GPUs the run may see."""
    bfloat16: bool | None = None
    """Whether the first of them computes in bfloat16."""
    seconds_per_example: float | None = None
    """How fast one process of the last run with this model and precision was on this machine."""
