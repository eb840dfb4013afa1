"""Loads a model and its tokenizer with Unsloth, and puts an adapter on it."""

from __future__ import annotations

import unsloth  # noqa: F401  # isort: skip  (must come before transformers and trl)

import os
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import psutil
import torch
from transformers import AutoConfig, AutoTokenizer
from unsloth import FastLanguageModel
from unsloth.chat_templates import get_chat_template
from unsloth.tokenizer_utils import load_correct_tokenizer

from tui.catalog.local import ModelError, is_path, read_model
from tui.engine.arguments import adapter_arguments, loading_arguments
from tui.engine.together import Together
from tui.engine.writing import Writer
from tui.machine.gpu import read_gpus, uuid_of
from tui.resources import expanded
from tui.run.events import MemoryMeasured
from tui.run.folder import RunFolder
from tui.session.schema import Session
from tui.session.sections.data import JINJA, DataSection

QUANTISED = re.compile("(-unsloth)?-bnb-4bit$")
REWRITING = ("pissa", "olora", "loftq")
"""Adapter starts that take their part out of the weights: without the adapter, what is left is not the base model."""


@dataclass
class Loaded:
    """A model in memory."""

    name: str
    model: Any
    tokenizer: Any
    tuned: bool = True
    """Whether it is the result of a training rather than a model as it came."""
    data: DataSection | None = None
    """How the rows were read that it was trained on; None where it was not trained here."""
    other: str = ""
    """The folder of a second adapter that is loaded beside the first; empty without one."""

    @property
    def has_adapter(self) -> bool:
        """Whether the base model can still be heard, by switching the adapter off."""
        adapter = getattr(self.model, "peft_config", {}).get("default")
        if adapter is None:
            return False
        return adapter.init_lora_weights not in REWRITING and adapter.bias == "none"

    @cached_property
    def writer(self) -> Writer:
        """What writes conversations for it."""
        return Writer(self.tokenizer, self.data)

    @property
    def context_tokens(self) -> int:
        """The most that prompt and answer together may have."""
        return int(getattr(self.model, "max_seq_length", 0) or self.model.config.max_position_embeddings)

    @property
    def four_bit(self) -> bool:
        base = self.model.get_base_model() if hasattr(self.model, "get_base_model") else self.model
        return bool(getattr(base, "is_loaded_in_4bit", False))

    @property
    def device(self) -> str:
        device = self.model.device
        return torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU"


def take_device(together: Together) -> None:
    """Take this process's own GPU where several train together. Raises ModelError where there are not enough."""
    if together.size == 1 or not torch.cuda.is_available():
        return
    seen = torch.cuda.device_count()
    if together.local_rank >= seen:
        wanted = os.environ.get("LOCAL_WORLD_SIZE", "")
        raise ModelError(f"cluster.nproc_per_node: {wanted} processes need a GPU each, and the run sees {seen}")
    torch.cuda.set_device(together.local_rank)


def load_model(session: Session, name: str = "") -> Loaded:
    """Load the session's model, or the adapter folder `name` on top of its base. Raises ModelError and hub errors."""
    name = name or session.model.name
    if is_path(name):
        read_model(name)  # says in one sentence what is missing, where the libraries would guess a hub name
        name = str(expanded(name))
    chosen = loading_arguments(session) | {"model_name": name}
    chosen["dtype"] = None if session.model.dtype == "auto" else getattr(torch, session.model.dtype)
    if "rope_scaling" in chosen:
        chosen["rope_scaling"] = _whole_rope(chosen["rope_scaling"], name, session)
    model, tokenizer = FastLanguageModel.from_pretrained(**chosen)
    model.generation_config.max_length = None  # answers have a length of their own, and both together warn each time
    return Loaded(name, model, _with_template(tokenizer, session), data=session.data if session.data.source else None)


def earlier_adapter(session: Session) -> str:
    """The folder of the adapter that the session continues from; empty without one. Raises ModelError."""
    if not session.lora.continue_from:
        return ""
    place = expanded(session.lora.continue_from)
    run = RunFolder(place)
    found = run.adapter if run.session.is_file() else place
    if not (found / "adapter_config.json").is_file():
        raise ModelError(f"lora.continue_from: {found} holds no adapter to train on")
    return str(found)


def load_tokenizer(session: Session, name: str = "") -> Any:
    """The tokenizer alone, as `load_model` gives it. Raises ModelError and hub errors."""
    name = name or session.model.name
    if is_path(name):
        read_model(name)
        name = str(expanded(name))
    chosen = {"revision": session.model.revision, "trust_remote_code": session.model.trust_remote_code}
    if torch.cuda.is_available():
        return _with_template(load_correct_tokenizer(name, **chosen), session)
    # Unsloth's repairs are for its GPU models, and importing these patches what the CPU backend runs on, in ten seconds
    return _with_template(AutoTokenizer.from_pretrained(name, **chosen), session)


