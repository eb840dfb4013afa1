"""The model that an adapter belongs to: its name in 16 bits, what is known of it, what it is called on the hub."""

from __future__ import annotations

import re

from tui.catalog.local import ModelCard, ModelError, is_path, read_json, read_model
from tui.catalog.unsloth_models import unsloth_models
from tui.machine.hub_access import is_offline
from tui.resources import expanded

HUB_NAME = re.compile(r"[\w.-]+/[\w.-]+")
CACHED = "models--"
"""What the name of a model's folder in the hub's cache begins with."""


def sixteen_bit_name(name: str) -> str:
    """The name of the same model in 16 bits, as Unsloth knows it; the name itself for a folder and an unknown one."""
    if is_path(name):
        return name
    low = name.lower()
    for model in unsloth_models():
        if low == model.name.lower():
            return name
        if low in (variant.lower() for variant in model.variants):
            return model.name if "bit" in low or "fp8" in low else name
    return name


def base_card(base: str, own: ModelCard) -> tuple[ModelCard | None, list[str]]:
    """What is known of the model in 16 bits, and why it cannot be had."""
    if not base:
        return own, []
    if is_path(base):
        try:
            return read_model(base), []
        except ModelError as error:
            return None, [f"the base model is not where it was: {error}"]
    from tui.catalog.hub import cached_card  # huggingface_hub costs a third of a second that others need not wait

    card = cached_card(base, None)
    if card is None and is_offline():
        text = f"the base model {base} is not on this machine in 16 bits, and the hub is switched off (HF_HUB_OFFLINE)"
        return None, [f"{text}; get it with: hf download {base}"]
    return card, []


def is_quantised(base: str) -> bool:
    """Whether a folder holds weights that are not in 16 bits; a name on the hub is taken for a good one."""
    config = expanded(base) / "config.json"
    try:
        return is_path(base) and bool(read_json(config).get("quantization_config"))
    except ModelError:
        return False


def hub_name(base: str) -> str:
    """What a model in a folder is called on the hub, as its place or its configuration tells; empty when they do not."""
    folder = expanded(base)
    if cached := next((part for part in folder.parts if part.startswith(CACHED)), ""):
        return cached.removeprefix(CACHED).replace("--", "/", 1)
    try:
        told = str(read_json(folder / "config.json").get("_name_or_path", ""))
    except ModelError:
        return ""
    return told if HUB_NAME.fullmatch(told) and not is_path(told) else ""
