"""How much memory of a GPU a training will take, from the session and the model's shape alone.

The terms are those of the training that Unsloth does: LoRA in float32 on frozen weights (Hu et al. 2021, QLoRA: Dettmers et
al. 2023), activations kept or recomputed by layer (Chen et al. 2016, Korthikanti et al. 2022), the loss in chunks of the
vocabulary. Their factors were fitted to what an H200 really reserved (docs/measured.md); the tests hold them to it.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

from tui.catalog.shape import ModelShape
from tui.session.schema import Session
from tui.session.sections.lora import ALL_LINEAR

BYTES_16 = 2
NF4_BYTES = 0.5 + (1 + 4 / 256) / 64
"""A weight of four bits, one byte of scale for 64 of them, and four for 256 of those (double quantisation)."""
INT8_BYTES = 1 + 4 / 4096
SLACK_BYTES = 60e6
"""What the caching allocator holds and nobody uses; cuBLAS's workspace."""
BROADCAST_BYTES = 250 * 2**20
DDP_BUCKETS = 4
LOSS_ROWS = 1024
"""Unsloth computes the loss over the vocabulary for about so many tokens at a time."""
LOSS_BYTES = 2.5
"""A logit of these; twice that where there are fewer tokens."""
LOSS_BYTES_8BIT = 4.5
"""8-bit models go another way through Unsloth, with the logits of all tokens."""
WORKSPACE_BYTES = 60e6
DEQUANTISED = 2.0
"""Buffers for a layer's widest matrix while it is computed in 16 bits, in the backward pass of 4-bit training."""

OPTIMISER_BYTES = {
    "adamw_8bit": 2, "paged_adamw_8bit": 2, "adamw_torch_8bit": 2, "adamw_torch_4bit": 1, "lion_8bit": 1,
    "paged_lion_8bit": 1, "lion_32bit": 4, "paged_lion_32bit": 4, "ademamix": 12, "ademamix_8bit": 3,
    "paged_ademamix_8bit": 3,
    "paged_ademamix_32bit": 12, "adafactor": 0.1, "adagrad": 4, "rmsprop": 4, "rmsprop_bnb": 4, "rmsprop_bnb_8bit": 1,
    "rmsprop_bnb_32bit": 4, "sgd": 0,
}  # fmt: skip
"""State for a parameter in float32; AdamW in full has two moments of four bytes."""
ADAMW_BYTES = 8


@dataclass(frozen=True)
class MemoryParts:
    """The memory of a training at its peak, in bytes, by what it is for."""

    weights: float
    adapter: float
    gradients: float
    optimiser: float
    activations: float
    loss: float
    """Logits and what the loss makes of them."""
    slack: float

    @property
    def total(self) -> float:
        return float(sum(getattr(self, field.name) for field in fields(self)))


def predict(session: Session, shape: ModelShape, longest: int | None = None) -> MemoryParts:
    """What each process will have reserved at its peak; `longest` is the length of the longest row in tokens, if known.

    The peak is either where the loss is computed, with every kept activation there, or in the backward pass of one layer,
    with every gradient there.
    """
    weights, adapter = _weights(session, shape), _adapter_parameters(session, shape)
    whole = _whole_parameters(session, shape)
    full = session.model.full_finetuning
    trained = shape.parameters if full else adapter
    gradients = 4.0 * trained
    optimiser = _optimiser_bytes(session.training.optim, full) * trained
    sent = _sent_bytes(gradients, full) if session.processes > 1 else 0.0
    if session.shares_weights:
        # a layer that is used and the next one are whole; so are the embeddings, and once more where they are gathered
        held = 2 * BYTES_16 * (shape.linear_parameters / shape.layers + shape.embedding_parameters)
        weights, gradients, optimiser = (part / session.processes for part in (weights, gradients, optimiser))
        weights, sent = weights + held, 0.0
    layer = _layer_bytes(session, shape, longest)
    kept, waiting = _kept(session, shape, layer, longest)
    widest = max(shape.intermediate, shape.query) * shape.hidden * BYTES_16 if session.model.load_in_4bit else 0
    loss = _loss_bytes(session, shape, longest)
    in_loss = MemoryParts(
        weights, 4.0 * adapter + 4.0 * whole, sent, optimiser + 11.0 * whole, kept + 1.25 * widest, loss, SLACK_BYTES
    )
    in_layer = MemoryParts(
        weights,
        4.0 * adapter + 4.0 * whole,
        gradients + sent,
        optimiser + 11.0 * whole + _step_bytes(session, adapter),
        1.7 * layer + waiting + DEQUANTISED * widest,
        0,
        SLACK_BYTES,
    )
    return max(in_loss, in_layer, key=lambda parts: parts.total)


