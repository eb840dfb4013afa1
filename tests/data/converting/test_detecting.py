"""How rows are read is found from what most of them hold, whatever keys and columns are called, and the reason is said."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from tui.data.converting import iterate_examples, to_example
from tui.data.detect import Reading, detect
from tui.data.opening import first_records
from tui.data.records import DataError
from tui.session.sections.data import DataSection

AUTO = DataSection()
TURNS = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]
SHARED = [{"from": "human", "value": "a"}, {"from": "gpt", "value": "b"}]
BY_KEY = {"role": ["user", "assistant"], "content": ["a", "b"]}
ASKED_AND_ANSWERED = [("user", "a"), ("assistant", "b")]


def said(row: dict[str, Any], **data: Any) -> list[tuple[str, str]]:
    section = DataSection(**data)
    example = to_example(row, detect([row], section), section)
    return [(turn.role, turn.content) for turn in example.turns]


@pytest.mark.parametrize(
    ("name", "format", "columns", "rows"),
    [
        ("shell/train.jsonl", "messages", ("messages",), 432),
        ("sharegpt.jsonl", "sharegpt", ("conversations",), 14),
        ("alpaca.json", "alpaca", ("instruction", "output"), 16),
        ("prompt_completion.csv", "prompt-completion", ("prompt", "completion"), 15),
        ("columns.tsv", "columns", ("customer_question", "agent_reply"), 5),
        ("tool_calls.jsonl", "messages", ("messages",), 4),
        ("reasoning.jsonl", "messages", ("messages",), 4),
        ("text.txt", "text", ("text",), 12),
    ],
)
def test_the_sample_data_is_read_as_what_it_is(
    samples: Path, name: str, format: str, columns: tuple[str, ...], rows: int
) -> None:
    data = DataSection(source=str(samples / name))
    reading = detect([record.row for record in first_records(data) if record.row], data)
    assert (reading.format, reading.columns, reading.share) == (format, columns, 1.0)
    assert len(list(iterate_examples(data, reading))) == rows


@pytest.mark.parametrize(
    ("row", "format", "columns"),
    [
        ({"id": 1, "dialogue": TURNS}, "messages", ("dialogue",)),
        ({"chat": SHARED, "source": "web"}, "sharegpt", ("chat",)),
        ({"messages": TURNS, "text": "a b"}, "messages", ("messages",)),
        ({"Instruction": "a", "Input": "", "Output": "b"}, "alpaca", ("Instruction", "Output")),
        ({"instruction": "a", "input": "x", "output": "b", "prompt": "Below: a"}, "alpaca", ("instruction", "output")),
        ({"Prompt": "a", "Completion": "b"}, "prompt-completion", ("Prompt", "Completion")),
        ({"QUESTION": "a", "Answer": "b", "id": "7"}, "columns", ("QUESTION", "Answer")),
        ({"query": "a", "response": "b"}, "columns", ("query", "response")),
        ({"problem": "a", "solution": "b", "answer": "3"}, "columns", ("problem", "solution")),
        ({"user_input": "a", "model_answer": "b", "model": "x"}, "columns", ("user_input", "model_answer")),
        ({"questionText": "a", "answerText": "b", "question_id": "1"}, "columns", ("questionText", "answerText")),
        ({"问题": "a", "答案": "b"}, "columns", ("问题", "答案")),
        ({"pregunta": "a", "respuesta": "b"}, "columns", ("pregunta", "respuesta")),
        ({"client_msg": "a", "support_reply": "b", "ticket": "123"}, "columns", ("client_msg", "support_reply")),
        ({"inputs": "a", "targets": "b"}, "columns", ("inputs", "targets")),
        ({"source": "a", "target": "b"}, "columns", ("source", "target")),
        ({"source": "web", "question": "a", "answer": "b"}, "columns", ("question", "answer")),
        ({"dialogue": "a", "summary": "b", "id": "9"}, "columns", ("dialogue", "summary")),
        ({"Text": "a", "url": "u"}, "text", ("Text",)),
        ({"lyrics": "a"}, "text", ("lyrics",)),
        ({"正文": "a", "页": 3}, "text", ("正文",)),
        ({"input_ids": [1, 2], "attention_mask": [1, 1]}, "tokens", ("input_ids",)),
    ],
)
def test_odd_names_are_understood(row: dict[str, Any], format: str, columns: tuple[str, ...]) -> None:
    reading = detect([row], AUTO)
    assert (reading.format, reading.columns) == (format, columns)


@pytest.mark.parametrize(
    "row",
    [
        {"lines": [{"speaker": "customer", "utterance": "a"}, {"speaker": "agent", "utterance": "b"}]},
        {"x": [{"who_said_it": "User", "stuff": "a", "at": 1}, {"who_said_it": "Bot", "stuff": "b", "at": 2}]},
        {"对话": [{"角色": "用户", "内容": "a"}, {"角色": "助手", "内容": "b"}]},
        {"conversation": [{"human": "a", "assistant": "b"}]},
        {"conversation": [{"input": "a", "output": "b"}]},
        {"turns": [{"user": "a"}, {"bot": "b"}]},
        {"dialog": ["a", "b"]},
        {"dialog": [["a", "b"]]},
        {"dialog": [["user", "a"], ["assistant", "b"]]},
        BY_KEY,
        {"talk": BY_KEY},
        {"data": {"conversation": TURNS}},
        {"record": {"body": {"turns": SHARED}}, "id": 3},
        {"data": {"question": "a", "answer": "b"}, "id": 3},
        {"messages": json.dumps(TURNS)},
        {"messages": str(TURNS)},
        {"payload": json.dumps({"chat": SHARED})},
        {"prompt": TURNS[:1], "completion": TURNS[1:]},
        {"prompt": json.dumps(TURNS[:1]), "completion": json.dumps(TURNS[1:])},
        {"prompt": "a", "completion": TURNS[1:]},
        {"transcript": "Human: a\n\nAssistant: b"},
        {"messages": [{"role": "user", "content": [{"type": "text", "text": "a"}]}, TURNS[1]]},
    ],
)
def test_turns_are_found_however_they_are_written(row: dict[str, Any]) -> None:
    assert said(row) == ASKED_AND_ANSWERED


def test_the_reason_counts_the_rows_that_fit() -> None:
    reading = detect([{"chat": TURNS}] * 198 + [{"chat": None}] * 2, AUTO)
    assert reading.reason == "column 'chat' holds turns with role and content in 198 of 200 rows looked at"
    assert (reading.share, reading.confidence) == (0.99, 0.99)


def test_one_odd_row_does_not_decide() -> None:
    rows: list[dict[str, Any]] = [{"text": "odd"}, *[{"messages": TURNS}] * 9]
    assert detect(rows, AUTO).format == detect(rows[::-1], AUTO).format == "messages"


def test_no_reading_is_chosen_that_fewer_than_half_of_the_rows_fit() -> None:
    rows: list[dict[str, Any]] = [{"text": "a", "x": 1}, {"prompt": "a", "completion": "b"}, {"messages": TURNS}]
    with pytest.raises(DataError, match="no format fits these rows"):
        detect(rows, AUTO)


def test_two_columns_with_text_are_offered_but_not_surely() -> None:
    reading = detect([{"foo": "a", "bar": "b", "id": "7"}], AUTO)
    assert (reading.columns, reading.confidence) == (("foo", "bar"), 0.4)
    assert "the only two columns with text" in reading.reason


def test_what_else_would_fit_is_told() -> None:
    reading = detect([{"messages": TURNS, "text": "a b", "question": "a", "answer": "b"}], AUTO)
    assert [(other.format, other.column) for other in reading.others][:2] == [("columns", "question"), ("text", "text")]


def test_inputs_are_kept_even_when_the_sample_has_none() -> None:
    reading = detect([{"Instruction": "a", "Input": None, "Output": "b"}] * 9, AUTO)
    example = to_example({"Instruction": "a", "Input": "needed", "Output": "b"}, reading, AUTO)
    assert example.turns[0].content == "a\n\nneeded"


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({"format": "text"}, "plain"),
        ({"column": "text"}, "plain"),
        ({"format": "prompt-completion"}, "q"),
        ({"format": "columns"}, "q"),
        ({"column": "messages"}, "a"),
        ({"format": "sharegpt"}, "a"),
        ({"column": "inner.chat"}, "nested"),
    ],
)
def test_what_the_session_says_goes_before_what_the_rows_look_like(data: dict[str, Any], expected: str) -> None:
    nested = {"chat": [{"role": "user", "content": "nested"}, TURNS[1]]}
    row = {"messages": TURNS, "text": "plain", "prompt": "q", "completion": "r", "inner": nested}
    section = DataSection(**data)
    example = to_example(row, detect([row], section), section)
    assert (example.text or example.turns[0].content) == expected


def test_a_column_that_is_not_there_names_the_nearest_and_choosing_it_works() -> None:
    row = {"conversations": SHARED}
    with pytest.raises(
        DataError, match=r"data\.column names 'conversation', which is not there, perhaps 'conversations'"
    ) as caught:
        detect([row], DataSection(column="conversation"))
    assert caught.value.mend == {"data.column": "conversations"}
    assert said(row, column="conversations") == ASKED_AND_ANSWERED


def test_a_format_that_does_not_fit_says_what_to_do() -> None:
    with pytest.raises(
        DataError, match=r"the format messages does not fit these rows \(columns: prompt, completion\)"
    ) as caught:
        detect([{"prompt": "a", "completion": "b"}], DataSection(format="messages"))
    assert caught.value.mend == {"data.format": "auto"}


def test_rows_that_nothing_fits_say_how_to_go_on() -> None:
    with pytest.raises(DataError, match=r"set data\.format to columns, and data\.user and data\.assistant to templates"):
        detect([{"a": "x", "b": "y", "c": "z"}], AUTO)


@pytest.mark.parametrize("row", [{"a": 1, "b": None}, {"a": " \n", "x": 2}, {}, {"a": {"b": [None, " "]}}, {"messages": []}])
def test_rows_without_any_text_are_said_to_have_none(row: dict[str, Any]) -> None:
    with pytest.raises(DataError, match=r"no row holds any text \(columns: "):
        detect([row], AUTO)


def test_a_table_of_a_great_many_columns_is_not_listed_to_the_end() -> None:
    with pytest.raises(DataError, match=r"c0, .*, c11 \.\.\.\)") as caught:
        detect([{f"c{number}": "text" for number in range(50_000)}], AUTO)
    assert len(str(caught.value)) < 400


def test_names_from_the_data_cannot_move_the_cursor_or_fill_the_screen() -> None:
    row = {"\x1b[2J" + "x" * 5000: TURNS}
    reason = detect([row], AUTO).reason
    assert "\x1b" not in reason and r"\x1b[2J" in reason and len(reason) < 200


def test_a_reading_travels_as_json() -> None:
    reading = detect([{"messages": TURNS, "text": "a", "data": {"chat": SHARED}}], AUTO)
    adapter = TypeAdapter(Reading)
    assert adapter.validate_json(adapter.dump_json(reading)) == reading and reading.others


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["role", "content", "from", "value", "type", "name", "user", "x"]), inner)
    ),
    max_leaves=8,
)
COLUMNS = st.sampled_from(
    [
        "messages",
        "text",
        "prompt",
        "completion",
        "instruction",
        "input",
        "output",
        "chosen",
        "rejected",
        "label",
        "image",
        "tools",
        "history",
        "input_ids",
        "x",
    ]
)


@given(st.lists(st.dictionaries(COLUMNS, VALUES, min_size=1, max_size=4), min_size=1, max_size=5))
def test_no_rows_raise_anything_but_a_data_error(rows: list[dict[str, Any]]) -> None:
    for data in (AUTO, DataSection(format="messages"), DataSection(format="columns"), DataSection(format="tokens")):
        try:
            reading = detect(rows, data)
        except DataError as error:
            assert "\n" not in str(error) and len(str(error)) < 800
            continue
        assert 0 <= reading.confidence <= 1 and reading.reason
        for row in rows:
            try:
                example = to_example(row, reading, data)
                assert example.text or example.tokens or any(turn.role == "assistant" for turn in example.turns)
            except DataError as error:
                assert "\n" not in str(error) and len(str(error)) < 800


@pytest.mark.parametrize("depth", [100, 400, 900, 50_000])
def test_nested_garbage_is_refused_in_words(depth: int) -> None:
    deep: Any = "deep"
    for _ in range(depth):
        deep = [deep]
    for row in ({"x": deep}, {"x": "[" * depth + "]" * depth}):
        try:
            to_example(row, detect([row], AUTO), AUTO)
        except DataError as error:
            assert len(str(error)) < 300
    row = {"messages": [{"role": "user", "content": deep}, TURNS[1]]}
    with pytest.raises(DataError):
        to_example(row, Reading("messages", ("messages",)), AUTO)
