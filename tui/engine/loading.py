"""Loads a model and its tokenizer with Unsloth, and puts an adapter on it."""

from __future__ import annotations

import unsloth  # noqa: F401  # isort: skip  (must come before transformers and trl)

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import torch
from transformers import AutoTokenizer
from unsloth import FastLanguageModel
from unsloth.chat_templates import get_chat_template
from unsloth.tokenizer_utils import load_correct_tokenizer

from tui.catalog.local import ModelError, is_path, read_model
from tui.run.events import MemoryMeasured
from tui.session.fields import arguments
from tui.session.schema import Session

CHECKPOINTING = {"unsloth": "unsloth", "true": True, "false": False}


@dataclass
class Loaded:
    """A model in memory."""

    name: str
    model: Any
    tokenizer: Any
    tuned: bool = True
    """Whether it is the result of a training rather than a model as it came."""

    @property
    def has_adapter(self) -> bool:
        """Whether the base model can still be heard, by switching the adapter off."""
        return hasattr(self.model, "disable_adapter")

    @property
    def device(self) -> str:
        device = self.model.device
        return torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU"


def load_model(session: Session, name: str = "") -> Loaded:
    """Load the session's model, or the adapter folder `name` on top of its base. Raises ModelError and hub errors."""
    name = name or session.model.name
    if is_path(name):
        read_model(name)  # says in one sentence what is missing, where the libraries would guess a hub name
        name = str(Path(name).expanduser())
    chosen = arguments(session, "FastLanguageModel.from_pretrained") | {"model_name": name}
    chosen["dtype"] = None if session.model.dtype == "auto" else getattr(torch, session.model.dtype)
    model, tokenizer = FastLanguageModel.from_pretrained(**chosen)
    model.generation_config.max_length = None  # answers have a length of their own, and both together warn each time
    return Loaded(name, model, _with_template(tokenizer, session))


def load_tokenizer(session: Session) -> Any:
    """The tokenizer alone, as `load_model` gives it. Raises ModelError and hub errors."""
    name = session.model.name
    if is_path(name):
        read_model(name)
        name = str(Path(name).expanduser())
    chosen = {"revision": session.model.revision, "trust_remote_code": session.model.trust_remote_code}
    if torch.cuda.is_available():
        return _with_template(load_correct_tokenizer(name, **chosen), session)
    # Unsloth's repairs are for its GPU models, and importing these patches what the CPU backend runs on, in ten seconds
    return _with_template(AutoTokenizer.from_pretrained(name, **chosen), session)


def add_adapter(loaded: Loaded, session: Session) -> None:
    """Put a fresh LoRA adapter on the model, unless all of it is to be trained."""
    if session.model.full_finetuning:
        return
    chosen = arguments(session, "FastLanguageModel.get_peft_model")
    chosen["target_modules"] = list(session.lora.target_modules)
    chosen["use_gradient_checkpointing"] = CHECKPOINTING[session.lora.use_gradient_checkpointing]
    loaded.model = FastLanguageModel.get_peft_model(
        loaded.model, max_seq_length=session.model.max_seq_length, loftq_config=None, **chosen
    )


def measure_memory(moment: Any) -> MemoryMeasured:
    """The guide's memory figures: on a GPU what torch has reserved now and at most, on a CPU what the engine holds."""
    if torch.cuda.is_available():
        total = torch.cuda.get_device_properties(0).total_memory
        used, peak = torch.cuda.memory_reserved(), torch.cuda.max_memory_reserved()
        return MemoryMeasured(moment=moment, used_bytes=used, peak_bytes=peak, total_bytes=total)
    used = psutil.Process().memory_info().rss
    return MemoryMeasured(
        moment=moment,
        used_bytes=used,
        peak_bytes=max(used, peak_resident_bytes()),
        total_bytes=psutil.virtual_memory().total,
    )


def peak_resident_bytes() -> int:
    """The most memory that this process ever held (``VmHWM``), or what it holds now where the kernel does not tell."""
    now = int(psutil.Process().memory_info().rss)
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return now
    return max([now, *(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))])


def _with_template(tokenizer: Any, session: Session) -> Any:
    if session.data.chat_template:
        try:
            return get_chat_template(tokenizer, chat_template=session.data.chat_template)
        except (KeyError, ValueError, RuntimeError) as error:
            raise ModelError(f"Unsloth has no chat template {session.data.chat_template!r}") from error
    return tokenizer
