"""What a session comes to is what the trainer will do: its updates, its trained parameters, its time."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.session.strategies import Table, facts, few_changes
from tui.session.facts import Facts
from tui.session.file import from_table
from tui.session.outlook import MOST_STEPS, outlook

LAYERS = 30
ATTENTION = {"q_proj": (576, 576), "k_proj": (192, 576), "v_proj": (192, 576), "o_proj": (576, 576)}
MLP = {"gate_proj": (1536, 576), "up_proj": (1536, 576), "down_proj": (576, 1536)}
EMBEDDING = 49_152 * 576
SMOLLM = Facts(
    examples=1000,
    parameters=134_515_008,
    linears={name: (shape,) * LAYERS for name, shape in (ATTENTION | MLP).items()} | {"embed_tokens": ((49_152, 576),)},
)
"""SmolLM2-135M: 30 blocks, tied embeddings."""

RANK_16 = 4_884_480
"""As Unsloth itself says when it trains SmolLM2-135M with r = 16."""


def trained(known: Facts = SMOLLM, **lora: Any) -> int | None:
    return outlook(from_table({"lora": lora}), known).trained_parameters


# updates


def updates_of_an_epoch(examples: int, batch: int, accumulation: int) -> int:
    """One by one: batches of examples, and an update after so many batches or at the end."""
    updates = 0
    for group in chunks(list(chunks(range(examples), batch)), accumulation):
        assert group
        updates += 1
    return updates


def chunks(items: Sequence[Any], size: int) -> Iterator[Sequence[Any]]:
    return (items[at : at + size] for at in range(0, len(items), size))


@given(st.integers(1, 400), st.integers(1, 50), st.integers(1, 50))
def test_an_epoch_has_as_many_updates_as_the_trainer_makes(examples: int, batch: int, accumulation: int) -> None:
    told = {"training": {"per_device_train_batch_size": batch, "gradient_accumulation_steps": accumulation}}
    ahead = outlook(from_table(told), Facts(examples=examples))
    assert ahead.steps_per_epoch == ahead.steps == updates_of_an_epoch(examples, batch, accumulation)
    assert ahead.effective_batch == batch * accumulation


@pytest.mark.parametrize(
    ("training", "steps"),
    [
        ({}, 125),
        ({"num_train_epochs": 3}, 375),
        ({"num_train_epochs": 0.5}, 63),
        ({"num_train_epochs": 2.001}, 251),
        ({"max_steps": 60}, 60),
        ({"max_steps": 60, "num_train_epochs": 9}, 60),
        ({"packing": True, "max_steps": 60}, 60),
        ({"packing": True}, None),
        ({"num_train_epochs": 1e308}, MOST_STEPS),
    ],
)
def test_the_run_ends_when_it_is_said_to(training: dict[str, Any], steps: int | None) -> None:
    assert outlook(from_table({"training": training}), SMOLLM).steps == steps


def test_packed_rows_are_not_counted_before_they_are_packed() -> None:
    assert outlook(from_table({"training": {"packing": True}}), SMOLLM).steps_per_epoch is None


@pytest.mark.parametrize(
    ("rows", "evaluation", "left"),
    [
        (1000, {}, 1000),
        (1000, {"fraction": 0.05}, 950),
        (1000, {"fraction": 0.05, "source": "held.jsonl"}, 1000),
        (10, {"fraction": 0.01}, 9),
        (10, {"fraction": 0.99}, 1),
        (2, {"fraction": 0.5}, 1),
        (1, {"fraction": 0.5}, 1),
        (0, {"fraction": 0.5}, 0),
    ],
)
def test_what_is_held_out_is_not_trained_on(rows: int, evaluation: dict[str, Any], left: int) -> None:
    assert outlook(from_table({"evaluation": evaluation}), Facts(examples=rows)).examples == left


def test_an_update_sees_at_most_so_many_tokens() -> None:
    assert outlook(from_table({"model": {"max_seq_length": 512}}), SMOLLM).tokens_per_update == 2 * 4 * 512


def test_the_time_follows_from_the_last_run() -> None:
    ahead = outlook(from_table({"training": {"max_steps": 60}}), replace(SMOLLM, seconds_per_example=0.25))
    assert ahead.seconds == 60 * 8 * 0.25


def test_what_is_not_known_is_not_made_up() -> None:
    ahead = outlook(from_table({}), Facts())
    assert (ahead.examples, ahead.steps_per_epoch, ahead.steps, ahead.seconds) == (None, None, None, None)
    assert (ahead.trained_parameters, ahead.all_parameters) == (None, None)


# trained parameters


def test_the_usual_adapter_has_the_size_that_unsloth_tells() -> None:
    assert trained() == RANK_16
    assert outlook(from_table({}), SMOLLM).all_parameters == 134_515_008


@pytest.mark.parametrize("r", [1, 8, 64])
def test_an_adapter_grows_with_its_rank(r: int) -> None:
    assert trained(r=r) == RANK_16 // 16 * r


def test_fewer_layers_are_a_smaller_adapter() -> None:
    attention = LAYERS * 16 * ((576 + 576) * 2 + (576 + 192) * 2)
    assert trained(target_modules=list(ATTENTION)) == attention == 1_843_200
    assert trained(target_modules=["q_proj", "q_proj"]) == LAYERS * 16 * (576 + 576)
    assert trained(target_modules=["q_proj", "no_such_layer"]) == LAYERS * 16 * (576 + 576)


def test_every_linear_layer_does_not_include_the_embeddings() -> None:
    assert trained(target_modules=["all-linear"]) == RANK_16


def test_dora_adds_one_number_an_output() -> None:
    outputs = sum(shape[0] for shape in (ATTENTION | MLP).values())
    assert outputs == 5184
    assert trained(use_dora=True) == RANK_16 + LAYERS * outputs == 5_040_000


@pytest.mark.parametrize(
    "lora",
    [
        {"modules_to_save": ["embed_tokens"]},
        {"target_modules": [*ATTENTION, *MLP, "embed_tokens"]},
        {"target_modules": [*ATTENTION, *MLP, "embed_tokens"], "modules_to_save": ["embed_tokens"]},
        {"target_modules": ["all-linear"], "modules_to_save": ["embed_tokens"]},
    ],
)
def test_embeddings_are_trained_whole(lora: dict[str, Any]) -> None:
    assert trained(**lora) == RANK_16 + EMBEDDING == 33_196_032


def test_full_fine_tuning_trains_everything() -> None:
    session = from_table({"model": {"full_finetuning": True}, "lora": {"continue_from": "old"}})
    assert outlook(session, SMOLLM).trained_parameters == 134_515_008
    assert outlook(session, Facts()).trained_parameters is None


def test_a_continued_adapter_keeps_its_size() -> None:
    assert trained(replace(SMOLLM, adapter_parameters=123_456), continue_from="old", r=64) == 123_456
    assert trained(continue_from="old") is None


def test_packed_weights_tell_no_size() -> None:
    assert trained(Facts(parameters=100)) is None


@given(few_changes(), facts())
def test_figures_are_never_below_zero_and_never_endless(table: Table, known: Facts) -> None:
    ahead = outlook(from_table(table), known)
    for figure in vars(ahead).values():
        assert figure is None or (figure >= 0 and math.isfinite(figure))
