"""How much memory it takes to talk to a model: its weights, and what it remembers of the longest conversation."""

from __future__ import annotations

from tui.catalog.shape import ModelShape
from tui.machine.memory import BYTES_16, INT8_BYTES, NF4_BYTES, SLACK_BYTES, WORKSPACE_BYTES
from tui.session.schema import Session


def chat_bytes(session: Session, shape: ModelShape) -> float:
    """The bytes for a model of this shape, loaded as the session says, with one conversation of its greatest length."""
    whole = 4 if session.model.dtype == "float32" else BYTES_16
    weight = NF4_BYTES if session.model.load_in_4bit else INT8_BYTES if session.model.load_in_8bit else whole
    weights = shape.linear_parameters * weight + shape.embedding_parameters * whole
    keys_and_values = 2 * shape.layers * shape.key_value * session.model.max_seq_length * whole
    return weights + keys_and_values + SLACK_BYTES + WORKSPACE_BYTES
