"""Tokenised data is found again when nothing changed, made again when anything did, and never taken half-written."""

from __future__ import annotations

import copy
import json
import os
from pathlib import Path
from typing import Any

import pytest

from tui.data.records import DataError
from tui.engine import token_cache
from tui.engine.dataset import Tokenised, read_split, tokenise
from tui.engine.processes import Cancelled, in_processes
from tui.session import file
from tui.session.schema import Session

LENGTH = 8


pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    from tests.tiny_model import tiny_tokenizer  # here, as it loads half the training stack

    return tiny_tokenizer()


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("UNSLOTH_TUI_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def session_of(path: Path, rows: list[dict[str, Any]], **tables: dict[str, Any]) -> Session:
    """A session that learns these rows."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    told: dict[str, dict[str, Any]] = {
        "model": {"name": "m", "max_seq_length": LENGTH},
        "data": {"source": str(path)},
        "training": {"dataset_num_proc": 1},
    }
    return file.from_table({key: told.get(key, {}) | tables.get(key, {}) for key in {*told, *tables}})


def texts(count: int) -> list[dict[str, Any]]:
    return [{"text": f"line {number}"} for number in range(count)]


def rows_of(made: Tokenised) -> list[list[int]]:
    return [list(row) for row in made.rows["input_ids"]]


def test_a_second_start_takes_what_the_first_one_made(tmp_path: Path, tokenizer: Any) -> None:
    session = session_of(tmp_path / "a.jsonl", texts(50))
    first, second = tokenise(session, tokenizer), tokenise(session, tokenizer)
    assert (first.cached, second.cached) == (False, True)
    assert rows_of(first) == rows_of(second) and first.report == second.report


@pytest.mark.parametrize(
    "change",
    [
        {"data": {"add_end_token": False}},
        {"data": {"overlong": "drop"}},
        {"model": {"max_seq_length": LENGTH + 1}},
        {"evaluation": {"group_column": "text", "fraction": 0.5}},
    ],
)
def test_other_settings_are_tokenised_anew(tmp_path: Path, tokenizer: Any, change: dict[str, dict[str, Any]]) -> None:
    path = tmp_path / "a.jsonl"
    tokenise(session_of(path, texts(5)), tokenizer)
    assert not tokenise(session_of(path, texts(5), **change), tokenizer).cached


def test_a_changed_line_is_tokenised_anew(tmp_path: Path, tokenizer: Any) -> None:
    path = tmp_path / "a.jsonl"
    tokenise(session_of(path, texts(5)), tokenizer)
    assert not tokenise(session_of(path, [*texts(4), {"text": "line five"}]), tokenizer).cached


def test_another_tokenizer_is_not_taken_for_the_same(tmp_path: Path, tokenizer: Any) -> None:
    session = session_of(tmp_path / "a.jsonl", texts(5))
    tokenise(session, tokenizer)
    other = copy.deepcopy(tokenizer)
    other.add_tokens(["line"])
    made = tokenise(session, other)
    assert not made.cached and max(map(max, rows_of(made))) == other.convert_tokens_to_ids("line")


@pytest.mark.parametrize("name", ["tokens.arrow", "examples.arrow", "report.json"])
def test_a_damaged_one_is_made_again(tmp_path: Path, tokenizer: Any, name: str) -> None:
    session = session_of(tmp_path / "a.jsonl", texts(50))
    first = tokenise(session, tokenizer)
    rows = rows_of(first)
    path = first.folder / name
    path.write_bytes(path.read_bytes()[:40])
    second = tokenise(session, tokenizer)
    assert not second.cached and rows_of(second) == rows


def test_one_that_was_broken_off_is_never_found(tmp_path: Path, tokenizer: Any) -> None:
    session = session_of(tmp_path / "a.jsonl", [*texts(3000), {"text": ""}])
    for _ in range(2):
        with pytest.raises(DataError, match="line 3001"):
            tokenise(session, tokenizer)
    assert list(token_cache.folder().iterdir()) == []


def test_only_the_latest_are_kept(tmp_path: Path, tokenizer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(token_cache, "MOST", 2)
    made = []
    for number in range(3):
        made.append(tokenise(session_of(tmp_path / "a.jsonl", texts(number + 1)), tokenizer).folder)
        os.utime(made[-1], (number, number))
    abandoned = token_cache.folder() / f"{token_cache.UNFINISHED}x"
    abandoned.mkdir()
    os.utime(abandoned, (0, 0))
    token_cache.prune(made[-1])
    assert {*token_cache.folder().iterdir()} == {*made[1:]}


def test_several_processes_make_the_same_as_one(tmp_path: Path, tokenizer: Any) -> None:
    path = tmp_path / "a.jsonl"
    alone = tokenise(session_of(path, texts(6500)), tokenizer)
    many = rows_of(alone)
    (alone.folder / "report.json").unlink()
    told: list[tuple[int, int | None]] = []
    together = tokenise(
        session_of(path, texts(6500), training={"dataset_num_proc": 2}),
        tokenizer,
        progress=lambda done, total, rate: told.append((done, total)),
    )
    assert not together.cached
    assert rows_of(together) == many and together.report == alone.report
    assert all(total == 6500 and 0 < done <= 6500 for done, total in told)


@pytest.mark.parametrize("processes", [1, 2])
def test_it_stops_when_somebody_asks(tmp_path: Path, tokenizer: Any, processes: int) -> None:
    session = session_of(tmp_path / "a.jsonl", texts(9000), training={"dataset_num_proc": processes})
    asked = iter([False] * 3)
    with pytest.raises(Cancelled):
        tokenise(session, tokenizer, cancelled=lambda: next(asked, True))
    assert list(token_cache.folder().iterdir()) == []


def test_a_process_that_is_killed_is_told_of() -> None:
    with pytest.raises(RuntimeError, match="dataset_num_proc"):
        list(in_processes(_die_late, range(50), 2, lambda: False))


def _die_late(number: int) -> int:
    if number > 10:
        os._exit(9)
    return number


def test_bad_rows_are_skipped_and_counted_where_that_was_asked_for(tmp_path: Path, tokenizer: Any) -> None:
    rows = [{"text": "one"}, {"text": ""}, {"text": "three"}]
    made = tokenise(session_of(tmp_path / "a.jsonl", rows, data={"skip_bad_rows": True}), tokenizer)
    assert (made.report.rows_read, made.report.bad_rows, made.report.used) == (3, 1, 2)
    assert made.rows["example"][:] == [0, 2]


LONG = [
    {"input_ids": list(range(3, 23)), "labels": [-100] * 8 + [11, 12] + [-100] * 6 + [19, 20, 21, 22]},
    {"input_ids": list(range(3, 23)), "labels": [-100] * 12 + [15, 16, 17, 18, 19, 20, 21, 22]},
    {"input_ids": [3, 4, 2], "labels": [-100, 4, 2]},
]


@pytest.mark.parametrize(
    ("overlong", "examples", "cut"),
    [("truncate", [2], 24), ("drop", [2], 40), ("split", [0, 0, 1, 1, 2], 0)],
)
def test_what_is_too_long_goes_as_the_session_says(
    tmp_path: Path, tokenizer: Any, overlong: str, examples: list[int], cut: int
) -> None:
    made = tokenise(session_of(tmp_path / "a.jsonl", LONG, data={"overlong": overlong}), tokenizer)
    assert made.rows["example"][:] == examples
    assert all(len(row) <= LENGTH for row in rows_of(made))
    report = made.report
    assert (report.too_long, report.cut_tokens, report.longest, report.training_rows) == (2, cut, 20, len(examples))
    assert sum(report.histogram) == 3
    assert (report.too_long_rows, report.longest_rows, report.shortest_rows) == ((1, 2), (1, 2, 3), (3, 1, 2))
    assert report.tokens == sum(map(len, rows_of(made)))
    assert report.learned == sum(label != -100 for row in made.rows["labels"] for label in row)


def test_nothing_learned_is_lost_by_splitting_up(tmp_path: Path, tokenizer: Any) -> None:
    made = tokenise(session_of(tmp_path / "a.jsonl", LONG, data={"overlong": "split"}), tokenizer)
    learned = [label for row in made.rows["labels"] for label in row if label != -100]
    assert learned == [label for row in LONG for label in row["labels"] if label != -100]


def test_a_run_in_which_nothing_is_learned_does_not_start(tmp_path: Path, tokenizer: Any) -> None:
    session = session_of(tmp_path / "a.jsonl", LONG[:2])
    with pytest.raises(DataError, match="max_seq_length"):
        read_split(session, tokenizer)


def test_no_group_is_on_both_sides(tmp_path: Path, tokenizer: Any) -> None:
    rows = [{"text": f"line {number}", "author": number % 10} for number in range(100)]
    split = read_split(
        session_of(tmp_path / "a.jsonl", rows, evaluation={"fraction": 0.25, "group_column": "author"}), tokenizer
    )
    assert split.held_out is not None
    held_out, train = split.held_out.rows["example"][:], split.train.rows["example"][:]
    assert {number % 10 for number in held_out}.isdisjoint(number % 10 for number in train)
    assert len(held_out) == 20 and sorted([*held_out, *train]) == list(range(100))
    assert split.held_out_rows == {*held_out}


def test_as_many_are_held_out_as_were_asked_for(tmp_path: Path, tokenizer: Any) -> None:
    split = read_split(session_of(tmp_path / "a.jsonl", texts(30), evaluation={"count": 7}), tokenizer)
    assert split.held_out is not None
    assert (len(split.held_out.rows), len(split.train.rows)) == (7, 23)


def test_a_file_of_its_own_is_held_out_whole(tmp_path: Path, tokenizer: Any) -> None:
    other = tmp_path / "b.jsonl"
    other.write_text('{"text": "other"}\n')
    split = read_split(session_of(tmp_path / "a.jsonl", texts(3), evaluation={"source": str(other)}), tokenizer)
    assert split.held_out is not None
    assert (len(split.held_out.rows), len(split.train.rows), split.held_out_rows) == (1, 3, frozenset())
