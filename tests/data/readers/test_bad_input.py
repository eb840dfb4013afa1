"""What cannot be read is named to the line, and what stands before and after it can be used all the same."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import os
from collections.abc import Callable
from pathlib import Path

import pyarrow
import pyarrow.feather
import pyarrow.parquet
import pytest

from tests.data.readers.files import Files
from tui.data.opening import first_records, iterate_records
from tui.data.records import DataError
from tui.session.sections.data import DataSection

Lines = Callable[..., str]
GOOD = {"text": "good"}


def good_around(bad: str | bytes) -> bytes:
    """A good row on line 1, the bad one on line 2, and another good one below it."""
    line = json.dumps(GOOD).encode() + b"\n"
    return line + (bad.encode() if isinstance(bad, str) else bad) + b"\n" + line


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ('{"a": }', "it is not JSON: Expecting value at column 7"),
        ('{"a": "b', "it is not JSON: Unterminated string starting at column 7"),
        ('{"a": "b\tc"}', "it is not JSON: Invalid control character at column 9"),
        ("\0\0\0", "it is not JSON: Expecting value at column 1"),
        ('{"a": 1} {"a": 2}', "it is not JSON: Extra data at column 10"),
        ("5", "it holds a number, not an object with columns"),
        ('"x"', "it holds a text, not an object with columns"),
        ("null", "it holds null, not an object with columns"),
        ("true", "it holds true or false, not an object with columns"),
        ("[1]", "it holds a list, not an object with columns"),
        ("[" * 100_000, "it is not JSON: it is nested too deeply"),
        ('{"a":' * 100_000, "it is not JSON: it is nested too deeply"),
        (f'{{"a": {"1" * 5000}}}', "it is not JSON: it has a number of thousands of digits"),
        (r'{"a": "\ud83d"}', r"it has half of a character (\ud83d)"),
        (b'{"text": "caf\xe9"}', "it is not UTF-8 text: byte 14 is 0xe9"),
        (b'{"text": "\xf0\x9f"}', "it is not UTF-8 text: byte 11 is 0xf0"),
    ],
)
def test_a_bad_line_is_named_and_the_others_are_read(files: Files, line: str | bytes, problem: str) -> None:
    records = files.records(files.write("train.jsonl", good_around(line)))
    assert [record.row for record in records] == [GOOD, None, GOOD]
    assert (records[1].place, records[1].problem) == ("train.jsonl, line 2", problem)


def test_a_line_of_50_mb_is_named_and_the_others_are_read(files: Files) -> None:
    source = files.write("train.jsonl", good_around('{"text": "' + "x" * 50_000_000 + '"}'))
    problem = "it is 50 MB long, more than 32 MB are not read as one row"
    assert files.problems(source) == [("train.jsonl, line 2", problem)]
    assert files.rows(source)[2] == GOOD


@pytest.mark.parametrize("name", ["a.csv", "a.txt", "a.json"])
def test_text_of_50_mb_in_one_piece_is_named(files: Files, name: str) -> None:
    huge = "x" * 50_000_000
    content = {
        "a.csv": f"text\n{huge}\ngood\n",
        "a.txt": f"{huge}\n\ngood",
        "a.json": f'[{{"text": "{huge}"}}, {json.dumps(GOOD)}]',
    }
    records = files.records(files.write(name, content[name]))
    assert " MB long" in records[0].problem
    assert name == "a.json" or records[1].row == GOOD


def test_every_line_in_another_encoding_is_named(files: Files, lines: Lines) -> None:
    content = "caf\u00e9 au lait"
    source = files.write("a.jsonl", lines(content, "tea", content).encode("latin-1"))
    assert [place for place, _ in files.problems(source)] == ["a.jsonl, line 1", "a.jsonl, line 3"]
    source = files.write("a.csv", f"text,n\n{content},1\ntea,2\n".encode("latin-1"))
    assert files.problems(source) == [("a.csv, line 2", "it is not UTF-8 text: byte 4 is 0xe9")]
    source = files.write("a.txt", f"tea\n{content}\n\ntea\n".encode("latin-1"))
    assert files.problems(source) == [("a.txt, line 1", "line 2 of the file: it is not UTF-8 text: byte 4 is 0xe9")]
    source = files.write("a.json", json.dumps([{"a": content}, {"a": 1}], ensure_ascii=False).encode("latin-1"))
    assert files.problems(source) == [("a.json, row 1", "it is not UTF-8 text: it has the byte 0xe9")]


def test_utf16_that_is_cut_in_the_middle_of_a_character_is_named(files: Files, lines: Lines) -> None:
    source = files.write("a.jsonl", lines("one", "two").encode("utf-16")[:-3])
    assert [place for place, _ in files.problems(source)] == ["a.jsonl, line 2"]


# JSON documents


@pytest.mark.parametrize(
    ("end", "place", "problem"),
    [
        (", 3]", "row 3", "it holds a number, not an object with columns"),
        (",\n {", "row 3", "it is not JSON: Expecting property name enclosed in double quotes at line 2, column 3"),
        (' {"a": 3}]', "after row 2", "a comma should be at line 1, column 37"),
        ("", "after row 2", "the file ends before its list does"),
        ("] and more", "after its list", "something follows at line 1, column 38"),
        (", [[", "row 3", "it is not JSON: Expecting value at line 1, column 40"),
        (f", {'[' * 100_000}", "row 3", "it is not JSON: it is nested too deeply"),
    ],
)
def test_the_rows_of_a_list_before_a_mistake_are_read(files: Files, end: str, place: str, problem: str) -> None:
    source = files.write("a.json", f"[{json.dumps(GOOD)}, {json.dumps(GOOD)}{end}")
    assert files.rows(source)[:2] == [GOOD, GOOD]
    ((where, what),) = files.problems(source)
    assert where == f"a.json, {place}"
    assert what.removesuffix("; the rest of the file is not read") == problem


def test_line_and_column_are_right_far_down_in_a_list(files: Files) -> None:
    source = files.write("a.json", "[\n" + "".join(f'{{"i": {i}}},\n' for i in range(50_000)) + '  {"i": x}]')
    assert files.problems(source)[0][1].startswith("it is not JSON: Expecting value at line 50002, column 9;")


def test_a_bad_line_of_json_lines_under_the_name_json_is_named(files: Files) -> None:
    source = files.write("a.json", '{"a": 1}\n{"a": }\n{"a": 2}\n')
    assert files.problems(source) == [("a.json, line 2", "it is not JSON: Expecting value at column 7")]
    source = files.write("a.json", '{"a": }\n{"a": 2}\n')
    assert files.problems(source) == [("a.json, line 1", "it is not JSON: Expecting value at column 7")]


def test_json_that_is_no_table_is_refused(files: Files) -> None:
    said = "a.json holds no rows: it begins with '\"', not with a list or an object"
    assert str(files.refusal(files.write("a.json", '"just text"'))) == said
    assert "a.json cannot be read: it is not JSON: " in str(files.refusal(files.write("a.json", '{"a": ')))


# tables of text


def test_more_values_than_columns_names_the_line_that_the_row_begins_on(files: Files) -> None:
    source = files.write("a.csv", 'prompt,completion\na,b\n"x\ny",z,too many\nc,d\n')
    assert files.problems(source) == [("a.csv, line 3", "it has 3 values for 2 columns")]
    assert len(files.rows(source)) == 3


def test_a_quote_that_is_not_closed_does_not_swallow_the_rows_below_it(files: Files) -> None:
    source = files.write("a.csv", 'prompt,completion\na,b\n"x,y\n' + "c,d\n" * 1000)
    assert files.problems(source) == [("a.csv, line 3", "a quote is opened in it and not closed again")]
    assert len(files.rows(source)) == 1002


def test_a_quote_that_swallows_more_than_a_row_may_have_is_named(files: Files) -> None:
    source = files.write("a.csv", 'text\na\n"b\n' + ("c" * 999 + "\n") * 40_000 + '"\nd\n')
    records = files.records(source)
    assert records[1].place == "a.csv, line 3" and records[1].problem == "a quote is opened in it and not closed again"
    assert [record.row for record in (records[0], records[2])] == [{"text": "a"}, {"text": "c" * 999}]


def test_a_file_full_of_open_quotes_comes_to_an_end(files: Files) -> None:
    source = files.write("a.csv", "a,b\n1,2\n" + 'x,"y\n' * 501)
    assert files.problems(source)


def test_a_table_of_a_million_columns_is_refused(files: Files) -> None:
    said = "a.csv has 1,000,000 columns: this is not a table of examples"
    assert str(files.refusal(files.write("a.csv", "a," * 999_999 + "a\n1\n"))) == said


def test_null_bytes_in_a_cell_are_kept_and_control_characters_end_nothing(files: Files) -> None:
    assert files.rows(files.write("a.csv", "text\na\0b\n\x1a\n")) == [{"text": "a\0b"}, {"text": "\x1a"}]


# empty, damaged, not to be opened


@pytest.mark.parametrize(
    ("name", "content"),
    [
        *(
            (f"a.{kind}", content)
            for kind in ("jsonl", "json", "csv", "tsv", "txt")
            for content in ("", "\n\n  \n", "\ufeff")
        ),
        ("a.json", "[]"),
        ("a.json", '{"data": []}'),
        ("a.csv", "prompt,completion\n"),
        ("a.jsonl.gz", gzip.compress(b"", mtime=0)),
    ],
)
def test_a_file_without_a_row_is_said_to_be_empty(files: Files, name: str, content: str | bytes) -> None:
    source = files.write(name, content)
    assert str(files.refusal(source)) == f"{source} is empty: there is not a single row in it"


def test_a_table_without_rows_is_said_to_be_empty(files: Files) -> None:
    pyarrow.parquet.write_table(pyarrow.table({"text": pyarrow.array([], pyarrow.string())}), files.folder / "a.parquet")
    assert "there is not a single row in it" in str(files.refusal(str(files.folder / "a.parquet")))


@pytest.mark.parametrize("content", [b"", b"hello", b"PAR1" + b"\0" * 9 + b"PAR1"])
@pytest.mark.parametrize("name", ["a.parquet", "a.arrow"])
def test_what_is_not_a_table_is_refused(files: Files, name: str, content: bytes) -> None:
    assert str(files.refusal(files.write(name, content))).startswith(f"{name} is no whole ")


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress])
def test_the_rows_before_the_place_where_a_packed_file_ends_are_read(files: Files, pack: Callable[[bytes], bytes]) -> None:
    content = "".join(f'{{"i": {i}, "random": "{os.urandom(40).hex()}"}}\n' for i in range(12_000))
    packed = pack(content.encode())
    records = files.records(files.write("a.jsonl.gz", packed[: len(packed) * 9 // 10]))
    *good, last = records
    assert len(good) > 1000 and all(record.row for record in good)
    assert last.place == f"a.jsonl.gz, after line {len(good)}"
    assert last.problem == "the file ends too early: it was not copied or written to its end"


def test_the_rows_before_a_damaged_group_of_a_table_are_read(files: Files) -> None:
    path = files.folder / "a.parquet"
    pyarrow.parquet.write_table(pyarrow.table({"t": [f"text {i}" * 9 for i in range(4000)]}), path, row_group_size=1000)
    content = bytearray(path.read_bytes())
    content[len(content) // 2 : len(content) // 2 + 3000] = b"\xee" * 3000
    path.write_bytes(content)
    *good, last = iterate_records(DataSection(source=str(path)))
    assert len(good) >= 1000 and last.place == f"a.parquet, after row {len(good)}"
    assert last.problem.startswith("the file is no whole Parquet file")


def test_a_value_that_python_has_no_words_for_spoils_only_its_row(files: Files) -> None:
    times = pyarrow.array([0, 2**62, 1], pyarrow.timestamp("s"))
    pyarrow.feather.write_feather(pyarrow.table({"t": times}), files.folder / "a.feather")
    ((place, problem),) = files.problems(str(files.folder / "a.feather"))
    assert place == "a.feather, row 2" and problem.startswith("a value in it cannot be read: ")


def test_two_columns_of_one_name_in_a_table_are_refused(files: Files) -> None:
    table = pyarrow.table([[1], [2]], names=["a", "a"])
    pyarrow.parquet.write_table(table, files.folder / "a.parquet")
    assert str(files.refusal(str(files.folder / "a.parquet"))) == "a.parquet has two columns with the name a"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"PK\x03\x04....", "is a ZIP archive or an Excel file"),
        (b"%PDF-1.7", "is a PDF file"),
        (b"\x80\x04\x95", "is a pickle of Python"),
        (b"words", "its kind is not known; what can be read is .jsonl, "),
    ],
)
def test_other_kinds_of_files_are_told_apart(files: Files, content: bytes, words: str) -> None:
    assert words in str(files.refusal(files.write("a.dat", content)))


@pytest.mark.parametrize("source", ["x" * 5000 + ".jsonl", "~nobody-of-that-name/a.jsonl", "a\0b.jsonl", "a/b/c"])
def test_a_name_that_no_file_has_is_refused(files: Files, source: str) -> None:
    files.refusal(source)


def test_pipes_devices_and_links_to_nothing_are_refused_at_once(files: Files) -> None:
    os.mkfifo(files.folder / "pipe.jsonl")
    assert str(files.refusal(str(files.folder / "pipe.jsonl"))).startswith("pipe.jsonl is no ordinary file but a pipe")
    assert str(files.refusal("/dev/zero")).startswith("zero is no ordinary file but a device")
    (files.folder / "link.jsonl").symlink_to("nowhere.jsonl")
    assert (
        str(files.refusal(str(files.folder / "link.jsonl"))) == "link.jsonl is a link to nowhere.jsonl, which is not there"
    )
    (files.folder / "round.jsonl").symlink_to("round.jsonl")
    files.refusal(str(files.folder / "round.jsonl"))


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may read everything")
def test_a_file_that_may_not_be_read_says_so(files: Files) -> None:
    source = files.write("a.jsonl", "{}")
    Path(source).chmod(0)
    assert str(files.refusal(source)) == "a.jsonl cannot be read: Permission denied"


def test_a_file_that_grows_while_it_is_read_is_not_taken_for_whole(files: Files, lines: Lines) -> None:
    source = files.write("a.jsonl", lines("one", "two"))
    records = iterate_records(DataSection(source=source))
    next(records)
    with Path(source).open("a") as stream:
        stream.write(lines("three"))
    with pytest.raises(DataError, match=r"a\.jsonl changed while it was read"):
        list(records)
    assert len(first_records(DataSection(source=source), 2)) == 2


def test_the_first_rows_are_there_however_the_file_goes_on(files: Files, lines: Lines) -> None:
    source = files.write("a.jsonl", lines(*range(300)).encode() + b"\xff\xfe\n" * 100)
    assert [record.row and record.row["text"] for record in first_records(DataSection(source=source), 3)] == ["0", "1", "2"]
