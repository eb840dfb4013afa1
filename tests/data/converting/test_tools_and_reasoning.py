"""Calls of tools and thoughts reach the chat template in its one form, however the row writes them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tui.data.converting import to_example
from tui.data.detect import detect
from tui.data.examples import Example
from tui.data.records import DataError
from tui.session.sections.data import DataSection

ASK = {"role": "user", "content": "q"}
TELL = {"role": "assistant", "content": "done"}
TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
CALL = {"type": "function", "function": {"name": "f", "arguments": {"x": 1}}}
AS_TEXT = {"type": "function", "function": {"name": "f", "arguments": '{"x": 1}'}}
Row = dict[str, Any]


def read(row: Row, **data: Any) -> Example:
    section = DataSection(**data)
    return to_example(row, detect([row], section), section)


@pytest.mark.parametrize(
    "turn",
    [
        {"role": "assistant", "content": None, "tool_calls": [CALL]},
        {"role": "assistant", "content": "", "tool_calls": [AS_TEXT]},
        {"role": "assistant", "content": "", "tool_calls": [{"name": "f", "arguments": {"x": 1}}]},
        {"role": "assistant", "content": "", "tool_calls": json.dumps([AS_TEXT])},
        {"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": '{"x": 1}'}},
        {"role": "function_call", "content": '{"name": "f", "arguments": {"x": 1}}'},
        {"role": "tool_call", "content": [{"name": "f", "arguments": {"x": 1}}]},
        {"role": "assistant", "content": [{"type": "tool_use", "name": "f", "input": {"x": 1}}]},
    ],
)
def test_every_way_of_calling_a_tool_comes_down_to_one(turn: Row) -> None:
    example = read({"messages": [ASK, turn, {"role": "tool", "name": "f", "content": "5"}, TELL], "tools": [TOOL]})
    assert example.messages[1] == {"role": "assistant", "content": "", "tool_calls": [CALL]}
    assert example.messages[2] == {"role": "tool", "content": "5", "name": "f"}
    assert example.tools == (TOOL,)


def test_the_id_of_a_call_is_kept() -> None:
    example = read({"messages": [ASK, {"role": "assistant", "tool_calls": [CALL | {"id": "c1"}]}, TELL]})
    assert example.turns[1].tool_calls == (CALL | {"id": "c1"},)


@pytest.mark.parametrize("tools", [[TOOL], json.dumps([TOOL]), [json.dumps(TOOL)]])
@pytest.mark.parametrize("column", ["tools", "functions"])
def test_tools_are_read_as_a_list_or_as_json(column: str, tools: Any) -> None:
    assert read({"messages": [ASK, TELL], column: tools}).tools == (TOOL,)


def test_tools_come_from_the_column_that_is_named() -> None:
    row = {"messages": [ASK, TELL], "tools": [TOOL], "mine": [TOOL | {"x": 1}]}
    assert read(row, tools_column="mine").tools == (TOOL | {"x": 1},)


def test_sharegpt_calls_and_observations_are_understood() -> None:
    turns = [
        ("human", "q"),
        ("function_call", '{"name": "f", "arguments": {"x": 1}}'),
        ("observation", "5"),
        ("gpt", "done"),
    ]
    row = {
        "conversations": [{"from": who, "value": what} for who, what in turns],
        "tools": json.dumps([TOOL]),
        "system": "s",
    }
    example = read(row)
    assert [turn.role for turn in example.turns] == ["system", "user", "assistant", "tool", "assistant"]
    assert (example.turns[2].tool_calls, example.tools) == ((CALL,), (TOOL,))


def test_answers_that_are_nothing_but_calls_are_learned_as_calls() -> None:
    row = {"query": "q", "answers": '[{"name": "f", "arguments": {"x": 1}}]', "tools": json.dumps([TOOL])}
    assert read(row).turns[1].tool_calls == (CALL,)


def test_what_a_tool_answers_as_an_object_is_json() -> None:
    example = read(
        {"messages": [ASK, {"role": "assistant", "tool_calls": [CALL]}, {"role": "tool", "content": {"é": [1]}}, TELL]}
    )
    assert example.turns[2].content == '{"é": [1]}'


def test_a_call_is_something_to_learn() -> None:
    assert read({"messages": [ASK, {"role": "assistant", "content": "", "tool_calls": [CALL]}]}).turns[1].tool_calls


@pytest.mark.parametrize(
    ("call", "problem"),
    [
        ({"function": {"arguments": {}}}, "turn 2 calls a tool without saying its name"),
        ("f(x=1)", "turn 2 calls a tool without saying its name"),
        ({"name": "f", "arguments": "x=1"}, "turn 2 calls a tool with arguments that are no JSON object"),
        ({"name": "f", "arguments": "[1]"}, "turn 2 calls a tool with arguments that are no JSON object"),
    ],
)
def test_a_call_that_makes_no_sense_is_refused(call: Any, problem: str) -> None:
    row = {"messages": [ASK, {"role": "assistant", "content": "", "tool_calls": [call]}, TELL]}
    with pytest.raises(DataError, match=problem):
        read(row)


def test_tools_that_are_no_objects_are_refused() -> None:
    with pytest.raises(DataError, match="column 'tools' holds text where a tool should be described"):
        read({"messages": [ASK, TELL], "tools": ["f"]}, tools_column="tools")


def test_a_column_of_another_meaning_does_no_harm() -> None:
    assert read({"question": "q", "answer": "a", "tools": "hammer, saw"}).tools == ()


@pytest.mark.parametrize("key", ["reasoning_content", "thinking", "reasoning"])
def test_thoughts_in_a_turn_are_kept_apart_from_the_answer(key: str) -> None:
    turn = read({"messages": [ASK, TELL | {key: "hm"}]}).turns[1]
    assert (turn.reasoning, turn.content) == ("hm", "done")


@pytest.mark.parametrize("column", ["reasoning", "Complex_CoT", "thinking_trajectory", "思考"])
def test_thoughts_in_a_column_belong_to_the_answer(column: str) -> None:
    turn = read({"question": "q", column: "hm", "response": "done"}).turns[1]
    assert (turn.reasoning, turn.content) == ("hm", "done")


def test_thoughts_written_into_the_answer_stay_there() -> None:
    turn = read({"messages": [ASK, {"role": "assistant", "content": "<think>hm</think>done"}]}).turns[1]
    assert (turn.reasoning, turn.content) == ("", "<think>hm</think>done")


def test_thoughts_alone_are_no_answer() -> None:
    with pytest.raises(DataError, match="the assistant says nothing"):
        read({"messages": [ASK, {"role": "assistant", "content": "", "reasoning_content": "hm"}]})
