"""What a model folder holds, read from its small files and the headers of its weights alone."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import prod
from pathlib import Path
from typing import Any

from tui.catalog.shape import LARGEST, ModelShape, shape_from_config, whole
from tui.resources import expanded

MAX_HEADER_BYTES = 100 << 20


class ModelError(Exception):
    """A model that cannot be used, in one sentence that names its folder."""


@dataclass(frozen=True)
class Tensor:
    """One tensor of a safetensors file."""

    name: str
    dtype: str
    shape: tuple[int, ...]


@dataclass(frozen=True)
class ModelCard:
    """What is known of a model before it is loaded."""

    name: str
    """The folder, or the name on the hub."""
    architecture: str
    layers: int | None
    hidden_size: int | None
    vocabulary: int | None
    context_length: int | None
    """Tokens."""
    parameters: int | None
    size_bytes: int | None
    """Of the weights on disk."""
    has_chat_template: bool
    tokenizer: str = ""
    """Its kind and its end token, in words; empty where not known."""
    adapter_of: str = ""
    """The base model, when this is an adapter."""
    shape: ModelShape | None = None
    linears: dict[str, tuple[tuple[int, int], ...]] = field(default_factory=dict)
    """Outputs and inputs of the weight matrices, by the last part of their name (``q_proj``); empty where packed."""


def is_path(name: str) -> bool:
    """Whether a model name means a folder rather than a name on the hub; nothing at all means neither."""
    return name.startswith(("/", "./", "../", "~")) or name.count("/") > 1 or (name != "" and _is_folder(name))


def read_model(name: str) -> ModelCard:
    """What the folder holds. Raises ModelError when it is not there or is no model."""
    if not _is_folder(name):
        raise ModelError(f"there is no folder {name}")
    try:
        return _read_folder(name, expanded(name))
    except OSError as error:
        raise ModelError(f"{name} cannot be read: {error.strerror or error}") from None


def _read_folder(name: str, folder: Path) -> ModelCard:
    if (folder / "adapter_config.json").is_file():
        return _adapter(name, folder)
    if not (folder / "config.json").is_file():
        raise ModelError(f"{name} is no model: it has no config.json")
    config = read_json(folder / "config.json")
    weights = weights_in(folder)
    if not weights and not list(folder.glob("pytorch_model*.bin")):
        raise ModelError(f"{name} is no model: it has no weights (*.safetensors)")
    tensors = [tensor for path in weights for tensor in read_tensors(path)]
    return card_from_config(
        name,
        config,
        tensors=tensors,
        size_bytes=sum(path.stat().st_size for path in weights) or None,
        tokenizer_config=_tokenizer_config(folder),
    )


def weights_in(folder: Path) -> list[Path]:
    """The safetensors files of a model; not those in which Mistral publishes the same weights once more."""
    found = sorted(folder.glob("*.safetensors"))
    return [path for path in found if not path.name.startswith("consolidated")] or found


def is_packed(tensors: Iterable[Tensor]) -> bool:
    """Whether several weights stand in one number, so that how many there are cannot be counted."""
    return any("qweight" in tensor.name for tensor in tensors)


def _is_folder(name: str) -> bool:
    try:
        return expanded(name).is_dir()
    except OSError:  # no folder can have such a name
        return False


def card_from_config(
    name: str,
    config: dict[str, Any],
    *,
    tensors: Sequence[Tensor],
    size_bytes: int | None,
    tokenizer_config: Mapping[str, Any],
) -> ModelCard:
    """A card from the contents of ``config.json`` and ``tokenizer_config.json``.

    A multimodal model keeps its numbers under ``text_config``.
    """
    inner = config.get("text_config")
    text = inner if isinstance(inner, dict) else config
    architectures = config.get("architectures")
    return ModelCard(
        name=name,
        architecture=str(architectures[0]) if isinstance(architectures, list) and architectures else "unknown",
        layers=whole(text.get("num_hidden_layers")),
        hidden_size=whole(text.get("hidden_size")),
        vocabulary=whole(text.get("vocab_size")),
        context_length=whole(text.get("max_position_embeddings")),
        parameters=parameters_of(tensors) or None,
        size_bytes=size_bytes,
        has_chat_template=bool(tokenizer_config.get("chat_template")),
        tokenizer=_tokenizer_words(tokenizer_config),
        shape=shape_from_config(config | text, parameters_of(tensors) or None),
        linears=linears_of(tensors),
    )


def read_json(path: Path) -> dict[str, Any]:
    """A small JSON object. Raises ModelError naming the file."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(f"{path} cannot be read: {error}") from None
    if not isinstance(value, dict):
        raise ModelError(f"{path} does not hold an object")
    return value


