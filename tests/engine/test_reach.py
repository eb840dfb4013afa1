"""Every field of a session does something: it reaches the call of the library that it is meant for."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.engine.proofs import ADAPTER, CHANGED_ON_A_CPU, CONFIG, LOADING, NAMED, SEEN_ONLY
from tests.lab import ROOT, Lab
from tests.nursery import Nursery
from tui.session.fields import FieldSpec, fields_of
from tui.session.schema import Session

pytest_plugins = ["tests.engine_fixtures"]

SPECS: dict[str, FieldSpec] = {spec.key: spec for spec in fields_of(Session)}
slow = pytest.mark.slow


@pytest.fixture(scope="module")
def seen(lab: Lab, engines: Nursery, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What the real libraries got."""
    with lab.entered():
        told = engines.run("tests.engine.reach", str(lab.model), place=tmp_path_factory.mktemp("reach"))
    return json.loads(told.splitlines()[-1])


def test_no_field_is_without_proof_that_it_does_something() -> None:
    assert {*CONFIG, *LOADING, *ADAPTER, *NAMED} == {*SPECS}


@pytest.mark.parametrize("key", SPECS)
def test_the_proof_is_for_the_call_that_the_field_names(key: str) -> None:
    call = SPECS[key].to.rpartition(".")[0]
    tables = {
        "SFTConfig": CONFIG,
        "UnslothTrainingArguments": CONFIG,
        "FastLanguageModel.from_pretrained": LOADING,
        "FastLanguageModel.get_peft_model": ADAPTER,
    }
    table: Any = NAMED if key == "lora.continue_from" else tables.get(call, NAMED)
    assert key in table


@pytest.mark.parametrize(("key", "test"), NAMED.items())
def test_a_proof_that_is_named_exists(key: str, test: str) -> None:
    path, _, name = test.partition("::")
    assert f"def {name}(" in (ROOT / "tests" / path).read_text()


@pytest.mark.parametrize("key", [*CONFIG, *LOADING, *ADAPTER])
def test_a_proof_is_made_with_a_value_of_its_own(key: str) -> None:
    value = CONFIG[key][0] if key in CONFIG else {**LOADING, **ADAPTER}[key]
    assert key == "model.load_in_4bit" or value != SPECS[key].default  # 4-bit is what a precision that is not said means


@slow
@pytest.mark.parametrize("key", CONFIG)
def test_a_value_reaches_the_arguments_of_the_trainer(seen: dict[str, Any], key: str) -> None:
    wanted, told = CONFIG[key][0], seen["config"][key]
    assert told["given"] == wanted
    assert told["got"] == CHANGED_ON_A_CPU.get(key, wanted)
    assert (told["kind"] == "UnslothTrainingArguments") == (key == "training.embedding_learning_rate")


@slow
@pytest.mark.parametrize("key", LOADING)
def test_a_value_reaches_the_loading_of_the_model(seen: dict[str, Any], lab: Lab, key: str) -> None:
    told = seen["loading"][key]
    wanted = str(lab.model) if key == "model.name" else LOADING[key]
    changed = {
        "model.dtype": "torch.float32",
        "model.rope_scaling": {"rope_theta": 10000.0, "rope_type": "linear", "factor": 2.0},
    }
    assert told["given"] == changed.get(key, wanted)
    assert (told["got"] is None) == (key in SEEN_ONLY)


@slow
def test_the_model_is_loaded_as_it_was_asked_for(seen: dict[str, Any]) -> None:
    looks = {key: seen["loading"][key]["got"] for key in LOADING}
    plain = looks["model.name"]
    assert plain["dtype"] in ("torch.bfloat16", "torch.float32")  # the second where the processor lacks bfloat16
    assert (plain["attention"], plain["length"]) == ("sdpa", 2048)
    assert (plain["quantised"], plain["trained"]) == (False, True)
    assert looks["model.max_seq_length"]["length"] == 128
    assert looks["model.load_in_4bit"]["quantised"]
    assert not looks["model.load_in_16bit"]["quantised"]
    assert looks["model.full_finetuning"]["trained"]
    assert looks["model.dtype"]["dtype"] == "torch.float32"
    assert looks["model.attn_implementation"]["attention"] == "eager"
    assert looks["model.rope_scaling"]["rope"]["factor"] == 2.0