def _sent_bytes(gradients: float, full: bool) -> float:
    """What DDP holds: the buffer in which it makes the weights equal at the beginning, and the buckets that it sends.

    The buckets are as large as the gradients, and are made anew after the first update, when it knows their order. On H200
    the peak of the 1b and 8b shapes with an adapter is as if there were four of them, within 1 %; of full fine-tuning it was
    not measured.
    """
    return BROADCAST_BYTES + (1 if full else DDP_BUCKETS) * gradients


def _weights(session: Session, shape: ModelShape) -> float:
    a_weight = NF4_BYTES if session.model.load_in_4bit else INT8_BYTES if session.model.load_in_8bit else BYTES_16
    if session.model.dtype == "float32":
        a_weight = 4 if a_weight == BYTES_16 else a_weight
    embedding = 4 if session.model.dtype == "float32" else BYTES_16
    return shape.linear_parameters * a_weight + shape.embedding_parameters * embedding


def _adapter_parameters(session: Session, shape: ModelShape) -> float:
    """r × (inputs + outputs) of each adapted layer."""
    if session.model.full_finetuning:
        return 0
    hidden, query, key_value, inner = shape.hidden, shape.query, shape.key_value, shape.intermediate
    sizes = {
        "q_proj": hidden + query, "k_proj": hidden + key_value, "v_proj": hidden + key_value, "o_proj": query + hidden,
        "gate_proj": hidden + inner, "up_proj": hidden + inner, "down_proj": inner + hidden,
    }  # fmt: skip
    names = sizes if session.lora.target_modules == ALL_LINEAR else session.lora.target_modules
    return shape.layers * session.lora.r * sum(sizes.get(name, 0) for name in names)


def _whole_parameters(session: Session, shape: ModelShape) -> float:
    """Embedding matrices that are trained whole beside the adapter; tied ones are one."""
    named = {
        name for name in (*session.lora.target_modules, *session.lora.modules_to_save) if name in ("embed_tokens", "lm_head")
    }
    if session.model.full_finetuning or not named:
        return 0
    matrix = shape.vocabulary * shape.hidden
    return min(len(named) * matrix, shape.embedding_parameters)


def _optimiser_bytes(name: str, full: bool) -> float:
    """Bytes of state a parameter; in full fine-tuning AdamW keeps its moments in the weights' 16 bits."""
    if name in OPTIMISER_BYTES:
        return OPTIMISER_BYTES[name]
    return ADAMW_BYTES / 2 if full else ADAMW_BYTES


def _step_bytes(session: Session, adapter: float) -> float:
    """What torch's own optimisers need besides while they make a step on an adapter."""
    return 4.0 * adapter if session.training.optim in ("adamw_torch", "adamw_torch_fused", "ademamix") else 0


def _tokens(session: Session, longest: int | None) -> int:
    """In one batch."""
    length = session.model.max_seq_length
    if longest and not session.training.packing:
        length = min(length, longest)
    return session.training.per_device_train_batch_size * length


def _layer_bytes(session: Session, shape: ModelShape, longest: int | None) -> float:
    """What one layer remembers of a batch: per token twice the inner width and about eight times the hidden one."""
    per_token = 2 * shape.intermediate + 5 * shape.hidden + 2 * (shape.query + 2 * shape.key_value)
    return float(_tokens(session, longest) * per_token * BYTES_16)


def _kept(session: Session, shape: ModelShape, layer: float, longest: int | None) -> tuple[float, float]:
    """What is kept of all layers until the backward pass, and how much of that is still there at its end."""
    match session.lora.use_gradient_checkpointing:
        case "false":
            return layer * shape.layers, 0.25 * layer * shape.layers
        case "true":
            inputs = float(_tokens(session, longest) * shape.hidden * BYTES_16 * shape.layers)
            return inputs, inputs
        case _:  # Unsloth moves the inputs of the layers to the host
            return 0.0, 0.0


def _loss_bytes(session: Session, shape: ModelShape, longest: int | None) -> float:
    tokens = _tokens(session, longest)
    if session.model.load_in_8bit:
        return tokens * shape.vocabulary * LOSS_BYTES_8BIT + WORKSPACE_BYTES
    return min(2 * tokens, LOSS_ROWS) * shape.vocabulary * LOSS_BYTES + WORKSPACE_BYTES