def read_tensors(path: Path) -> list[Tensor]:
    """What a safetensors file holds, from its header alone. Raises ModelError when it is damaged.

    The format: eight bytes of header length, little-endian, then a JSON object from tensor name to dtype and shape.
    """
    try:
        with path.open("rb") as stream:
            (length,) = struct.unpack("<Q", stream.read(8))
            if length > MAX_HEADER_BYTES:
                raise ValueError("its header is too long")
            header = json.loads(stream.read(length))
        tensors = [(key, tensor) for key, tensor in header.items() if key != "__metadata__"]
        found = [Tensor(key, str(tensor["dtype"]), tuple(map(int, tensor["shape"]))) for key, tensor in tensors]
        if any(not 0 <= size < LARGEST for tensor in found for size in tensor.shape):
            raise ValueError("it tells of a tensor that is too large")
        return found
    except (OSError, ValueError, struct.error, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise ModelError(f"{path} is damaged: {error}") from None


def parameters_of(tensors: Iterable[Tensor]) -> int:
    """How many numbers tensors hold; 4-bit ones hold two a byte."""
    counted = (tensor for tensor in tensors if not is_quantisation_detail(tensor.name))
    return sum(prod(tensor.shape) * (2 if tensor.dtype == "U8" else 1) for tensor in counted)


def linears_of(tensors: Iterable[Tensor]) -> dict[str, tuple[tuple[int, int], ...]]:
    """The weight matrices by the last part of their name; nothing where some are packed and have lost their shape."""
    tensors = list(tensors)
    if any((tensor.name.endswith(".weight") and tensor.dtype == "U8") or "qweight" in tensor.name for tensor in tensors):
        return {}
    found: dict[str, list[tuple[int, int]]] = {}
    for tensor in tensors:
        if tensor.name.endswith(".weight") and len(tensor.shape) == 2 and tensor.name.count("."):
            outputs, inputs = tensor.shape
            found.setdefault(tensor.name.split(".")[-2], []).append((outputs, inputs))
    return {name: tuple(shapes) for name, shapes in found.items()}


def is_quantisation_detail(key: str) -> bool:
    """Whether a tensor only says how another one is packed."""
    return any(word in key for word in (".absmax", ".quant_map", ".quant_state", ".nested_"))


def _adapter(name: str, folder: Path) -> ModelCard:
    base = str(read_json(folder / "adapter_config.json").get("base_model_name_or_path") or "")
    weights = folder / "adapter_model.safetensors"
    if not weights.is_file():
        raise ModelError(f"{name} is no adapter: it has no adapter_model.safetensors")
    return ModelCard(
        name=name,
        architecture="LoRA adapter",
        layers=None,
        hidden_size=None,
        vocabulary=None,
        context_length=None,
        parameters=parameters_of(read_tensors(weights)),
        size_bytes=weights.stat().st_size,
        has_chat_template=bool(_tokenizer_config(folder).get("chat_template")),
        adapter_of=base,
    )


def _tokenizer_config(folder: Path) -> dict[str, Any]:
    """What says how text is cut; a chat template in a file of its own stands in it too."""
    path = folder / "tokenizer_config.json"
    config = read_json(path) if path.is_file() else {}
    return config | ({"chat_template": True} if (folder / "chat_template.jinja").is_file() else {})


def _tokenizer_words(config: Mapping[str, Any]) -> str:
    """The kind of a tokenizer and what it ends an answer with; tokens are texts, or objects with one."""
    end = config.get("eos_token")
    end = end.get("content") if isinstance(end, dict) else end
    kind = str(config.get("tokenizer_class") or "").removesuffix("Fast")
    return ", ".join(part for part in (kind, f"ends with {end}" if isinstance(end, str) else "") if part)
