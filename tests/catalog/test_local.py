"""What a model folder holds is known without loading it, and what is no model says why."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.catalog.local import (
    ModelCard,
    ModelError,
    card_from_config,
    is_path,
    linears_of,
    parameters_of,
    read_model,
    read_tensors,
)

Safetensors = Callable[[Path, Any], Path]


def tensor(dtype: str, *shape: int) -> dict[str, Any]:
    return {"dtype": dtype, "shape": list(shape), "data_offsets": [0, 0]}


def refusal(name: object) -> str:
    with pytest.raises(ModelError) as caught:
        read_model(str(name))
    return str(caught.value)


def test_every_parameter_is_counted_exactly(tmp_path: Path, safetensors: Safetensors) -> None:
    header = {"__metadata__": {"format": "pt"}, "a": tensor("BF16", 7, 5), "b": tensor("F32", 3), "scalar": tensor("F32")}
    assert parameters_of(read_tensors(safetensors(tmp_path / "m.safetensors", header))) == 7 * 5 + 3 + 1


def test_packed_weights_count_twice_and_their_scales_not_at_all(tmp_path: Path, safetensors: Safetensors) -> None:
    header = {
        "w": tensor("U8", 50, 1),
        "w.absmax": tensor("U8", 4),
        "w.quant_map": tensor("F32", 16),
        "w.quant_state.bitsandbytes__nf4": tensor("U8", 90),
        "w.nested_absmax": tensor("F32", 2),
        "norm": tensor("BF16", 10),
    }
    assert parameters_of(read_tensors(safetensors(tmp_path / "m.safetensors", header))) == 110


def test_the_shapes_of_the_layers_are_told_by_their_names(tmp_path: Path, safetensors: Safetensors) -> None:
    header = {
        "model.embed_tokens.weight": tensor("BF16", 100, 8),
        "model.layers.0.self_attn.q_proj.weight": tensor("BF16", 8, 6),
        "model.layers.0.self_attn.q_proj.bias": tensor("BF16", 8),
        "model.layers.1.self_attn.q_proj.weight": tensor("BF16", 4, 6),
        "model.layers.0.input_layernorm.weight": tensor("BF16", 8),
        "vision.conv.weight": tensor("BF16", 3, 3, 3, 3),
        "weight": tensor("BF16", 3, 3),
    }
    found = linears_of(read_tensors(safetensors(tmp_path / "m.safetensors", header)))
    assert found == {"embed_tokens": ((100, 8),), "q_proj": ((8, 6), (4, 6))}


def test_the_layers_of_a_model_in_several_files_are_all_known(
    hollow_model: Callable[..., Path], safetensors: Safetensors
) -> None:
    folder = hollow_model()
    for number in (1, 2):
        safetensors(folder / f"model-{number}.safetensors", {f"layers.{number}.q_proj.weight": tensor("F16", number, 5)})
    assert read_model(str(folder)).linears == {"q_proj": ((1, 5), (2, 5))}


PACKED = {
    "bitsandbytes": {"q_proj.weight": tensor("U8", 50, 1), "q_proj.weight.absmax": tensor("U8", 4)},
    "gptq": {"q_proj.qweight": tensor("I32", 50, 10), "q_proj.scales": tensor("F16", 4, 10)},
}


@pytest.mark.parametrize("packed", PACKED.values(), ids=PACKED)
def test_of_a_packed_model_no_layers_are_known_rather_than_its_embeddings_alone(
    tmp_path: Path, safetensors: Safetensors, packed: dict[str, Any]
) -> None:
    """Else every session with such a model is refused: it would have no q_proj."""
    header = {f"model.layers.0.self_attn.{name}": told for name, told in packed.items()}
    header |= {"model.embed_tokens.weight": tensor("BF16", 100, 8), "lm_head.weight": tensor("BF16", 100, 8)}
    assert linears_of(read_tensors(safetensors(tmp_path / "m.safetensors", header))) == {}


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x01\x02",
        b"version https://git-lfs.github.com/spec/v1\noid sha256:00\n",
        (50).to_bytes(8, "little") + b'{"a": {"dty',
        (2).to_bytes(8, "little") + b"[]",
        (8).to_bytes(8, "little") + b'{"a": 5}',
        (20).to_bytes(8, "little") + b'{"a": {"dtype":"F"}}',
        (4).to_bytes(8, "little") + b"\xff\xfe\x00\x01",
        (100_000).to_bytes(8, "little") + b"[" * 100_000,
    ],
)
def test_a_damaged_or_unfetched_file_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "m.safetensors"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=f"^{path} is damaged: "):
        read_tensors(path)


@given(st.binary(max_size=60))
def test_no_header_raises_anything_but_a_model_error(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "m.safetensors"
    path.write_bytes(len(content).to_bytes(8, "little") + content)
    with pytest.raises(ModelError):
        read_tensors(path)


def test_a_model_folder_is_read_whole(hollow_model: Callable[..., Path], safetensors: Safetensors) -> None:
    folder = hollow_model(num_hidden_layers=30, hidden_size=576, vocab_size=49152, max_position_embeddings=8192)
    safetensors(folder / "model-2.safetensors", {"x": tensor("F16", 10)})
    (folder / "tokenizer_config.json").write_text(
        '{"chat_template": "{{ messages }}", "tokenizer_class": "GPT2TokenizerFast", "eos_token": {"content": "<|im_end|>"}}'
    )
    size = sum(path.stat().st_size for path in folder.glob("*.safetensors"))
    assert read_model(str(folder)) == ModelCard(
        str(folder), "LlamaForCausalLM", 30, 576, 49152, 8192, parameters=16, size_bytes=size, has_chat_template=True,
        tokenizer="GPT2Tokenizer, ends with <|im_end|>",
    )  # fmt: skip


def test_a_template_in_a_file_of_its_own_is_found(hollow_model: Callable[..., Path]) -> None:
    folder = hollow_model()
    template = folder / "chat_template.jinja"
    template.rename(folder / "aside")
    assert not read_model(str(folder)).has_chat_template
    (folder / "aside").rename(template)
    assert read_model(str(folder)).has_chat_template


def test_the_numbers_of_a_multimodal_model_are_those_of_its_text_part() -> None:
    config = {"architectures": ["Gemma3"], "hidden_size": 1, "text_config": {"hidden_size": 2560, "num_hidden_layers": 34}}
    card = card_from_config("m", config, tensors=(), size_bytes=None, tokenizer_config={})
    assert (card.architecture, card.hidden_size, card.layers, card.context_length) == ("Gemma3", 2560, 34, None)


@pytest.mark.parametrize(
    "config", [{}, {"architectures": [], "text_config": 5}, {"architectures": "x", "hidden_size": "big"}]
)
def test_a_config_that_says_little_gives_a_card_that_knows_little(config: dict[str, Any]) -> None:
    card = card_from_config("m", config, tensors=(), size_bytes=None, tokenizer_config={})
    assert (card.architecture, card.hidden_size) == ("unknown", None)


def test_an_adapter_is_told_from_a_model_and_names_its_base(tmp_path: Path, safetensors: Safetensors) -> None:
    (tmp_path / "adapter_config.json").write_text('{"base_model_name_or_path": "unsloth/Qwen3-4B"}')
    safetensors(tmp_path / "adapter_model.safetensors", {"lora_A": tensor("F32", 16, 4)})
    card = read_model(str(tmp_path))
    assert (card.adapter_of, card.parameters, card.architecture) == ("unsloth/Qwen3-4B", 64, "LoRA adapter")


def test_what_is_no_model_says_why(tmp_path: Path, hollow_model: Callable[..., Path]) -> None:
    assert refusal(tmp_path / "no") == f"there is no folder {tmp_path / 'no'}"
    assert refusal(tmp_path) == f"{tmp_path} is no model: it has no config.json"
    folder = hollow_model()
    (folder / "model.safetensors").unlink()
    assert refusal(folder) == f"{folder} is no model: it has no weights (*.safetensors)"
    (folder / "config.json").write_text("{")
    assert refusal(folder).startswith(f"{folder / 'config.json'} cannot be read: ")
    (folder / "config.json").write_text("[]")
    assert refusal(folder) == f"{folder / 'config.json'} does not hold an object"
    (folder / "adapter_config.json").write_text("{}")
    assert refusal(folder) == f"{folder} is no adapter: it has no adapter_model.safetensors"


def test_old_weights_are_a_model_of_unknown_size(hollow_model: Callable[..., Path]) -> None:
    folder = hollow_model()
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    card = read_model(str(folder))
    assert (card.parameters, card.size_bytes) == (None, None)


@pytest.mark.parametrize("name", ["/x", "./x", "../x", "~/x", "a/b/c", "~nobody-of-that-name/x"])
def test_a_path_is_not_looked_for_on_the_hub(name: str) -> None:
    assert is_path(name)


@pytest.mark.parametrize("name", ["unsloth/Qwen3-4B", "gpt2", "", "x" * 5000, "a\0b"])
def test_a_name_on_the_hub_is_not_a_path(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert not is_path(name)


def test_a_folder_here_goes_before_the_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "unsloth" / "mine").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    assert is_path("unsloth/mine")


@pytest.mark.parametrize("name", ["~nobody-of-that-name/x", "/" + "x" * 5000, "/a\0b"])
def test_a_name_that_no_folder_can_have_is_refused(name: str) -> None:
    assert refusal(name) == f"there is no folder {name}"


def test_a_home_folder_is_found(hollow_model: Callable[..., Path]) -> None:
    hollow_model().rename(Path.home() / "mine")
    assert read_model("~/mine").parameters == 6
    assert json.loads((Path.home() / "mine" / "config.json").read_text())["max_position_embeddings"] == 4096
