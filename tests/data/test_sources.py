"""Rows come out of every kind of file whole, and a file that cannot be read says where it goes wrong."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.data.sources import DataError, iterate_rows, read_rows

Write = Callable[[str, str | bytes], str]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def to(name: str, content: str | bytes) -> str:
        (tmp_path / name).write_bytes(content.encode() if isinstance(content, str) else content)
        return str(tmp_path / name)

    return to


def complaint(source: str) -> str:
    with pytest.raises(DataError) as caught:
        read_rows(source)
    assert "\n" not in str(caught.value)
    return str(caught.value)


ROWS = [{"text": "one"}, {"text": "two"}]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.jsonl", '{"text": "one"}\n{"text": "two"}\n'),
        ("a.jsonl", '\ufeff{"text": "one"}\r\n\r\n  \n{"text": "two"}'),
        ("a.ndjson", '{"text": "one"}\n{"text": "two"}\n'),
        ("A.JSONL", '{"text": "one"}\n{"text": "two"}\n'),
        ("a.json", '[{"text": "one"}, {"text": "two"}]'),
        ("a.json", '\ufeff{"data": [{"text": "one"}, {"text": "two"}]}'),
        ("a.json", '{"version": "1.0", "split": "train", "rows": [{"text": "one"}, {"text": "two"}]}'),
        ("a.json", '{"text": "one"}\n{"text": "two"}\n'),
        ("a.csv", "text\none\ntwo\n"),
        ("a.csv", "\ufefftext\r\none\r\n\r\ntwo\r\n"),
        ("a.csv", "\n\ntext\none\n  \ntwo\n"),
        ("a.tsv", "text\none\ntwo\n"),
        ("a.txt", "one\n\n\ntwo\n"),
        ("a.txt", "\ufeffone\r\n   \r\ntwo"),
    ],
)
def test_the_same_rows_come_from_every_kind_of_file(write: Write, name: str, content: str) -> None:
    assert read_rows(write(name, content)) == ROWS


def test_a_parquet_file_gives_its_rows(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    turns = [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "ho"}]
    pyarrow.parquet.write_table(pyarrow.table({"messages": [turns, turns], "id": [1, 2]}), path)
    assert read_rows(str(path)) == [{"messages": turns, "id": 1}, {"messages": turns, "id": 2}]


def test_a_single_object_is_one_row(write: Write) -> None:
    assert read_rows(write("a.json", '{"prompt": "a", "completion": "b"}')) == [{"prompt": "a", "completion": "b"}]


@pytest.mark.parametrize(("who", "what"), [("role", "content"), ("from", "value")])
def test_the_turns_of_a_single_conversation_are_not_taken_for_rows(write: Write, who: str, what: str) -> None:
    row = {"turns": [{who: "user", what: "a"}, {who: "assistant", what: "b"}]}
    assert read_rows(write("a.json", json.dumps(row))) == [row]


def test_commas_quotes_and_line_breaks_inside_a_cell_survive(write: Write) -> None:
    content = 'prompt,completion\n"a, ""b""\nc",d\nshort\n'
    assert read_rows(write("a.csv", content)) == [
        {"prompt": 'a, "b"\nc', "completion": "d"},
        {"prompt": "short", "completion": ""},
    ]


def test_the_empty_rows_that_a_spreadsheet_leaves_are_no_rows(write: Write) -> None:
    assert read_rows(write("a.csv", "prompt,completion\na,b\n,\n ,,,\n")) == [{"prompt": "a", "completion": "b"}]


def test_paragraphs_keep_their_line_breaks(write: Write) -> None:
    assert read_rows(write("a.txt", "one\n  two\n\nthree")) == [{"text": "one\n  two"}, {"text": "three"}]


def test_a_cell_larger_than_the_limit_of_the_csv_module_is_read(write: Write) -> None:
    assert len(read_rows(write("a.csv", f"text\n{'x' * 200_000}\n"))[0]["text"]) == 200_000


def test_a_home_folder_is_found() -> None:
    (Path.home() / "a.txt").write_text("one")
    assert read_rows("~/a.txt") == [{"text": "one"}]


@given(st.lists(st.dictionaries(st.text(), st.text() | st.integers(0, 9) | st.none()), min_size=1))
def test_no_text_is_changed_on_its_way_out_of_json_lines(tmp_path: Path, rows: list[dict[str, Any]]) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8", newline="")
    assert read_rows(str(path)) == rows


FOREIGN = "[/INST] [red]x[/red] \x1b]0;title\x07 \x1b[2J \u202e \x9b1m </s> %s {0} \\N"


def test_markup_and_escape_sequences_in_cells_are_not_touched(write: Write) -> None:
    assert read_rows(write("a.jsonl", json.dumps({"text": FOREIGN}))) == [{"text": FOREIGN}]
    assert read_rows(write("a.csv", f'text\n"{FOREIGN}"\n')) == [{"text": FOREIGN}]
    assert read_rows(write("a.txt", FOREIGN)) == [{"text": FOREIGN}]


# what is wrong, and where


def test_a_line_that_is_not_json_is_named(write: Write) -> None:
    source = write("a.jsonl", '{"a": 1}\n\n{"a": }\n')
    assert complaint(source) == f"{source}, line 3 is not JSON: Expecting value at column 7"


def test_the_rows_before_a_bad_line_are_still_to_be_had(write: Write) -> None:
    rows = iterate_rows(write("a.jsonl", '{"a": 1}\n{"a": 2}\nnonsense\n'))
    assert list(islice(rows, 2)) == [{"a": 1}, {"a": 2}]
    with pytest.raises(DataError, match="line 3 is not JSON"):
        next(rows)


def test_a_bad_line_of_json_lines_under_the_name_json_is_named(write: Write) -> None:
    source = write("a.json", '{"a": 1}\n{"a": 2}\n{"a"\n')
    assert complaint(source).startswith(f"{source}, line 3 is not JSON: ")


@pytest.mark.parametrize(("value", "kind"), [("5", "int"), ('"x"', "str"), ("[1]", "list"), ("null", "NoneType")])
def test_a_line_without_columns_is_named(write: Write, value: str, kind: str) -> None:
    source = write("a.jsonl", '{"a": 1}\n' + value)
    assert complaint(source) == f"{source}, line 2 holds {kind}, not an object with columns"


def test_a_list_with_something_else_than_objects_says_which(write: Write) -> None:
    source = write("a.json", '[{"a": 1}, 2]')
    assert complaint(source) == f"{source}, row 2 holds int, not an object with columns"


def test_json_that_is_no_table_is_refused(write: Write) -> None:
    assert complaint(write("a.json", '"just text"')).endswith("a.json holds str, not a list of objects")


@pytest.mark.parametrize("name", ["a.jsonl", "a.json", "a.csv", "a.tsv", "a.txt"])
@pytest.mark.parametrize("content", ["", "\n\n  \n", "\ufeff"])
def test_an_empty_file_is_said_to_be_empty(write: Write, name: str, content: str) -> None:
    assert complaint(write(name, content)).endswith(f"{name} is empty: there is not a single row in it")


@pytest.mark.parametrize(
    ("name", "content"), [("a.json", "[]"), ("a.json", '{"data": []}'), ("a.csv", "prompt,completion\n")]
)
def test_a_table_without_rows_is_said_to_be_empty(write: Write, name: str, content: str) -> None:
    assert "there is not a single row in it" in complaint(write(name, content))


def test_a_parquet_file_without_rows_is_said_to_be_empty(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pyarrow.parquet.write_table(pyarrow.table({"text": pyarrow.array([], pyarrow.string())}), path)
    assert complaint(str(path)) == f"{path} is empty: there is not a single row in it"


@pytest.mark.parametrize("content", [b"", b"hello", b"PAR1" + b"\0" * 9 + b"PAR1"])
def test_what_is_not_parquet_is_refused(write: Write, content: bytes) -> None:
    said = complaint(write("a.parquet", content))
    assert " is not a Parquet file: " in said or " cannot be read: " in said


def test_a_folder_a_missing_file_and_an_unknown_kind_are_told_apart(tmp_path: Path, write: Write) -> None:
    assert complaint(str(tmp_path)) == f"{tmp_path} is a folder; choose a file in it"
    assert complaint(str(tmp_path / "no.jsonl")) == f"there is no file {tmp_path / 'no.jsonl'}"
    assert complaint(write("a.docx", "x")).endswith("known are .jsonl, .json, .csv, .tsv, .parquet, .txt")


@pytest.mark.parametrize("source", ["x" * 5000 + ".jsonl", "~nobody-of-that-name/a.jsonl", "a\0b.jsonl"])
def test_a_name_that_no_file_can_have_is_refused(source: str) -> None:
    with pytest.raises(DataError):
        read_rows(source)


@pytest.mark.parametrize("name", ["a.jsonl", "a.csv", "a.txt"])
def test_the_line_that_is_not_utf8_is_named_however_far_down_it_is(write: Write, name: str) -> None:
    source = write(name, b'{"text": "abc"}\n' * 2000 + b"caf\xe9\n")
    assert complaint(source) == f"{source} is not UTF-8 text: line 2001 cannot be read"


def test_utf16_is_refused(write: Write) -> None:
    assert "is not UTF-8 text: line 1 cannot be read" in complaint(write("a.csv", "text\none".encode("utf-16")))


def test_more_values_than_columns_names_the_line(write: Write) -> None:
    source = write("a.csv", 'prompt,completion\na,b\n"x\ny",z,too many\n')
    assert complaint(source) == f"{source}, line 4: more values than columns"


def test_a_csv_file_with_a_null_byte_does_not_end_the_program(write: Write) -> None:
    assert read_rows(write("a.csv", "text\na\0b\n")) == [{"text": "a\0b"}]


@pytest.mark.parametrize("content", ["[" * 100_000, '{"a":' * 100_000, '{"a":\n' * 100_000])
@pytest.mark.parametrize("name", ["a.json", "a.jsonl"])
def test_json_nested_beyond_measure_is_refused(write: Write, name: str, content: str) -> None:
    assert " is not JSON: " in complaint(write(name, content))


@given(st.binary(max_size=200), st.sampled_from([".jsonl", ".json", ".csv", ".tsv", ".txt", ".parquet"]))
def test_no_bytes_raise_anything_but_a_data_error(tmp_path: Path, content: bytes, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    path.write_bytes(content)
    try:
        assert read_rows(str(path))
    except DataError as error:
        assert str(path) in str(error)
