"""A template puts the text of columns where it names them, and nothing that a cell holds changes what it means."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.data.converting import to_example
from tui.data.detect import detect
from tui.data.examples import Example
from tui.data.records import DataError
from tui.data.templates import parse
from tui.session.sections.data import DataSection


@pytest.mark.parametrize(
    ("template", "row", "expected"),
    [
        ("{a}", {"a": "x"}, "x"),
        ("{a} and {b c}", {"a": "x", "b c": "y"}, "x and y"),
        ("no column", {}, "no column"),
        ("{{{a}}}", {"a": "x"}, "{x}"),
        ("{{}}", {}, "{}"),
        (r"{a}\n\t{a}", {"a": "x"}, "x\n\tx"),
        (r"C:\\new \d \\", {}, r"C:\new \d \\"),
        ("{a}[[\\n\\n{b}]]", {"a": "x", "b": "y"}, "x\n\ny"),
        ("{a}[[\\n\\n{b}]]", {"a": "x", "b": ""}, "x"),
        ("{a}[[\\n\\n{b}]]", {"a": "x"}, "x"),
        ("{a}[[ ({b}, {c})]]", {"a": "x", "b": " ", "c": "z"}, "x ( , z)"),
        ("{a}[[ ({b}, {c})]]", {"a": "x", "b": " \n", "c": None}, "x"),
        ("[[no column]] {a}", {"a": "x"}, "[[no column]] x"),
        ("a[b[0]] {a}", {"a": "x"}, "a[b[0]] x"),
        ("[[ {a}", {"a": "x"}, "[[ x"),
        ("{meta.title}", {"meta": {"title": "t"}}, "t"),
        ("{meta.title}", {"meta.title": "own", "meta": {"title": "t"}}, "own"),
        ("{meta.title}", {"meta": "flat"}, ""),
        ("{a} {b} {c}", {"a": 1, "b": 2.5, "c": True}, "1 2.5 True"),
        ("{a}", {"a": ["x", "y"]}, "x\ny"),
        ("{a}", {"a": {"é": [1, None]}}, '{"é": [1, null]}'),
        ("{a}", {"a": float("nan")}, ""),
    ],
)
def test_a_template_is_written_as_it_says(template: str, row: dict[str, Any], expected: str) -> None:
    assert parse(template).render(row) == expected


@pytest.mark.parametrize(
    ("template", "problem"),
    [
        ("{a", "a template has a lone { at '{a'; {{ is a brace"),
        ("a} b", "a template has a lone } at '} b'; }} is a brace"),
        ("x {} y", "a template has braces without the name of a column in them; {{ and }} are braces themselves"),
    ],
)
def test_a_template_that_cannot_be_read_says_where(template: str, problem: str) -> None:
    with pytest.raises(DataError) as caught:
        parse(template)
    assert str(caught.value) == problem


CELLS = st.text(alphabet="{}[]\\nabAB |<>\x1b", max_size=12)


@given(CELLS, CELLS)
def test_what_a_cell_holds_never_changes_the_template(a: str, b: str) -> None:
    row = {"a": a, "b": b, "A": "wrong", "n": "wrong"}
    assert parse("<{a}|{b}>[[({a})]]").render(row) == f"<{a}|{b}>" + (f"({a})" if a.strip() else "")


@given(st.text(max_size=20))
def test_any_text_is_a_template_or_says_why_not(text: str) -> None:
    try:
        assert isinstance(parse(text).render({}), str)
    except DataError as error:
        assert "template" in str(error)


ROW = {"instruction": "q", "input": "", "output": "r", "topic": "tea"}


def read(row: dict[str, Any], **data: Any) -> Example:
    section = DataSection(**data)
    return to_example(row, detect([ROW], section), section)


def test_a_prompt_template_writes_the_whole_text() -> None:
    alpaca = r"### Instruction:\n{instruction}[[\n\n### Input:\n{input}]]\n\n### Response:\n{output}"
    assert read(ROW, text=alpaca).text == "### Instruction:\nq\n\n### Response:\nr"
    assert read(ROW | {"input": "x"}, text=alpaca).text == "### Instruction:\nq\n\n### Input:\nx\n\n### Response:\nr"


def test_templates_say_what_each_side_says() -> None:
    example = read(ROW, user="{instruction}[[: {input}]]", assistant="<{output}>", system="On {topic}")
    assert [(turn.role, turn.content) for turn in example.turns] == [
        ("system", "On tea"),
        ("user", "q"),
        ("assistant", "<r>"),
    ]


def test_with_one_template_the_other_side_is_found_by_name() -> None:
    assert [turn.content for turn in read(ROW, user="{topic}?").turns] == ["tea?", "r"]
    assert [turn.content for turn in read(ROW, assistant="{topic}!").turns] == ["q", "tea!"]


def test_a_missing_side_is_asked_for() -> None:
    with pytest.raises(DataError, match=r"data\.assistant is missing: say with a template"):
        detect([{"a": "x", "b": "y", "c": "z"}], DataSection(user="{a}"))


@pytest.mark.parametrize("key", ["user", "text", "system"])
def test_a_column_that_is_not_there_is_named_with_the_nearest_and_the_mend_works(key: str) -> None:
    others: dict[str, Any] = {"assistant": "{output}"} if key == "user" else {}
    with pytest.raises(
        DataError, match=f"data.{key} names the column 'instructoin', which is not there, perhaps 'instr"
    ) as caught:
        detect([ROW], DataSection(**others | {key: "{instructoin}!"}))
    assert caught.value.mend == {f"data.{key}": "{instruction}!"}
    example = read(ROW, **{key: caught.value.mend[f"data.{key}"]} | others)
    assert "q!" in (example.text or example.turns[0].content)


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ({"instruction": "", "output": "r"}, "there is no question, 'instruction' being empty"),
        (
            {"instruction": "q", "output": None},
            "the assistant says nothing: there is nothing to learn, 'output' being empty",
        ),
        ({"instruction": b"\x00", "output": "r"}, "instruction holds bytes, not text"),
    ],
)
def test_a_row_without_what_a_template_needs_is_refused(row: dict[str, Any], problem: str) -> None:
    with pytest.raises(DataError, match=problem):
        read(row, user="Say: {instruction}", assistant="{output}.")


def test_a_prompt_template_over_nothing_is_refused() -> None:
    with pytest.raises(DataError, match="there is nothing in 'instruction', 'output'"):
        read({"topic": "tea"}, text="Q: {instruction} A: {output}")
