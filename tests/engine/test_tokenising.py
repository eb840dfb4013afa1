"""Tokens and labels reach the model exactly as the plain recipe makes them, in every format and kind of template."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.engine.recipe_cases import CASES, ENDS, TEMPLATES
from tests.lab import Lab
from tests.nursery import Nursery

pytest_plugins = ["tests.engine_fixtures"]
pytestmark = pytest.mark.slow

WHOLE = ("messages", "several turns", "system", "sharegpt", "alpaca", "prompt-completion", "columns")
"""Cases of which nothing is cut."""


@pytest.fixture(scope="module")
def recipe(lab: Lab, engines: Nursery, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What reached the trainer, by case and maker."""
    with lab.entered():
        told = engines.run("tests.engine.recipe", str(lab.model), place=tmp_path_factory.mktemp("recipe"))
    return json.loads(told.splitlines()[-1])


def cases(recipe: dict[str, Any], template: str) -> dict[str, dict[str, Any]]:
    """What was found with a template, by the name of the case."""
    return {case.name: recipe[f"{template}: {case.name}"] for case in CASES if template in case.templates}


@pytest.mark.parametrize("template", TEMPLATES)
def test_the_model_gets_what_the_plain_recipe_gives_it(recipe: dict[str, Any], template: str) -> None:
    for name, found in cases(recipe, template).items():
        product, plain = found["product"], found["plain"]
        assert product["input_ids"] == plain["input_ids"], name
        assert product["labels"] == plain["labels"], name
        assert product["batches"] == plain["batches"] != [], name


@pytest.mark.parametrize("template", TEMPLATES)
def test_every_token_is_counted_and_no_padding(recipe: dict[str, Any], template: str) -> None:
    for name, found in cases(recipe, template).items():
        product = found["product"]
        tokens = [token for row in product["input_ids"] for token in row]
        assert product["counted"] == [len(tokens), sum(token != product["pad"] for token in tokens)], name


@pytest.mark.parametrize("template", TEMPLATES)
def test_a_conversation_has_the_tokens_of_its_template_and_no_begin_token_twice(
    recipe: dict[str, Any], template: str
) -> None:
    for name, found in cases(recipe, template).items():
        product, templated = found["product"], found["templated"]
        if templated:
            assert product["input_ids"] == [templated[at] for at in product["examples"]], name
        assert product["report"]["double_bos"] == 0, name


@pytest.mark.parametrize("template", TEMPLATES)
def test_just_what_the_assistant_says_is_learned(recipe: dict[str, Any], template: str) -> None:
    end = ENDS.get(template, "<|im_end|>")
    thought = "<think>\n\n</think>\n\n"  # which the thinking template writes for an answer without one
    for case in CASES:
        if case.name in WHOLE and template in case.templates:
            spans = recipe[f"{template}: {case.name}"]["product"]["spans"]
            said = [
                [turn["content"] + end for turn in turns or () if turn["role"] == "assistant"] for turns, _, _ in case.meant
            ]
            assert [[span.replace(thought, "").strip() for span in row] for row in spans] == said, case.name


@pytest.mark.parametrize("template", TEMPLATES)
def test_the_end_token_is_learned_of_every_answer_that_is_not_cut(recipe: dict[str, Any], template: str) -> None:
    for name, found in cases(recipe, template).items():
        report = found["product"]["report"]
        if name == "tokens":  # these come with the end token of another model
            continue
        cut = report["too_long"] - report["nothing_to_learn"]
        assert report["used"] - cut <= report["end_learned"] <= report["used"], name
        assert report["used"] == len(found["product"]["input_ids"]), name


@pytest.mark.parametrize("template", TEMPLATES)
def test_a_shuffled_epoch_sees_every_row_once(recipe: dict[str, Any], template: str) -> None:
    for name, found in cases(recipe, template).items():
        assert found["product"]["shuffled"] == sorted(found["product"]["input_ids"]), name


@pytest.mark.parametrize("template", TEMPLATES)
def test_what_is_previewed_is_what_is_trained(recipe: dict[str, Any], template: str) -> None:
    assert [name for name, found in cases(recipe, template).items() if not found["previewed"]] == []


def test_calls_of_tools_and_thoughts_are_learned(recipe: dict[str, Any]) -> None:
    call, answer = recipe["qwen3-thinking: tools"]["product"]["spans"][0]
    assert '{"name": "run", "arguments": {"command": "ls"}}' in call and answer.endswith("There is a.txt.<|im_end|>")
    assert recipe["qwen3-thinking: reasoning"]["product"]["spans"][0] == [
        "<think>\nThey want files.\n</think>\n\nls<|im_end|>"
    ]


def test_a_conversation_cut_before_its_answer_is_left_out_and_counted(recipe: dict[str, Any]) -> None:
    product = recipe["own: truncated"]["product"]
    assert product["examples"] == [0, 2, 3, 4]
    assert product["report"]["nothing_to_learn"] == 1 and product["report"]["too_long"] == 3
