"""Which settings of a run may change while it trains."""

from __future__ import annotations

CHANGEABLE = (
    "training.learning_rate", "training.max_steps", "training.logging_steps", "training.save_steps", "evaluation.eval_steps",
    "evaluation.sample_steps",
)  # fmt: skip
"""By key, in the order in which they are asked for."""
