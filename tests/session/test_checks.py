"""What makes no sense in a session is said before anything is loaded."""

from __future__ import annotations

from typing import Any

import pytest

from tui.session.checks import Problem, check
from tui.session.file import from_table
from tui.session.schema import Session

SOUND: dict[str, dict[str, Any]] = {"model": {"name": "owner/model"}, "data": {"source": "train.jsonl"}}


def found(**sections: dict[str, Any]) -> list[Problem]:
    names = SOUND.keys() | sections.keys()
    return check(from_table({name: SOUND.get(name, {}) | sections.get(name, {}) for name in names}))


def test_a_sound_session_is_left_alone() -> None:
    assert found() == []


def test_what_is_missing_is_named() -> None:
    assert check(Session()) == [
        Problem("model.name", "no model is chosen"),
        Problem("data.source", "no training data is chosen"),
    ]


@pytest.mark.parametrize(
    ("sections", "key", "blocking"),
    [
        ({"model": {"full_finetuning": True}, "training": {"learning_rate": 2e-5}}, "model.full_finetuning", True),
        ({"training": {"max_steps": 5, "warmup_steps": 5}}, "training.warmup_steps", False),
        ({"evaluation": {"eval_steps": 5}}, "evaluation.eval_steps", True),
        ({"evaluation": {"answer_pattern": "("}}, "evaluation.answer_pattern", True),
        ({"evaluation": {"answer_pattern": "a{99999999999999}"}}, "evaluation.answer_pattern", True),
        ({"evaluation": {"answer_pattern": "(" * 5000}}, "evaluation.answer_pattern", True),
        ({"model": {"full_finetuning": True, "load_in_4bit": False}}, "training.learning_rate", False),
        ({"training": {"learning_rate": 0.01}}, "training.learning_rate", False),
        ({"training": {"learning_rate": 1e-7}}, "training.learning_rate", False),
        ({"lora": {"r": 8, "lora_alpha": 33}}, "lora.lora_alpha", False),
    ],
)
def test_each_contradiction_is_said_once_at_its_key(sections: dict[str, Any], key: str, blocking: bool) -> None:
    (problem,) = found(**sections)
    assert (problem.key, problem.blocking) == (key, blocking)
    assert str(problem) == f"{key}: {problem.text}"


@pytest.mark.parametrize(
    "sections",
    [
        {"training": {"max_steps": 6, "warmup_steps": 5}},
        {"training": {"warmup_steps": 500}},
        {"evaluation": {"eval_steps": 5, "source": "held.jsonl"}},
        {"evaluation": {"answer_pattern": r"\$ \S.*"}},
        {"model": {"full_finetuning": True, "load_in_4bit": False}, "training": {"learning_rate": 1e-4}},
        {"training": {"learning_rate": 2e-3}},
        {"training": {"learning_rate": 1e-6}},
        {"lora": {"r": 8, "lora_alpha": 32}},
    ],
)
def test_the_last_value_that_makes_sense_is_not_complained_about(sections: dict[str, Any]) -> None:
    assert found(**sections) == []
