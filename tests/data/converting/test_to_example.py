"""A row becomes exactly the conversation that it holds, or says what is missing in it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tui.data.converting import examples, iterate_examples, to_example
from tui.data.detect import Reading, detect
from tui.data.examples import Example
from tui.data.records import DataError, Record
from tui.session.sections.data import DataSection

AUTO = DataSection()
MESSAGES = Reading("messages", ("m",))
SHAREGPT = Reading("sharegpt", ("c",), who="from", what="value")
ALPACA = Reading("alpaca", ("instruction", "output"), extra_column="input", system_column="system", history_column="history")
PAIR = Reading("prompt-completion", ("prompt", "completion"))
TEXT = Reading("text", ("text",))
TOKENS = Reading("tokens", ("ids",), labels_column="labels", mask_column="mask")
Said = list[tuple[str, str]]


def talk(*pairs: tuple[Any, Any]) -> dict[str, Any]:
    return {"m": [{"role": role, "content": content} for role, content in pairs]}


def said(row: dict[str, Any], reading: Reading, **data: Any) -> Said:
    return [(turn.role, turn.content) for turn in to_example(row, reading, DataSection(**data)).turns]


A_B = [("user", "a"), ("assistant", "b")]


@pytest.mark.parametrize(
    ("row", "reading", "expected"),
    [
        (talk(("system", "s"), *A_B), MESSAGES, [("system", "s"), *A_B]),
        (talk(("developer", "s"), ("User", "a"), ("MODEL", "b")), MESSAGES, [("system", "s"), *A_B]),
        (talk(("<|user|>", "a"), ("Assistant:", "b")), MESSAGES, A_B),
        ({"c": [{"from": "human", "value": "a"}, {"from": "chatgpt", "value": "b"}]}, SHAREGPT, A_B),
        ({"c": [{"from": "prompter", "value": "a"}, {"from": "bing", "value": "b"}]}, SHAREGPT, A_B),
        ({"instruction": "a", "input": "x", "output": "b"}, ALPACA, [("user", "a\n\nx"), ("assistant", "b")]),
        ({"instruction": "a", "input": "", "output": "b"}, ALPACA, A_B),
        ({"instruction": "a", "output": "b"}, ALPACA, A_B),
        ({"instruction": "a", "output": "b", "system": "s"}, ALPACA, [("system", "s"), *A_B]),
        ({"instruction": "a", "output": "b", "history": [["q", "r"]]}, ALPACA, [("user", "q"), ("assistant", "r"), *A_B]),
        ({"instruction": "a", "output": "b", "history": []}, ALPACA, A_B),
        ({"prompt": "a", "completion": "b"}, PAIR, A_B),
        ({"prompt": "a", "completion": 5}, PAIR, [("user", "a"), ("assistant", "5")]),
        ({"prompt": "a", "completion": False}, PAIR, [("user", "a"), ("assistant", "False")]),
    ],
)
def test_a_row_becomes_its_conversation(row: dict[str, Any], reading: Reading, expected: Said) -> None:
    assert said(row, reading) == expected


def test_plain_text_stays_as_it_is() -> None:
    assert to_example({"text": "  a\n"}, TEXT, AUTO) == Example(text="  a\n")


FOREIGN = "[/INST] [bold]x \x1b]52;c;aGk=\x07 \x1b[2J \u202e <|im_end|> {name} [[x]]"


def test_markup_and_escape_sequences_are_learned_as_they_are() -> None:
    assert said(talk(("user", FOREIGN), ("assistant", FOREIGN)), MESSAGES) == [("user", FOREIGN), ("assistant", FOREIGN)]
    assert to_example({"text": FOREIGN}, TEXT, AUTO).text == FOREIGN


@pytest.mark.parametrize(
    ("row", "reading", "problem"),
    [
        (talk(("user", "a"), ("wizard of oz", "b"), ("witch", "c")), MESSAGES, "turn 2 has the unknown role 'wizard of oz'"),
        (talk(("\x1b[2J", "a")), MESSAGES, r"turn 1 has the unknown role '\x1b[2J'"),
        (talk(("user", "a"), (None, "b")), MESSAGES, "turn 2 has no 'role'"),
        (talk(("user", "a"), (["x"], "b")), MESSAGES, "turn 2 has a list for 'role'"),
        (talk(("user", "a")), MESSAGES, "the assistant says nothing: there is nothing to learn"),
        (talk(("user", "a"), ("assistant", " \n")), MESSAGES, "the assistant says nothing: there is nothing to learn"),
        (talk(("user", None), ("assistant", "b")), MESSAGES, "turn 1 is missing"),
        (talk(("user", {"a": 1}), ("assistant", "b")), MESSAGES, "turn 1 holds an object, not text"),
        (
            talk(("user", [{"type": "chart"}]), ("assistant", "b")),
            MESSAGES,
            "turn 1 holds a part of the kind 'chart', not text",
        ),
        ({"m": []}, MESSAGES, "there is no list of turns"),
        ({"m": None}, MESSAGES, "there is no list of turns"),
        ({"m": "no turns"}, MESSAGES, "there is no list of turns"),
        ({}, MESSAGES, "there is no list of turns"),
        ({"m": ["a"]}, MESSAGES, "turn 1 is text, not an object with 'role'"),
        ({"c": [{"role": "user"}]}, SHAREGPT, "turn 1 has no 'from'"),
        ({"instruction": "", "input": "", "output": "b"}, ALPACA, "there is no question"),
        ({"instruction": "a", "input": "", "output": " "}, ALPACA, "column 'output' is empty: there is nothing to learn"),
        ({"instruction": "a", "output": "b", "history": [["q"]]}, ALPACA, "turn 1 is not a pair of question and answer"),
        ({"prompt": None, "completion": "b"}, PAIR, "column 'prompt' is missing"),
        ({"prompt": "a"}, PAIR, "column 'completion' is missing"),
        ({"prompt": " ", "completion": "b"}, PAIR, "there is no question"),
        ({"text": "\t"}, TEXT, "column 'text' is empty"),
        ({"text": None}, TEXT, "column 'text' is missing"),
        ({"text": "cut off \ud83d"}, TEXT, "column 'text' holds half of a character, which cannot be written as text"),
        (
            talk(("user", "\ude00"), ("assistant", "b")),
            MESSAGES,
            "turn 1 holds half of a character, which cannot be written as text",
        ),
        ({"ids": [1, "x"]}, TOKENS, "column 'ids' holds text among the tokens"),
        ({"ids": [1, -2]}, TOKENS, "column 'ids' holds a negative number, which is no token"),
        ({"ids": [1, 2], "labels": [1]}, TOKENS, "column 'labels' holds 1 numbers for 2 tokens"),
        ({"ids": [1, 2], "labels": [-100, -100]}, TOKENS, "none of its tokens is learned: all labels are -100"),
        ({"ids": [1], "mask": [0]}, TOKENS, "all of its tokens are padding"),
    ],
)
def test_what_a_row_lacks_is_said(row: dict[str, Any], reading: Reading, problem: str) -> None:
    with pytest.raises(DataError) as caught:
        to_example(row, reading, AUTO)
    assert str(caught.value).startswith(problem)


@pytest.mark.parametrize(
    ("speakers", "roles"),
    [
        (("Alice", "Bob"), {"Alice": "user", "Bob": "assistant"}),
        (("user", "Marvin"), {"Marvin": "assistant"}),
        (("Ford", "assistant"), {"Ford": "user"}),
        (("0", "1"), {"0": "user", "1": "assistant"}),
    ],
)
def test_a_talk_of_two_strangers_can_be_mended(speakers: tuple[str, str], roles: dict[str, str]) -> None:
    row = talk((speakers[0], "a"), (speakers[1], "b"))
    with pytest.raises(DataError) as caught:
        to_example(row, MESSAGES, AUTO)
    assert caught.value.mend == {"data.roles": roles}
    assert said(row, MESSAGES, roles=roles) == A_B


def test_a_talk_of_three_strangers_is_not_guessed_at() -> None:
    with pytest.raises(DataError, match=r"say in data\.roles what it means") as caught:
        to_example(talk(("A1", "x"), ("B1", "y"), ("C1", "z")), MESSAGES, AUTO)
    assert not caught.value.mend


def test_a_role_means_what_the_session_says() -> None:
    row = talk(("bot", "a"), ("Narrator", "b"))
    assert said(row, MESSAGES, roles={"bot": "user", "narrator": "assistant"}) == A_B


def test_a_system_column_is_used_when_the_conversation_has_none() -> None:
    reading = detect(
        [{"system": "s", "conversations": [{"from": "human", "value": "a"}, {"from": "gpt", "value": "b"}]}], AUTO
    )
    turns = [{"from": "human", "value": "a"}, {"from": "gpt", "value": "b"}]
    assert said({"system": "s", "conversations": turns}, reading) == [("system", "s"), *A_B]
    assert said({"system": "", "conversations": turns}, reading) == A_B
    own = [{"from": "system", "value": "own"}, *turns]
    assert said({"system": "s", "conversations": own}, reading) == [("system", "own"), *A_B]


def test_the_own_system_prompt_fills_in_or_replaces() -> None:
    with_own = talk(("system", "own"), *A_B)
    assert said(talk(*A_B), MESSAGES, system="s") == [("system", "s"), *A_B]
    assert said(with_own, MESSAGES, system="s") == [("system", "own"), *A_B]
    assert said(with_own, MESSAGES, system="s", system_prompts="drop") == [("system", "s"), *A_B]
    assert said(with_own, MESSAGES, system_prompts="drop") == A_B
    assert said(with_own | {"topic": "tea"}, MESSAGES, system="About {topic}.", system_prompts="drop")[0][1] == "About tea."


def test_turns_of_one_role_are_merged_only_when_asked() -> None:
    row = talk(("user", "a"), ("user", "b"), ("assistant", "c"), ("assistant", "d"))
    assert said(row, MESSAGES, merge_turns=True) == [("user", "a\n\nb"), ("assistant", "c\n\nd")]
    assert len(said(row, MESSAGES)) == 4


def test_tokens_come_without_their_padding() -> None:
    row = {"ids": [5, 6, 7, 0], "labels": [-100, 6, 7, -100], "mask": [1, 1, 1, 0]}
    assert to_example(row, TOKENS, AUTO) == Example(tokens=(5, 6, 7), labels=(-100, 6, 7))
    learned = Reading("tokens", ("ids",), learned_column="learned")
    assert to_example({"ids": [5, 6], "learned": [0, 1]}, learned, AUTO) == Example(tokens=(5, 6), labels=(-100, 6))


def test_a_conversation_of_ten_thousand_turns_is_read_whole() -> None:
    row = talk(*[("user" if at % 2 == 0 else "assistant", str(at)) for at in range(10_000)])
    assert len(to_example(row, detect([row], AUTO), AUTO).turns) == 10_000


def test_json_inside_a_question_is_not_taken_for_turns() -> None:
    question = json.dumps([{"role": "user", "content": "x"}])
    row = {"prompt": question, "completion": "b"}
    reading = detect([{"prompt": "a", "completion": "b"}] * 9 + [row], AUTO)
    assert said(row, reading) == [("user", question), ("assistant", "b")]


def test_every_record_comes_with_its_example_or_its_problem() -> None:
    records = [
        Record(1, "f, line 1", {"prompt": "a", "completion": "b"}),
        Record(2, "f, line 2", None, "it is no JSON"),
        Record(3, "f, line 3", {"prompt": "a", "completion": ""}),
    ]
    found = list(examples(records, PAIR, AUTO))
    assert [record.number for record, _ in found] == [1, 2, 3]
    assert isinstance(found[0][1], Example)
    assert [str(each) for _, each in found[1:]] == [
        "it is no JSON",
        "column 'completion' is empty: there is nothing to learn",
    ]


def test_the_row_that_cannot_be_learned_from_is_named_or_left_out(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(
        '{"prompt": "a", "completion": "b"}\n\n{"prompt": "a", "completion": ""}\n{"prompt": "c", "completion": "d"}\n'
    )
    strict = iterate_examples(DataSection(source=str(path)), PAIR)
    assert next(strict).answer == "b"
    with pytest.raises(DataError, match=r"a\.jsonl, .*3: column 'completion' is empty: there is nothing to learn"):
        next(strict)
    lenient = iterate_examples(DataSection(source=str(path), skip_bad_rows=True), PAIR)
    assert [example.answer for example in lenient] == ["b", "d"]
