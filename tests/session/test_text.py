"""What is shown in a form can be typed again, for every field and every value."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.session.fields import FieldSpec, fields_of
from tui.session.schema import Session
from tui.session.text import describe, from_text, to_text

SPECS = {spec.key: spec for spec in fields_of(Session)}


@given(st.lists(st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1), max_size=5))
def test_a_list_is_read_as_it_is_shown(words: list[str]) -> None:
    assert from_text(to_text(tuple(words)), SPECS["run.tags"]) == tuple(words)


@given(
    st.dictionaries(
        st.text(st.sampled_from("abc_"), min_size=1),
        st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
        min_size=1,
        max_size=4,
    )
)
def test_settings_are_read_as_they_are_shown(settings: dict[str, Any]) -> None:
    assert from_text(to_text(settings), SPECS["model.rope_scaling"]) == settings


@pytest.mark.parametrize(
    ("key", "typed", "value"),
    [
        ("model.rope_scaling", "rope_type = linear, factor = 2", {"rope_type": "linear", "factor": 2}),
        ("model.rope_scaling", 'rope_type="yarn", on = true', {"rope_type": "yarn", "on": True}),
        ("model.rope_scaling", "", None),
        ("evaluation.sample_prompts", '"Hello, you", Why?', ("Hello, you", "Why?")),
        ("lora.target_modules", " q_proj ,v_proj, ", ("q_proj", "v_proj")),
        ("training.max_steps", " 60 ", 60),
        ("training.learning_rate", "2e-4", 2e-4),
        ("chat.system_prompt", " as it is ", " as it is "),
    ],
)
def test_values_are_typed_the_way_people_do(key: str, typed: str, value: object) -> None:
    assert from_text(typed, SPECS[key]) == value


@pytest.mark.parametrize(
    ("key", "typed", "told"),
    [
        ("training.max_steps", "6.5", "whole number"),
        ("training.learning_rate", "fast", "like 0.0002"),
        ("model.rope_scaling", "factor", "factor = 2"),
        ("model.rope_scaling", "a = = 2", "factor = 2"),
        ("evaluation.sample_prompts", '"open', "quotes"),
    ],
)
def test_what_cannot_be_read_is_explained(key: str, typed: str, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        from_text(typed, SPECS[key])


@pytest.mark.parametrize("spec", SPECS.values(), ids=lambda spec: spec.key)
def test_every_field_says_what_it_does_and_what_its_default_is(spec: FieldSpec) -> None:
    assert spec.help in describe(spec) and "default " in describe(spec) and spec.key in describe(spec)
