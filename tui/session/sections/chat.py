"""``[chat]``: how the model is talked to."""

from __future__ import annotations

from tui.session.fields import option
from tui.session.sections.base import Section


class ChatSection(Section):
    system_prompt: str = option(
        "",
        "System prompt",
        "Put before each conversation; empty leaves it to the model's template.",
        to="apply_chat_template.messages",
    )
    temperature: float = option(
        0.7,
        "Temperature",
        "How freely the model chooses: 0 always takes the likeliest token, more is more varied.",
        to="generate.temperature",
        ge=0,
        le=5,
    )
    top_p: float = option(
        1.0,
        "Top p",
        "Only the likeliest tokens that together have this probability; smaller is safer.",
        to="generate.top_p",
        gt=0,
        le=1,
    )
    top_k: int = option(
        0,
        "Top k",
        "Only this many of the likeliest tokens; 0 leaves all.",
        to="generate.top_k",
        ge=0,
        le=1_000_000,
    )
    min_p: float = option(
        0.1,
        "Min p",
        "Only tokens at least this fraction as likely as the likeliest; larger is safer.",
        to="generate.min_p",
        ge=0,
        le=1,
    )
    repetition_penalty: float = option(
        1.0,
        "Repetition penalty",
        "Makes tokens that were there already less likely; 1 does nothing, 1.1 is much.",
        to="generate.repetition_penalty",
        gt=0,
        le=5,
    )
    max_new_tokens: int = option(
        512,
        "Longest answer",
        "Where an answer is cut: more lets it finish, fewer keeps it short.",
        to="generate.max_new_tokens",
        unit="tokens",
        ge=1,
        le=131_072,
    )
    seed: int | None = option(
        None,
        "Seed",
        "The same seed gives the same answer to the same conversation; empty for another one each time.",
        to="transformers.set_seed",
        ge=0,
        le=2**32 - 1,
    )
    stop: tuple[str, ...] = option(
        (),
        "Stop texts",
        "Texts before which an answer is cut off, with commas.",
        to="generate.stop_strings",
    )
    keep_loaded_minutes: float = option(
        10.0,
        "Keep loaded",
        "How long the model stays in memory after training, to chat without loading again; 0 frees the GPU at once.",
        unit="minutes",
        ge=0,
        le=10_080,
    )