@slow
def test_what_is_not_said_is_left_to_unsloth(seen: dict[str, Any]) -> None:
    assert seen["loading"]["left out"] == []
    assert seen["adapter"]["none"]["got"] is None


@slow
@pytest.mark.parametrize("key", ADAPTER)
def test_a_value_reaches_the_adapter_as_peft_knows_it(seen: dict[str, Any], key: str) -> None:
    told, wanted = seen["adapter"][key], ADAPTER[key]
    wanted = list(wanted) if isinstance(wanted, tuple) else wanted
    match key:
        case "lora.use_gradient_checkpointing":
            assert (told["given"], told["recomputes"]) == (False, False)
            assert seen["adapter"]["none"]["recomputes"]
        case "lora.random_state":
            assert told["given"] == wanted
            assert told["start"] != seen["adapter"]["none"]["start"]
        case "lora.target_modules":
            assert told["given"] == wanted
            assert told["got"] == sorted(wanted)
        case "lora.loftq_config":  # only the start loftq reads it, and that needs a GPU
            assert told["given"] == wanted
        case _:
            assert (told["given"], told["got"]) == (wanted, wanted)


@slow
def test_all_linear_means_every_layer(seen: dict[str, Any]) -> None:
    assert seen["adapter"]["lora.target_modules all"]["given"] == "all-linear"
    assert seen["adapter"]["lora.target_modules all"]["modules"] == seen["adapter"]["none"]["modules"] == 14


@slow
def test_nothing_is_recomputed_that_need_not_be(seen: dict[str, Any]) -> None:
    """TRL's default would switch checkpointing on again when the training begins."""
    assert (seen["recomputed"], seen["kept"]) == (True, False)
    assert seen["loading"]["checkpointing"] is False


@slow
def test_an_own_loss_is_what_is_minimised(seen: dict[str, Any]) -> None:
    losses = seen["losses"]
    assert losses["own"] == pytest.approx(losses["nll"], rel=0.02)  # a model that is sure of nothing: all tokens count
    assert losses["own"] < losses["nll"]
    assert len({round(loss, 4) for loss in losses.values()}) == 4
    assert losses["dft"] < 0.1


@slow
def test_embeddings_get_a_rate_of_their_own(seen: dict[str, Any]) -> None:
    assert seen["groups"] == [[1e-3, 28], [1e-5, 1]]


@slow
def test_the_early_stop_is_told_how_patient_to_be(seen: dict[str, Any]) -> None:
    early = seen["early"]
    assert (early["early_stopping_patience"], early["early_stopping_threshold"]) == (3, 0.25)


@slow
def test_an_answer_is_chosen_as_the_session_says(seen: dict[str, Any]) -> None:
    chosen = {"temperature": 1.25, "top_p": 0.75, "top_k": 9, "min_p": 0.05, "repetition_penalty": 1.1}
    assert seen["answers"] == {**chosen, "max_new_tokens": 3}


@slow
def test_the_rows_are_read_as_they_are_said_to_be(seen: dict[str, Any]) -> None:
    assert seen["texts"]["auto"] == "<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\nthere<|im_end|>\n"
    assert seen["texts"]["text"] == "a plain text<|im_end|>"


@slow
def test_the_chat_template_is_the_one_that_was_named(seen: dict[str, Any]) -> None:
    assert "### Instruction:\nhi" in seen["texts"]["alpaca"]


@slow
def test_an_answer_has_the_tokens_of_the_bare_recipe(seen: dict[str, Any]) -> None:
    bare, ours = seen["going on"]["bare"]
    assert bare == ours != ""


@slow
def test_a_conversation_goes_on_where_what_was_kept_of_it_is_of_no_use(seen: dict[str, Any]) -> None:
    """A model that does not take it is asked again without; when memory runs out it is freed, and kept again later."""
    assert seen["going on"]["takes none"] == [4, 0, 4, False, "ValueError: no cache"]
    assert seen["going on"]["memory"] == [4, 0, 4, True, ""]


@slow
def test_a_model_without_turns_goes_on_with_the_text(seen: dict[str, Any]) -> None:
    assert seen["without turns"] == [[0, 1], []]


@slow
def test_a_base_model_that_training_has_rewritten_is_not_passed_off_as_the_base(seen: dict[str, Any]) -> None:
    """PiSSA moves a part of each weight into the adapter: with that switched off, a damaged model would answer."""
    assert seen["base voices"] == {"true": True, "pissa": False, "bias": False}
