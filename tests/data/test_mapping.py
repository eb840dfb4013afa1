"""A row becomes exactly the conversation that it holds, or says what is missing in it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tui.data.formats import Format, Shape
from tui.data.mapping import Example, iterate_examples, to_example
from tui.data.sources import DataError


def shape(format: Format, *columns: str) -> Shape:
    return Shape(format, columns, "")


MESSAGES = shape("messages", "m")
SHAREGPT = shape("sharegpt", "c")
ALPACA = shape("alpaca", "instruction", "input", "output")
PAIR = shape("prompt-completion", "prompt", "completion")
TEXT = shape("text", "text")


PAIR_OF_TURNS = (("user", "a"), ("assistant", "b"))


def turns(*pairs: tuple[Any, Any]) -> dict[str, Any]:
    return {"m": [{"role": role, "content": content} for role, content in pairs]}


@pytest.mark.parametrize(
    ("row", "how", "expected"),
    [
        (turns(("system", "s"), ("user", "a"), ("assistant", "b")), MESSAGES, (("system", "s"), *PAIR_OF_TURNS)),
        (turns(("developer", "s"), ("User", "a"), ("MODEL", "b")), MESSAGES, (("system", "s"), *PAIR_OF_TURNS)),
        ({"c": [{"from": "human", "value": "a"}, {"from": "gpt", "value": "b"}]}, SHAREGPT, PAIR_OF_TURNS),
        ({"instruction": "a", "input": "x", "output": "b"}, ALPACA, (("user", "a\n\nx"), ("assistant", "b"))),
        ({"instruction": "a", "input": "", "output": "b"}, ALPACA, PAIR_OF_TURNS),
        ({"instruction": "a", "output": "b"}, ALPACA, PAIR_OF_TURNS),
        ({"prompt": "a", "completion": "b"}, PAIR, PAIR_OF_TURNS),
        ({"prompt": "a", "completion": 5}, PAIR, (("user", "a"), ("assistant", "5"))),
        ({"prompt": "a", "completion": False}, PAIR, (("user", "a"), ("assistant", "False"))),
    ],
)
def test_a_row_becomes_its_conversation(row: dict[str, Any], how: Shape, expected: tuple[tuple[str, str], ...]) -> None:
    assert to_example(row, how) == Example(turns=expected)


def test_plain_text_stays_as_it_is() -> None:
    assert to_example({"text": "  a\n"}, TEXT) == Example(text="  a\n")


def test_the_prompt_is_everything_before_the_last_answer() -> None:
    example = to_example(
        turns(("user", "a"), ("assistant", "b"), ("user", "c"), ("assistant", "d"), ("user", "e")), MESSAGES
    )
    assert [turn["content"] for turn in example.prompt] == ["a", "b", "c"]
    assert example.answer == "d"
    assert Example(text="x").prompt == [] and Example(text="x").answer == ""


FOREIGN = "[/INST] [bold]x \x1b]52;c;aGk=\x07 \x1b[2J \u202e <|im_end|>"


def test_markup_and_escape_sequences_are_learned_as_they_are() -> None:
    assert to_example(turns(("user", FOREIGN), ("assistant", FOREIGN)), MESSAGES).messages == [
        {"role": "user", "content": FOREIGN},
        {"role": "assistant", "content": FOREIGN},
    ]
    assert to_example({"text": FOREIGN}, TEXT).text == FOREIGN


@pytest.mark.parametrize(
    ("row", "how", "said"),
    [
        (turns(("user", "a"), ("wizard", "b")), MESSAGES, "turn 2 has the unknown role 'wizard'"),
        (turns(("\x1b[2J", "a")), MESSAGES, r"turn 1 has the unknown role '\x1b[2J'"),
        (turns(("user", "a"), (None, "b")), MESSAGES, "turn 2 has the unknown role 'None'"),
        (turns(("user", "a")), MESSAGES, "the assistant says nothing: there is nothing to learn"),
        (turns(("user", "a"), ("assistant", " \n")), MESSAGES, "the assistant says nothing: there is nothing to learn"),
        (turns(("user", None), ("assistant", "b")), MESSAGES, "turn 1 is missing"),
        (turns(("user", [{"type": "image"}]), ("assistant", "b")), MESSAGES, "turn 1 holds list, not text"),
        ({"m": []}, MESSAGES, "there is no list of turns"),
        ({"m": None}, MESSAGES, "there is no list of turns"),
        ({}, MESSAGES, "there is no list of turns"),
        ({"m": ["a"]}, MESSAGES, "turn 1 has no 'role'"),
        ({"c": [{"role": "user"}]}, SHAREGPT, "turn 1 has no 'from'"),
        ({"instruction": "", "input": "", "output": "b"}, ALPACA, "there is no question"),
        ({"instruction": "a", "input": "", "output": " "}, ALPACA, "column 'output' is empty: there is nothing to learn"),
        ({"prompt": None, "completion": "b"}, PAIR, "prompt is missing"),
        ({"prompt": "a"}, PAIR, "completion is missing"),
        ({"prompt": " ", "completion": "b"}, PAIR, "there is no question"),
        ({"prompt": {"a": 1}, "completion": "b"}, PAIR, "prompt holds dict, not text"),
        ({"text": "\t"}, TEXT, "column 'text' is empty"),
        ({"text": None}, TEXT, "text is missing"),
        ({"text": "cut off \ud83d"}, TEXT, "text holds half of a character, which cannot be written as text"),
    ],
)
def test_what_a_row_lacks_is_said(row: dict[str, Any], how: Shape, said: str) -> None:
    with pytest.raises(DataError) as caught:
        to_example(row, how)
    assert str(caught.value) == said


def test_whole_characters_beyond_the_first_plane_are_no_halves() -> None:
    assert to_example({"text": "\N{ROCKET}"}, TEXT).text == "\N{ROCKET}"


def test_the_row_that_cannot_be_learned_from_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"prompt": "a", "completion": "b"}\n\n{"prompt": "a", "completion": ""}\n')
    examples = iterate_examples(str(path), PAIR)
    assert next(examples).answer == "b"
    with pytest.raises(DataError) as caught:
        next(examples)
    assert str(caught.value) == f"{path}, row 2: column 'completion' is empty: there is nothing to learn"
