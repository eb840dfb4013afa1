"""The same rows come out of every kind of file, packed or not, whatever it is called."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.feather
import pyarrow.ipc
import pyarrow.parquet
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.data.readers.files import Files
from tui.data.opening import iterate_records
from tui.data.records import DataError
from tui.session.sections.data import DataSection

ROWS = [{"text": "one"}, {"text": "two"}]
LINES = '{"text": "one"}\n{"text": "two"}\n'


def zstd(content: bytes) -> bytes:
    return bytes(pyarrow.Codec("zstd").compress(content).to_pybytes())


def table_bytes(write: Callable[[Any, Any], object], rows: list[dict[str, Any]]) -> bytes:
    sink = pyarrow.BufferOutputStream()
    write(pyarrow.Table.from_pylist(rows), sink)
    return bytes(sink.getvalue().to_pybytes())


def write_stream(table: Any, sink: Any) -> None:
    with pyarrow.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table, max_chunksize=1)


def write_file(table: Any, sink: Any) -> None:
    with pyarrow.ipc.new_file(sink, table.schema) as file:
        file.write_table(table, max_chunksize=1)


PARQUET = table_bytes(pyarrow.parquet.write_table, ROWS)
STREAM = table_bytes(write_stream, ROWS)
FILE = table_bytes(write_file, ROWS)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.jsonl", LINES),
        ("a.ndjson", "\ufeff" + LINES.replace("\n", "\r\n\r\n")),
        ("a.jsonl", LINES.encode("utf-16")),
        ("a.jsonl", LINES.encode("utf-32")),
        ("a.json", '[{"text": "one"}, {"text": "two"}]'),
        ("a.json", '[\n{"text": "one"},\n{"text": "two"}\n]\n'.encode("utf-16")),
        ("a.json", '\ufeff{"data": [{"text": "one"}, {"text": "two"}]}'),
        ("a.json", '{"version": "1.0", "split": "train", "by": "me", "rows": [{"text": "one"}, {"text": "two"}]}'),
        ("a.json", '{"text": ["one", "two"]}'),
        ("a.json", '{"text": {"0": "one", "1": "two"}}'),
        ("a.json", '{"0": {"text": "one"}, "1": {"text": "two"}}'),
        ("a.json", LINES),
        ("a.json", '{\n  "text": "one"\n}\n{\n  "text": "two"\n}\n'),
        ("a.csv", "text\none\ntwo\n"),
        ("a.csv", "text\rone\rtwo\r"),
        ("a.csv", "\ufefftext\r\none\r\n\r\ntwo\r\n"),
        ("a.csv", "\n\ntext\none\n  \ntwo"),
        ("a.csv", "text\none\ntwo\n".encode("utf-16")),
        ("a.tsv", "text\none\ntwo\n"),
        ("a.txt", "one\n\n\ntwo\n"),
        ("a.md", "\ufeffone\r\n   \r\ntwo"),
        ("a.parquet", PARQUET),
        ("a.arrow", STREAM),
        ("a.arrow", FILE),
        ("a.feather", table_bytes(pyarrow.feather.write_feather, ROWS)),
        ("no suffix", LINES),
        ("no suffix", '\n [{"text": "one"}, {"text": "two"}]'),
        ("no suffix", PARQUET),
        ("no suffix", FILE),
        ("no suffix", STREAM),
        ("really.jsonl", PARQUET),
    ],
)
def test_the_same_rows_come_from_every_kind_of_file(files: Files, name: str, content: str | bytes) -> None:
    source = files.write(name, content)
    assert files.rows(source) == ROWS
    assert files.rows(source, split="train[1:]") == ROWS[1:]


@pytest.mark.parametrize(
    ("suffix", "pack"), [(".gz", gzip.compress), (".bz2", bz2.compress), (".xz", lzma.compress), (".zst", zstd)]
)
@pytest.mark.parametrize(
    ("kind", "content"),
    [
        (".jsonl", LINES.encode()),
        (".csv", b"text\none\ntwo\n"),
        (".txt", b"one\n\ntwo"),
        (".parquet", PARQUET),
        (".arrow", FILE),
    ],
)
def test_what_is_packed_gives_the_same_rows(
    files: Files, suffix: str, pack: Callable[[bytes], bytes], kind: str, content: bytes
) -> None:
    assert files.rows(files.write(f"a{kind}{suffix}", pack(content))) == ROWS
    assert files.rows(files.write(f"b{kind}", pack(content))) == ROWS  # renamed by a browser, say


def test_packed_parts_one_after_another_are_all_read(files: Files) -> None:
    assert files.rows(files.write("a.jsonl.gz", gzip.compress(LINES.encode()) * 2)) == ROWS * 2
    assert files.rows(files.write("a.jsonl.zst", zstd(LINES.encode()) * 2)) == ROWS * 2


def test_nested_values_of_tables_stay_what_they_are(files: Files) -> None:
    turns = [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "ho"}]
    rows: list[dict[str, Any]] = [{"messages": turns, "id": 1, "raw": b"\0"}, {"messages": turns, "id": None, "raw": None}]
    for write in (pyarrow.parquet.write_table, write_stream, write_file):
        assert files.rows(files.write("a.arrow", table_bytes(write, rows))) == rows


def test_rows_of_large_tables_are_counted_over_all_their_groups(files: Files, tmp_path: Path) -> None:
    table = pyarrow.table({"i": list(range(1000))})
    pyarrow.parquet.write_table(table, files.folder / "a.parquet", row_group_size=300)
    with pyarrow.ipc.new_file(files.folder / "a.arrow", table.schema) as file:
        file.write_table(table, max_chunksize=70)
    for name in ("a.parquet", "a.arrow"):
        for begin in (0, 1, 69, 70, 255, 256, 299, 300, 301, 999):
            (record,) = files.records(str(files.folder / name), split=f"train[{begin}:{begin + 1}]")
            assert (record.row, record.place) == ({"i": begin}, f"{name}, row {begin + 1}")


def test_a_conversation_on_a_line_of_its_own_is_a_row(files: Files) -> None:
    turns = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]
    assert files.rows(files.write("a.jsonl", json.dumps(turns) * 1 + "\n" + json.dumps(turns))) == [{"messages": turns}] * 2
    assert files.rows(files.write("a.json", json.dumps([turns, turns]))) == [{"messages": turns}] * 2


def test_a_single_object_is_one_row(files: Files) -> None:
    for row in (
        {"prompt": "a", "completion": "b"},
        {"turns": [{"from": "user", "value": "a"}, {"from": "gpt", "value": "b"}]},
        {"messages": [{"role": "user", "content": "a"}], "tools": [{"type": "function"}]},
        {"instruction": "a", "output": "b", "history": []},
    ):
        assert files.rows(files.write("a.json", json.dumps(row, indent=1))) == [row]


def test_several_lists_of_rows_in_one_object_are_not_guessed_at(files: Files) -> None:
    source = files.write("a.json", '{"train": [{"a": 1}, {"a": 2}], "test": [{"a": 3}]}')
    assert str(files.refusal(source)) == "a.json holds several lists of rows (train, test): put each into a file of its own"


def test_an_object_too_large_to_look_at_as_a_whole_is_read_row_by_row(files: Files) -> None:
    rows = [{"text": "x" * 100_000, "i": i} for i in range(180)]
    assert files.rows(files.write("a.json", json.dumps({"version": 1, "data": rows, "end": []}))) == rows
    columns = {"text": [row["text"] for row in rows], "i": [row["i"] for row in rows]}
    assert files.rows(files.write("a.json", json.dumps(columns))) == rows


def test_rows_longer_than_what_is_read_at_a_time_come_whole(files: Files) -> None:
    rows = [{"text": "ä" * size, "n": size} for size in (10, 65_535, 65_536, 200_000, 3)]
    assert files.rows(files.write("a.json", json.dumps(rows, ensure_ascii=False))) == rows
    assert files.rows(files.write("a.jsonl", "\n".join(map(json.dumps, rows)))) == rows


@pytest.mark.parametrize("mark", [";", "|", "\t", ","])
def test_the_mark_between_values_is_found_out(files: Files, mark: str) -> None:
    content = f"a{mark}b\n1,5{mark}x\n".replace("1,5", '"1,5"' if mark == "," else "1,5")
    assert files.rows(files.write("a.csv", content)) == [{"a": "1,5", "b": "x"}]


def test_a_mark_in_a_text_does_not_split_it(files: Files) -> None:
    assert files.rows(files.write("a.csv", "text\nhello; world\nyes | no\n")) == [
        {"text": "hello; world"},
        {"text": "yes | no"},
    ]
    assert files.rows(files.write("b.csv", "q,a\nx;y;z,1\np,2\n")) == [{"q": "x;y;z", "a": "1"}, {"q": "p", "a": "2"}]


def test_commas_quotes_and_line_breaks_inside_a_cell_survive(files: Files) -> None:
    content = 'prompt,completion\n"a, ""b""\nc",d\nshort\n'
    assert files.rows(files.write("a.csv", content)) == [
        {"prompt": 'a, "b"\nc', "completion": "d"},
        {"prompt": "short", "completion": ""},
    ]


def test_columns_of_one_name_or_none_are_all_kept(files: Files) -> None:
    row = {"text": "1", "text_3": "2", "text_2": "3", "column_4": "4", "text_4": "5"}
    assert files.rows(files.write("a.csv", "text,text,text_2,,text\n1,2,3,4,5\n")) == [row]


def test_the_empty_rows_that_a_spreadsheet_leaves_are_no_rows(files: Files) -> None:
    assert files.rows(files.write("a.csv", "prompt,completion\na,b\n,\n ,,,\n")) == [{"prompt": "a", "completion": "b"}]


def test_paragraphs_keep_their_line_breaks_and_their_place(files: Files) -> None:
    records = files.records(files.write("a.txt", "\none\n  two\n\nthree"))
    assert [(record.place, record.row) for record in records] == [
        ("a.txt, line 2", {"text": "one\n  two"}),
        ("a.txt, line 5", {"text": "three"}),
    ]


def test_a_cell_larger_than_the_limit_of_the_csv_module_is_read(files: Files) -> None:
    assert files.rows(files.write("a.csv", f"text\n{'x' * 200_000}\n")) == [{"text": "x" * 200_000}]


def test_numbers_that_json_does_not_know_and_doubled_keys_are_read(files: Files) -> None:
    (row,) = files.rows(files.write("a.jsonl", '{"a": NaN, "b": -Infinity, "c": 1, "c": 2}'))
    assert row and row["a"] != row["a"] and row["b"] == float("-inf") and row["c"] == 2


FOREIGN = "[/INST] [red]x[/red] \x1b]0;title\x07 \x1b[2J \u202e \x9b1m </s> %s {0} \\N"


def test_markup_and_escape_sequences_in_cells_are_not_touched(files: Files) -> None:
    assert files.rows(files.write("a.jsonl", json.dumps({"text": FOREIGN}))) == [{"text": FOREIGN}]
    assert files.rows(files.write("a.csv", f'text\n"{FOREIGN}"\n')) == [{"text": FOREIGN}]
    assert files.rows(files.write("a.txt", FOREIGN)) == [{"text": FOREIGN}]


rows_of_text = st.lists(st.dictionaries(st.text(), st.text() | st.integers(0, 9) | st.none()), min_size=1)


@given(rows_of_text, st.booleans())
def test_no_text_is_changed_on_its_way_out_of_json(tmp_path: Path, rows: list[dict[str, Any]], ascii: bool) -> None:
    written = [json.dumps(row, ensure_ascii=ascii) for row in rows]
    (tmp_path / "a.jsonl").write_text("\n".join(written), encoding="utf-8", newline="")
    (tmp_path / "b.json").write_text(f"[{','.join(written)}]", encoding="utf-8", newline="")
    for name in ("a.jsonl", "b.json"):
        assert [record.row for record in iterate_records(DataSection(source=str(tmp_path / name)))] == rows


@given(st.binary(max_size=200), st.sampled_from(["", ".jsonl", ".json", ".csv", ".txt", ".parquet", ".arrow", ".csv.gz"]))
def test_no_bytes_raise_anything_but_a_data_error(tmp_path: Path, content: bytes, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    path.write_bytes(content)
    try:
        assert list(iterate_records(DataSection(source=str(path))))
    except DataError as error:
        assert path.name in str(error)


@given(st.data())
def test_a_damaged_file_raises_nothing_but_a_data_error(tmp_path: Path, data: st.DataObject) -> None:
    whole = data.draw(st.sampled_from([PARQUET, STREAM, FILE, gzip.compress(LINES.encode()), zstd(LINES.encode())]))
    place = data.draw(st.integers(0, len(whole) - 1))
    (tmp_path / "a.bin").write_bytes(
        whole[:place] + bytes([whole[place] ^ data.draw(st.integers(1, 255))]) + whole[place + 1 :]
    )
    try:
        assert list(iterate_records(DataSection(source=str(tmp_path / "a.bin"))))
    except DataError as error:
        assert "a.bin" in str(error)
