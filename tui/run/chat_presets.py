"""Named ways of sampling, and in words how a talk is set."""

from __future__ import annotations

from tui.session.sections.chat import ChatSection

CHOSEN_BY = ("temperature", "top_p", "top_k", "min_p", "repetition_penalty")
"""What a preset sets; how long an answer may be, its seed and its stop texts are left as they are."""
PRESETS: dict[str, dict[str, float | int]] = {
    "greedy": {"temperature": 0.0, "top_p": 1.0, "top_k": 0, "min_p": 0.0, "repetition_penalty": 1.0},
    "balanced": {"temperature": 0.7, "top_p": 1.0, "top_k": 0, "min_p": 0.1, "repetition_penalty": 1.0},
    "creative": {"temperature": 1.5, "top_p": 1.0, "top_k": 0, "min_p": 0.1, "repetition_penalty": 1.0},
}
OWN = "own"


def preset_of(chat: ChatSection) -> str:
    """The preset that these settings are, or ``own``."""
    now = {name: getattr(chat, name) for name in CHOSEN_BY}
    greedy = chat.temperature == 0 and chat.repetition_penalty == 1
    return "greedy" if greedy else next((name for name, values in PRESETS.items() if values == now), OWN)


def with_preset(chat: ChatSection, name: str) -> ChatSection:
    """The settings with those of a preset; unchanged for ``own``."""
    return chat.model_copy(update=PRESETS.get(name, {}))


def sampling_words(chat: ChatSection) -> str:
    """The preset, or what differs from the balanced one: ``temperature 0.9, top p 0.95``."""
    name = preset_of(chat)
    if name == OWN:
        usual = PRESETS["balanced"]
        told = [f"{key.replace('_', ' ')} {getattr(chat, key):g}" for key in CHOSEN_BY if getattr(chat, key) != usual[key]]
        name = ", ".join(told)
    return name + (f", seed {chat.seed}" if chat.seed is not None else "")
