"""The prediction of memory is held to what an H200 really reserved, in thirty settings and three sizes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bench.memory import SETTINGS, session_with
from tui.catalog.shape import ModelShape, shape_from_config
from tui.machine.memory import predict
from tui.session import file

MEASURED = [json.loads(line) for line in (Path(__file__).parent / "measured_h200.jsonl").read_text().splitlines()]

LLAMA: dict[str, Any] = {"vocab_size": 128256, "num_key_value_heads": 8, "num_attention_heads": 32}
CONFIGS: dict[str, dict[str, Any]] = {
    "1b": LLAMA
    | {"hidden_size": 2048, "intermediate_size": 8192, "num_hidden_layers": 16, "head_dim": 64, "tie_word_embeddings": True},
    "3b": {
        "hidden_size": 2048, "intermediate_size": 11008, "num_hidden_layers": 36, "num_attention_heads": 16,
        "num_key_value_heads": 2, "head_dim": 128, "vocab_size": 151936, "tie_word_embeddings": True,
    },
    "8b": LLAMA | {"hidden_size": 4096, "intermediate_size": 14336, "num_hidden_layers": 32, "head_dim": 128},
}  # fmt: skip


def shape(size: str) -> ModelShape:
    made = shape_from_config(CONFIGS[size])
    assert made is not None
    return made


@pytest.mark.parametrize("told", MEASURED, ids=lambda told: f"{told['size']} {told['name']}")
def test_the_peak_is_predicted_within_a_seventh_and_never_much_too_low(told: dict[str, Any]) -> None:
    session = session_with("model", SETTINGS[told["size"]][told["name"]], Path("rows.jsonl"))
    ratio = predict(session, shape(told["size"]), max(told["lengths"])).total / told["reserved"]
    assert 0.95 <= ratio <= 1.15


@pytest.mark.parametrize(
    ("size", "batch", "length", "fsdp2", "reserved"),
    [("8b", 8, 512, False, 18_436_063_232), ("1b", 2, 256, False, 3_380_609_024), ("8b", 8, 512, True, 14_248_050_688)],
)
def test_what_each_of_two_gpus_takes_is_predicted(size: str, batch: int, length: int, fsdp2: bool, reserved: int) -> None:
    """On two H200, an adapter of rank 16 in 16 bits."""
    told: dict[str, dict[str, Any]] = {
        "model": {"load_in_4bit": False, "max_seq_length": length},
        "training": {"per_device_train_batch_size": batch},
        "cluster": {"nproc_per_node": 2, "fsdp2": fsdp2},
    }
    assert 0.98 <= predict(file.from_table(told), shape(size)).total / reserved <= 1.02


@pytest.mark.parametrize(("size", "parameters"), [("1b", 1_235_814_400), ("8b", 8_030_261_248)])
def test_the_size_of_a_model_follows_from_its_config(size: str, parameters: int) -> None:
    """Norms are left out: they are a thousandth of a percent."""
    assert shape(size).parameters == pytest.approx(parameters, rel=1e-4)


def test_a_mixture_of_experts_is_as_large_as_all_of_them_and_as_wide_as_those_that_work() -> None:
    moe = {"num_experts": 128, "num_experts_per_tok": 8, "moe_intermediate_size": 768, "num_hidden_layers": 48}
    made = shape_from_config(CONFIGS["3b"] | moe | {"num_key_value_heads": 4, "num_attention_heads": 32})
    assert made is not None
    assert made.intermediate == 8 * 768
    assert made.parameters == pytest.approx(30.5e9, rel=0.05)


@pytest.mark.parametrize("config", [{}, {"hidden_size": 64}, {"hidden_size": "big", "num_hidden_layers": 2}])
def test_a_config_that_says_too_little_has_no_shape(config: dict[str, Any]) -> None:
    assert shape_from_config(config) is None


def total(**sections: dict[str, Any]) -> float:
    return predict(file.from_table(sections), shape("8b")).total


def test_each_saving_saves() -> None:
    sparing = total()
    assert sparing < total(model={"load_in_8bit": True}) < total(model={"full_finetuning": True})
    assert sparing < total(model={"load_in_16bit": True})
    assert sparing < total(lora={"use_gradient_checkpointing": "true"}) < total(lora={"use_gradient_checkpointing": "false"})
    assert sparing < total(training={"per_device_train_batch_size": 8})
    assert sparing < total(model={"max_seq_length": 16384})
    assert sparing < total(lora={"r": 256})
    assert sparing < total(lora={"modules_to_save": ["lm_head"]})
    assert sparing <= total(training={"optim": "adamw_torch"})


def test_short_rows_take_less_than_long_ones_unless_they_are_packed() -> None:
    told = {"lora": {"use_gradient_checkpointing": "false"}}
    plain, packed = file.from_table(told), file.from_table(told | {"training": {"packing": True}})
    assert predict(plain, shape("8b"), 100).total < predict(plain, shape("8b")).total
    assert predict(packed, shape("8b"), 100).total == predict(packed, shape("8b")).total


def test_the_parts_add_up() -> None:
    parts = predict(file.from_table({}), shape("8b"))
    assert parts.total == pytest.approx(
        parts.weights + parts.adapter + parts.gradients + parts.optimiser + parts.activations + parts.loss + parts.slack
    )
