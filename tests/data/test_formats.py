"""What kind of rows a file holds is found by the majority of them, and the reason is said."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tui.data.formats import Shape, detect
from tui.data.mapping import iterate_examples, shape_of
from tui.data.sources import DataError

TURNS = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]
SHARED = [{"from": "human", "value": "a"}, {"from": "gpt", "value": "b"}]


@pytest.mark.parametrize(
    ("name", "format", "columns", "reason", "rows"),
    [
        ("shell/train.jsonl", "messages", ("messages",), "column 'messages' holds turns with role and content", 432),
        ("shell/heldout.jsonl", "messages", ("messages",), "column 'messages' holds turns with role and content", 48),
        ("sharegpt.jsonl", "sharegpt", ("conversations",), "column 'conversations' holds turns with from and value", 14),
        ("alpaca.json", "alpaca", ("instruction", "input", "output"), "columns instruction, input and output", 16),
        ("prompt_completion.csv", "prompt-completion", ("prompt", "completion"), "columns 'prompt' and 'completion'", 15),
        ("text.txt", "text", ("text",), "column 'text' holds plain text", 12),
    ],
)
def test_the_sample_data_is_read_as_what_it_is(
    samples: Path, name: str, format: str, columns: tuple[str, ...], reason: str, rows: int
) -> None:
    source = str(samples / name)
    shape = shape_of(source)
    assert (shape.format, shape.columns, shape.reason, shape.share) == (format, columns, reason, 1.0)
    assert len(list(iterate_examples(source, shape))) == rows


@pytest.mark.parametrize(
    ("row", "format", "columns"),
    [
        ({"id": 1, "dialogue": TURNS}, "messages", ("dialogue",)),
        ({"chat": SHARED, "source": "web"}, "sharegpt", ("chat",)),
        ({"messages": TURNS, "text": "a b"}, "messages", ("messages",)),
        ({"Instruction": "a", "Input": "", "Output": "b"}, "alpaca", ("Instruction", "Input", "Output")),
        ({"instruction": "a", "input": None, "output": "b", "text": "t"}, "alpaca", ("instruction", "input", "output")),
        ({"instruction": "a", "output": "b"}, "prompt-completion", ("instruction", "output")),
        ({"QUESTION": "a", "Answer": "b", "id": "7"}, "prompt-completion", ("QUESTION", "Answer")),
        ({"query": "a", "response": "b"}, "prompt-completion", ("query", "response")),
        ({"problem": "a", "solution": "b", "grade": "3"}, "prompt-completion", ("problem", "solution")),
        ({"Text": "a", "url": "u"}, "text", ("Text",)),
        ({"content": "a"}, "text", ("content",)),
    ],
)
def test_odd_names_are_understood(row: dict[str, Any], format: str, columns: tuple[str, ...]) -> None:
    shape = detect([row])
    assert (shape.format, shape.columns) == (format, columns)


def test_one_odd_row_does_not_decide() -> None:
    rows = [{"text": "odd"}, *[{"messages": TURNS}] * 9]
    shape = detect(rows)
    assert (shape.format, shape.share) == ("messages", 0.9)
    assert shape.reason.endswith("(9 of 10 rows looked at)")
    assert detect(rows[::-1]) == shape


def test_no_shape_is_chosen_that_fewer_than_half_of_the_rows_have() -> None:
    rows = [{"text": "a", "x": 1}, {"prompt": "a", "completion": "b"}, {"messages": TURNS}]
    with pytest.raises(DataError, match="no known format fits the columns text, x, prompt, completion, messages"):
        detect(rows)


def test_inputs_in_a_capital_column_are_kept_even_when_most_are_missing() -> None:
    rows: list[dict[str, Any]] = [{"Instruction": "a", "Input": None, "Output": "b"}] * 6
    rows += [{"Instruction": "a", "Input": "needed", "Output": "b"}] * 4
    assert detect(rows) == Shape("alpaca", ("Instruction", "Input", "Output"), "columns instruction, input and output")


def test_a_format_can_be_forced() -> None:
    row = {"messages": TURNS, "text": "plain", "prompt": "a", "completion": "b"}
    forced = {format: detect([row], format).columns for format in ("messages", "text", "prompt-completion")}
    assert forced == {"messages": ("messages",), "text": ("text",), "prompt-completion": ("prompt", "completion")}


def test_a_forced_format_that_does_not_fit_names_the_columns() -> None:
    with pytest.raises(DataError, match=r"the format alpaca does not fit the columns prompt, completion; known are"):
        detect([{"prompt": "a", "completion": "b"}], "alpaca")


@pytest.mark.parametrize(
    "row", [{"a": 1, "b": None}, {"text": " \n", "x": 2}, {}, {"a": {"b": [None, " "]}}, {"messages": [], "n": 1}]
)
def test_rows_without_any_text_are_said_to_have_none(row: dict[str, Any]) -> None:
    if "text" in row:
        row = {"a": row["text"], "b": 1}
    with pytest.raises(DataError, match=r"no row holds any text \(columns: "):
        detect([row])


def test_a_table_of_many_columns_is_not_listed_to_the_end() -> None:
    with pytest.raises(DataError, match=r"c0, .*, c11 \.\.\.; known are"):
        detect([{f"c{number}": "text" for number in range(50)}])


@pytest.mark.parametrize("depth", [100, 400, 900])
def test_nested_garbage_is_refused_in_words(tmp_path: Path, depth: int) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"x": ' + "[" * depth + '"deep"' + "]" * depth + "}")
    with pytest.raises(DataError, match=r"no known format fits the columns x|nested too deeply"):
        shape_of(str(path))


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["role", "content", "from", "x"]), inner),
    max_leaves=8,
)
COLUMNS = st.sampled_from(["messages", "text", "prompt", "completion", "instruction", "input", "output", "x", "Text", ""])


@settings(max_examples=40)
@given(st.lists(st.dictionaries(COLUMNS, VALUES, min_size=1, max_size=4), min_size=1, max_size=5))
def test_no_rows_raise_anything_but_a_data_error(tmp_path: Path, rows: list[dict[str, Any]]) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    try:
        shape = shape_of(str(path))
        assert 0.5 <= shape.share <= 1
        for example in iterate_examples(str(path), shape):
            assert example.text or example.answer
    except DataError as error:
        assert str(path) in str(error)