def add_adapter(loaded: Loaded, session: Session) -> None:
    """Put a fresh LoRA adapter on the model, unless it came with one or all of it is to be trained."""
    if session.model.full_finetuning or session.lora.continue_from:
        return
    loaded.model = FastLanguageModel.get_peft_model(loaded.model, **adapter_arguments(session))


def load_other(loaded: Loaded, folder: str, base: str) -> None:
    """Load another adapter beside the model's own, for the voice `other`. Raises ModelError where they do not fit."""
    if not loaded.has_adapter:
        raise ModelError("two adapters are compared on one base model, and here is none that an adapter left as it was")
    own = loaded.model.peft_config["default"].base_model_name_or_path
    if not _same_base(own, base):
        raise ModelError(f"{folder} was trained on {base}, and what is loaded on {own}")
    if loaded.other:
        loaded.model.delete_adapter("other")
        loaded.other = ""
    loaded.model.load_adapter(folder, "other")
    loaded.other = folder


def _same_base(one: str, other: str) -> bool:
    """Whether two names mean one model; Unsloth has names of its own for its 4-bit versions."""
    if is_path(one) and is_path(other):
        return expanded(one).resolve() == expanded(other).resolve()
    return QUANTISED.sub("", one).lower().split("/")[-1] == QUANTISED.sub("", other).lower().split("/")[-1]


def free_memory() -> tuple[float, str, int | None]:
    """Free bytes where a model would be loaded, what that is called, and the number of the GPU (None on a CPU)."""
    if not torch.cuda.is_available():
        return float(psutil.virtual_memory().available), "the CPU", None
    here = gpu_number()
    return float(torch.cuda.mem_get_info()[0]), f"GPU {here}", here


def gpu_number() -> int:
    """The number that the driver gives to this process's GPU; torch counts only those that the process may see."""
    index = torch.cuda.current_device()
    uuid = str(torch.cuda.get_device_properties(index).uuid)
    return next((number for number in range(len(read_gpus())) if uuid in uuid_of(number)), index)


def measure_memory(moment: Any) -> MemoryMeasured:
    """The guide's memory figures: on a GPU what torch has reserved now and at most, on a CPU what the engine holds."""
    if torch.cuda.is_available():
        total = torch.cuda.get_device_properties(torch.cuda.current_device()).total_memory
        used, peak = torch.cuda.memory_reserved(), torch.cuda.max_memory_reserved()
        return MemoryMeasured(moment=moment, used_bytes=used, peak_bytes=peak, total_bytes=total)
    used = psutil.Process().memory_info().rss
    return MemoryMeasured(
        moment=moment,
        used_bytes=used,
        peak_bytes=max(used, peak_resident_bytes()),
        total_bytes=psutil.virtual_memory().total,
    )


def peak_bytes() -> int:
    """The most that this process ever held: of a GPU what torch had reserved, on a CPU of main memory."""
    return torch.cuda.max_memory_reserved() if torch.cuda.is_available() else peak_resident_bytes()


def peak_resident_bytes() -> int:
    """The most memory that this process ever held (``VmHWM``), or what it holds now where the kernel does not tell."""
    try:
        _, told, rest = Path("/proc/self/status").read_bytes().partition(b"VmHWM:")
    except OSError:
        told = b""
    return int(rest.split()[0]) * 1024 if told else int(psutil.Process().memory_info().rss)


def _whole_rope(wanted: dict[str, Any], name: str, session: Session) -> dict[str, Any]:
    """The position scaling with the model's own base frequency, which Unsloth adds on a GPU and transformers does not."""
    told = {"revision": session.model.revision, "trust_remote_code": session.model.trust_remote_code}
    own = getattr(AutoConfig.from_pretrained(name, **told), "rope_parameters", None) or {}
    return {"rope_theta": own["rope_theta"]} | wanted if "rope_theta" in own else wanted


def _with_template(tokenizer: Any, session: Session) -> Any:
    """The tokenizer with the session's template: one of Unsloth's by name, or a Jinja file. Raises ModelError."""
    wanted = session.data.chat_template
    if not wanted:
        return tokenizer
    if wanted.endswith(JINJA) and (path := expanded(wanted)).is_file():
        try:
            tokenizer.chat_template = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise ModelError(f"data.chat_template: {path} cannot be read: {error}") from None
        return tokenizer
    try:
        return get_chat_template(tokenizer, chat_template=wanted)
    except (KeyError, ValueError, RuntimeError) as error:
        raise ModelError(f"Unsloth has no chat template {wanted!r}") from error
