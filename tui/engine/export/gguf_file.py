"""What the header of a GGUF file says, against the model that it was made from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gguf import GGUFReader


def check_gguf(path: Path, tokenizer: Any) -> tuple[list[str], list[str]]:
    """What is right and what is wrong with a file: its end, its tensors, its template and its tokens."""
    try:
        reader = GGUFReader(str(path))
    except (OSError, ValueError, IndexError, KeyError) as error:
        return [], [f"{path.name} is no GGUF file that can be read: {error}"]
    right: list[str] = []
    wrong: list[str] = []
    _tensors(reader, path, right, wrong)
    _vocabulary(reader, tokenizer, right, wrong)
    kind = str(_value(reader, "tokenizer.ggml.model"))
    if _spells_bytes(tokenizer) and kind != "gpt2":
        wrong.append(f"its tokenizer is written as one of another kind ({kind}), so that programs cut text wrongly or fail")
    template = _value(reader, "tokenizer.chat_template")
    wanted = getattr(tokenizer, "chat_template", None)
    if wanted and not template:
        wrong.append("it has no chat template")
    elif wanted:
        same = " ".join(str(template).split()) == " ".join(str(wanted).split())
        right.append("its chat template is the trained one" if same else "its chat template is one that llama.cpp adapted")
    end = _value(reader, "tokenizer.ggml.eos_token_id")
    if end != tokenizer.eos_token_id:
        wrong.append(f"its end token is {end}, and the model's is {tokenizer.eos_token_id}")
    else:
        right.append(f"its end token is {tokenizer.eos_token}")
    return right, wrong


def _tensors(reader: GGUFReader, path: Path, right: list[str], wrong: list[str]) -> None:
    """Every tensor of every layer must be there, and the file must be as long as they are."""
    architecture = _value(reader, "general.architecture")
    layers = _value(reader, f"{architecture}.block_count")
    names = {tensor.name for tensor in reader.tensors}
    blocks = {int(name.split(".")[1]) for name in names if name.startswith("blk.")}
    if not layers or blocks != set(range(int(layers))):
        wrong.append(f"it has tensors of {len(blocks)} layers, and says that it has {layers}")
    if "token_embd.weight" not in names:
        wrong.append("it has no embeddings")
    ends = [int(tensor.data_offset + tensor.n_bytes) for tensor in reader.tensors]
    if max(ends, default=0) > path.stat().st_size:
        wrong.append("it is cut off")
    if not wrong:
        right.append(f"{architecture}, {layers} layers, {len(names)} tensors, all there")


def _vocabulary(reader: GGUFReader, tokenizer: Any, right: list[str], wrong: list[str]) -> None:
    """As many tokens as embeddings, and at least as many as the tokenizer has."""
    field = reader.get_field("tokenizer.ggml.tokens")
    tokens = len(field.data) if field else 0
    embeddings = next((tensor for tensor in reader.tensors if tensor.name == "token_embd.weight"), None)
    rows = int(embeddings.shape[-1]) if embeddings is not None else 0
    if tokens != rows:
        wrong.append(f"it has {tokens} tokens and {rows} embeddings")
    elif tokens < len(tokenizer):
        wrong.append(f"it has {tokens} tokens, and the model has {len(tokenizer)}")
    else:
        right.append(f"{tokens:,} tokens")


def _spells_bytes(tokenizer: Any) -> bool:
    """Whether the tokenizer spells text in bytes, as GPT-2's did, where a space is written as a letter."""
    vocabulary = tokenizer.get_vocab()
    return "\u0120" in vocabulary and "\u2581" not in vocabulary


def _value(reader: GGUFReader, key: str) -> Any:
    field = reader.get_field(key)
    return field.contents() if field else None
