"""A field is declared once; forms, help and the calls of the libraries read that declaration."""

from __future__ import annotations

import ast
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from tui.session.fields import FieldSpec, arguments, fields_of, get_value, option
from tui.session.file import from_table
from tui.session.schema import Session
from tui.session.sections.base import Section
from tui.session.sections.lora import PROJECTIONS

SPECS = {spec.key: spec for spec in fields_of(Session)}


def test_every_field_can_be_shown_in_a_form() -> None:
    assert len(SPECS) > 40
    for spec in SPECS.values():
        assert spec.title != spec.key and spec.help.endswith("."), spec.key
        assert spec.kind in (bool, int, float, str, tuple, dict), spec.key
        assert spec.optional or spec.default is not None, spec.key


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("training.max_steps", {"kind": int, "optional": True, "bounds": "at least 1", "unit": "updates", "main": True}),
        ("training.learning_rate", {"kind": float, "bounds": "more than 0, at most 1", "default": 2e-4}),
        ("model.max_seq_length", {"bounds": "at least 8, at most 1048576", "section": "model"}),
        ("lora.lora_dropout", {"bounds": "at least 0, less than 1"}),
        ("lora.bias", {"kind": str, "choices": ("none", "all", "lora_only"), "optional": False}),
        ("lora.target_modules", {"kind": tuple, "default": PROJECTIONS}),
        ("model.load_in_4bit", {"kind": bool, "choices": (), "bounds": ""}),
    ],
)
def test_what_a_form_shows_of_a_field(key: str, expected: dict[str, Any]) -> None:
    assert {name: getattr(SPECS[key], name) for name in expected} == expected


def test_a_value_is_found_by_its_key() -> None:
    assert get_value(from_table({"training": {"max_steps": 7}}), "training.max_steps") == 7


def test_the_trainer_gets_what_was_asked_and_nothing_that_was_left_out() -> None:
    session = from_table({"training": {"learning_rate": 1e-3, "num_train_epochs": 2}, "evaluation": {"eval_steps": 20}})
    given = arguments(session, "SFTConfig")
    assert (given["learning_rate"], given["num_train_epochs"], given["eval_steps"]) == (1e-3, 2.0, 20)
    assert given["per_device_train_batch_size"] == 2 and given["per_device_eval_batch_size"] == 4
    assert not {"max_steps", "dataset_num_proc"} & given.keys()
    assert arguments(from_table({"training": {"max_steps": 5}}), "SFTConfig")["max_steps"] == 5


def test_the_adapter_and_the_model_get_their_values() -> None:
    session = from_table({"model": {"name": "a/b", "load_in_4bit": False}, "lora": {"r": 64, "use_rslora": True}})
    lora = arguments(session, "FastLanguageModel.get_peft_model")
    assert (lora["r"], lora["lora_alpha"], lora["use_rslora"], lora["target_modules"]) == (64, 16.0, True, PROJECTIONS)
    model = arguments(session, "FastLanguageModel.from_pretrained")
    assert (model["model_name"], model["load_in_4bit"], model["max_seq_length"]) == ("a/b", False, 2048)
    assert "revision" not in model


def test_a_call_that_nothing_goes_to_gets_nothing() -> None:
    assert arguments(Session(), "SFT") == {}


def _parameters(module: str, where: str) -> set[str]:
    """The names that a class declares or a method takes, from its source: importing it would load torch."""
    package, _, rest = module.partition(".")
    spec = find_spec(package)
    assert spec is not None and spec.submodule_search_locations
    source = Path(spec.submodule_search_locations[0]) / f"{rest.replace('.', '/')}.py"
    scope: Any = ast.parse(source.read_text())
    for name in where.split("."):
        scope = next(node for node in scope.body if getattr(node, "name", "") == name)
    if isinstance(scope, ast.ClassDef):
        return {
            node.target.id for node in scope.body if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)
        }
    return {argument.arg for argument in [*scope.args.args, *scope.args.kwonlyargs]}


@pytest.mark.parametrize(
    ("call", "sources"),
    [
        (
            "SFTConfig",
            [
                ("trl.trainer.sft_config", "SFTConfig"),
                ("trl.trainer.base_config", "_BaseConfig"),
                ("transformers.training_args", "TrainingArguments"),
            ],
        ),
        ("FastLanguageModel.get_peft_model", [("unsloth.models.llama", "FastLlamaModel.get_peft_model")]),
        ("FastLanguageModel.from_pretrained", [("unsloth.models.loader", "FastLanguageModel.from_pretrained")]),
    ],
)
def test_the_installed_libraries_know_every_parameter_they_are_given(call: str, sources: list[tuple[str, str]]) -> None:
    passed = [spec.to.rpartition(".")[2] for spec in SPECS.values() if spec.to.rpartition(".")[0] == call]
    known = set().union(*(_parameters(module, where) for module, where in sources))
    assert len(passed) > 5
    assert set(passed) - {"use_dora", "attn_implementation"} <= known, "these two travel in **kwargs"
    assert [name for name in passed if passed.count(name) > 1] in ([], ["warmup_steps"] * 2), "a share is a warm-up too"


def test_a_new_field_needs_one_declaration() -> None:
    class Small(Section):
        depth: int | None = option(None, "Depth", "How deep.", to="Call.depth", unit="layers", ge=1, lt=9)

    (spec,) = fields_of(Small)
    expected = FieldSpec(
        "depth", "Depth", "How deep.", "layers", "Call.depth", False, None, int, (), True, "at least 1, less than 9"
    )
    assert spec == expected
    assert arguments(Small(depth=3), "Call") == {"depth": 3}
