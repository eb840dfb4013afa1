"""Folders, patterns and several sources give their rows in a lasting order; slices and mixes take the rows they say."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import datasets
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.data.readers.files import Files
from tui.data.converting import iterate_examples
from tui.data.looking import reading_of
from tui.data.opening import content_key, count_rows, files_of, first_records, iterate_records, parts_of
from tui.data.splits import interleaved
from tui.session.sections.data import DataSection

Lines = Callable[..., str]


def texts(files: Files, source: object, **settings: Any) -> list[str]:
    return [record.row["text"] if record.row else "" for record in files.records(str(source), **settings)]


def test_all_files_of_a_folder_are_read_in_the_order_of_their_names(files: Files, lines: Lines) -> None:
    files.write("b/2.jsonl", lines("three"))
    files.write("b/10.csv", "text\ntwo\n")
    files.write("a.json", '[{"text": "one"}]')
    for aside in (
        ".hidden.jsonl",
        ".git/x.jsonl",
        "README.md",
        "LICENSE.txt",
        "dataset_info.json",
        "picture.png",
        "notes.txt",
    ):
        files.write(aside, lines("not this"))
    records = files.records(str(files.folder))
    assert [record.place for record in records] == ["a.json, row 1", "b/10.csv, line 2", "b/2.jsonl, line 1"]
    assert [path.name for path in files_of(DataSection(source=str(files.folder)))] == ["a.json", "10.csv", "2.jsonl"]


def test_what_may_not_be_looked_at_is_no_error_of_the_folder(
    files: Files, lines: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    is_dir = Path.is_dir

    def refused(path: Path) -> bool:
        if path.suffix:
            raise PermissionError(13, "Permission denied")
        return is_dir(path)

    files.write("inner/1.jsonl", lines("one"))
    monkeypatch.setattr(Path, "is_dir", refused)
    assert texts(files, files.folder) == texts(files, files.folder / "inner" / "*.jsonl") == ["one"]


def test_a_folder_of_texts_is_read_as_texts(files: Files) -> None:
    files.write("one.txt", "one")
    files.write("two.md", "two")
    assert texts(files, files.folder) == ["one", "two"]


def test_links_that_lead_round_in_a_circle_are_followed_once(files: Files, lines: Lines) -> None:
    files.write("a/1.jsonl", lines("one"))
    (files.folder / "a" / "up").symlink_to(files.folder, target_is_directory=True)
    assert texts(files, files.folder) == ["one"]


def test_thousands_of_files_are_read(files: Files, lines: Lines) -> None:
    for number in range(2000):
        files.write(f"{number:05}.jsonl", lines(number))
    assert texts(files, files.folder, split="train[1990:1992]") == ["1990", "1991"]


def test_a_folder_with_nothing_to_read_says_so(files: Files) -> None:
    files.write("picture.png", "x")
    assert str(files.refusal(str(files.folder))) == f"{files.folder} is a folder with no file in it that can be read"


@pytest.mark.parametrize(
    "names",
    [
        ("train-00000-of-00002.jsonl", "train-00001-of-00002.jsonl", "test-00000-of-00001.jsonl"),
        ("train/a.jsonl", "train/b.jsonl", "testing/a.jsonl"),
        ("my_train.1.jsonl", "my_train.2.jsonl", "my-eval.jsonl"),
        ("data/train1.jsonl", "data/train2.jsonl", "data/test.jsonl"),
        ("a.jsonl", "b.jsonl", "heldout/test.jsonl"),
    ],
)
def test_the_names_of_files_tell_the_splits(files: Files, lines: Lines, names: tuple[str, str, str]) -> None:
    for name, text in zip(names, ("one", "two", "held out"), strict=True):
        files.write(name, lines(text))
    assert set(parts_of(DataSection(source=str(files.folder)))["default"]) == {"train", "test"}
    assert texts(files, files.folder) == ["one", "two"]
    assert texts(files, files.folder, split="test") == ["held out"]


def test_words_that_only_contain_a_split_are_none(files: Files, lines: Lines) -> None:
    for name in ("trainers.jsonl", "contest.jsonl", "devices.jsonl", "part-00000-of-00001.jsonl"):
        files.write(name, lines(name))
    assert parts_of(DataSection(source=str(files.folder))) == {"default": ["train"]}


def test_splits_of_their_own_are_kept_apart(files: Files, lines: Lines) -> None:
    for split in ("train_sft", "train_gen", "test_sft"):
        files.write(f"data/{split}-00000-of-00001.jsonl", lines(split))
    assert texts(files, files.folder, split="train_gen") == ["train_gen"]


def test_a_wrong_split_is_answered_with_those_there_are_and_the_nearest(files: Files, lines: Lines) -> None:
    files.write("test.jsonl", lines("one"))
    files.write("validation.jsonl", lines("two"))
    error = files.refusal(str(files.folder), split="tset[:10]")
    assert str(error) == f"{files.folder} has no split tset; there is test, validation"
    assert error.mend == {"data.split": "test[:10]"}
    assert texts(files, files.folder, split="val") == ["two"]


def test_a_file_that_was_chosen_is_learned_whatever_it_is_called(files: Files, lines: Lines) -> None:
    source = files.write("test.jsonl", lines("one"))
    assert texts(files, source) == texts(files, source, split="test") == texts(files, source, split="") == ["one"]
    assert files.refusal(source, split="validation").mend == {"data.split": "train"}


def test_a_clone_of_a_hub_dataset_is_read_as_its_card_says(files: Files, lines: Lines) -> None:
    files.write(
        "README.md",
        "---\nconfigs:\n- config_name: en\n  data_files: en.jsonl\n- config_name: de\n  data_files: de.jsonl\n---\n",
    )
    files.write("en.jsonl", lines("one"))
    files.write("de.jsonl", lines("eins"))
    assert texts(files, files.folder, subset="de") == ["eins"]
    assert files.refusal(str(files.folder)).mend == {"data.subset": "en"}
    files.write("README.md", "---\n[broken: {\n---\n")
    assert texts(files, files.folder) == ["eins", "one"]


def test_what_datasets_saves_is_read_without_its_cache(files: Files, lines: Lines, tmp_path: Path) -> None:
    one = datasets.Dataset.from_dict({"text": [f"{i}" for i in range(10)]})
    one.save_to_disk(tmp_path / "one", num_shards=3)
    files.folder = tmp_path / "one"
    files.write("cache-123.arrow", b"not this")
    assert texts(files, tmp_path / "one") == [f"{i}" for i in range(10)]
    both = datasets.DatasetDict({"train": one, "test": one.select([3])})
    both.save_to_disk(tmp_path / "both")
    assert texts(files, tmp_path / "both", split="test") == ["3"]
    assert parts_of(DataSection(source=str(tmp_path / "both"))) == {"default": ["train", "test"]}


def test_a_pattern_means_the_files_that_match_it(files: Files, lines: Lines) -> None:
    for name in ("a/1.jsonl", "a/2.jsonl", "b/1.jsonl", "a/1.txt"):
        files.write(name, lines(name))
    assert texts(files, files.folder / "a" / "*.jsonl") == ["a/1.jsonl", "a/2.jsonl"]
    assert texts(files, files.folder / "**" / "1.jsonl") == ["a/1.jsonl", "b/1.jsonl"]
    assert str(files.refusal(f"{files.folder}/*.csv")) == f"there is no file that matches {files.folder}/*.csv"
    odd = files.write("[1] *.jsonl", lines("a real name"))
    assert texts(files, odd) == ["a real name"]


def test_files_of_one_name_are_told_apart(files: Files, lines: Lines) -> None:
    one, two = files.write("a/train.jsonl", lines("one")), files.write("b/train.jsonl", "nonsense\n")
    places = [record.place for record in files.records(one, more_sources=(two,))]
    assert places == [f"train.jsonl of {one}, line 1", f"train.jsonl of {two}, line 1"]


def test_a_home_folder_is_found(files: Files, lines: Lines) -> None:
    (Path.home() / "a.jsonl").write_text(lines("one"))
    assert texts(files, "~/a.jsonl") == ["one"]


# slices


@pytest.mark.parametrize(
    "split",
    ["train", "[:3]", "[3:]", "[-3:]", "[:-3]", "[10%:20%]", "[50%:]", "[:33%]", "[-10%:]", "[5:6]", "[:1000]", "[35:45]"],
)
def test_a_slice_is_the_one_that_datasets_takes(files: Files, lines: Lines, split: str) -> None:
    for name, numbers in (("a.jsonl", range(40)), ("b.jsonl", range(40, 47))):
        files.write(name, lines(*numbers).replace("\n", "\n\n"))
    wanted = split if split.startswith("train") else f"train{split}"
    rows = datasets.Dataset.from_dict({"text": [f"{i}" for i in range(47)]})
    expected = rows["text"][:1000] if split in ("train", "[:1000]") else _sliced(rows, wanted)
    assert texts(files, files.folder, split=split) == list(expected)


def _sliced(rows: datasets.Dataset, split: str) -> list[str]:
    absolute = datasets.ReadInstruction.from_spec(split).to_absolute({"train": rows.num_rows})
    return [
        rows["text"][i] for part in absolute for i in range(part.from_ or 0, rows.num_rows if part.to is None else part.to)
    ]


def test_a_slice_applies_to_each_source(files: Files, lines: Lines) -> None:
    one, two = files.write("1.jsonl", lines("a", "b")), files.write("2.jsonl", lines("c", "d"))
    assert texts(files, one, more_sources=(two,), split="train[1:]") == ["b", "d"]


def test_bad_rows_count_in_a_slice(files: Files, lines: Lines) -> None:
    source = files.write("a.jsonl", lines("one") + "nonsense\n" + lines("two"))
    assert texts(files, source, split="[1:3]") == ["", "two"]


def test_a_slice_without_rows_says_how_many_there_are(files: Files, lines: Lines) -> None:
    source = files.write("a.jsonl", lines("one"))
    said = f"data.split asks for [5:] of {source}, which has 1 rows: that is none"
    assert str(files.refusal(source, split="train[5:]")) == said
    assert "that is none" in str(files.refusal(source, split="train[3:2]"))


# mixes


@pytest.fixture
def three(files: Files) -> tuple[str, dict[str, Any]]:
    """Sources of 1000, 100 and 50 rows."""
    paths = [
        files.write(f"{name}.jsonl", "".join(json.dumps({"text": f"{name}{i}"}) + "\n" for i in range(count)))
        for name, count in (("a", 1000), ("b", 100), ("c", 50))
    ]
    return paths[0], {"more_sources": tuple(paths[1:])}


Three = tuple[str, dict[str, Any]]


def test_weights_take_as_many_rows_as_there_are_without_repeating_any(files: Files, three: Three) -> None:
    source, more = three
    mixed = texts(files, source, **more, mix_weights=(0.6, 0.3, 0.1))
    assert Counter(text[0] for text in mixed) == {"a": 200, "b": 100, "c": 33}
    assert len(set(mixed)) == len(mixed)
    assert Counter(text[0] for text in mixed[:40]) == {"a": 24, "b": 12, "c": 4}


def test_counts_take_that_many_rows_chosen_by_the_seed(files: Files, three: Three) -> None:
    source, more = three
    data = DataSection(source=source, **more, mix_counts=(10, 20, 50))
    runs = [[record.row for record in iterate_records(data, seed=seed)] for seed in (1, 1, 2)]
    assert runs[0] == runs[1] != runs[2]
    assert Counter(row["text"][0] for row in runs[0] if row) == {"a": 10, "b": 20, "c": 50}
    assert max(int(row["text"][1:]) for row in runs[0] if row and row["text"][0] == "a") > 500
    assert content_key(data, seed=1) != content_key(data, seed=2)


def test_the_first_rows_of_a_mix_are_mixed(files: Files, three: Three) -> None:
    source, more = three
    first = first_records(DataSection(source=source, **more, mix_weights=(2, 1, 1)), 40)
    assert Counter(record.row["text"][0] for record in first if record.row) == {"a": 20, "b": 10, "c": 10}


def test_sources_without_weights_follow_one_another(files: Files, three: Three) -> None:
    source, more = three
    assert [text[0] for text in texts(files, source, **more)] == ["a"] * 1000 + ["b"] * 100 + ["c"] * 50


def test_numbers_of_a_mix_that_do_not_fit_name_their_key(files: Files, three: Three) -> None:
    source, more = three
    said = "data.mix_weights needs one number for each source: it has 2 for 3 sources"
    assert str(files.refusal(source, **more, mix_weights=(1, 2))) == said
    assert "data.mix_counts needs one number" in str(files.refusal(source, **more, mix_counts=(1, 2, 3, 4)))
    assert "cannot both be given" in str(files.refusal(source, **more, mix_counts=(1, 2, 3), mix_weights=(1, 2, 3)))
    error = files.refusal(source, **more, mix_counts=(1, 2, 51))
    assert str(error) == f"data.mix_counts asks for 51 rows of {more['more_sources'][1]}, which has 50"
    assert error.mend == {"data.mix_counts": (1, 2, 50)}


def test_a_source_without_a_name_says_which_key_is_empty(files: Files, lines: Lines) -> None:
    assert str(files.refusal("")) == "data.source is empty: choose a file, a folder or a dataset"
    assert "data.more_sources" in str(files.refusal(files.write("a.jsonl", lines("one")), more_sources=(" ",)))


@given(st.lists(st.integers(1, 60), min_size=1, max_size=4))
def test_every_beginning_of_a_mix_has_the_proportions_of_the_whole(sizes: list[int]) -> None:
    mixed = list(interleaved([[place] * size for place, size in enumerate(sizes)], sizes))
    assert Counter(mixed) == dict(enumerate(sizes))
    for length in range(1, len(mixed) + 1):
        for place, size in enumerate(sizes):
            assert abs(mixed[:length].count(place) - length * size / len(mixed)) < len(sizes)


# the key of the content


def test_the_key_of_the_content_changes_with_the_rows_and_not_with_the_names(files: Files, lines: Lines) -> None:
    def key(source: str, **settings: Any) -> str:
        return content_key(DataSection(source=source, **settings))

    one = files.write("a.jsonl", lines("one", "two"))
    other = files.write("deep/b.jsonl", lines("one", "two"))
    assert key(one) == key(other)
    changed = [key(one, split="[:1]"), key(one, more_sources=(other,)), key(files.write("a.txt", lines("one", "two")))]
    assert len({key(one), *changed, key(files.write("c.jsonl", lines("one", "TWO")))}) == 5


def test_rows_are_counted_without_a_mistake_at_the_edges_of_what_is_read_at_once(files: Files) -> None:
    edge = 1 << 18
    for content in (
        b"{}\n" * 100_000,
        b" " * (edge - 1) + b"\n{}\n",
        b"{" + b" " * edge + b"}",
        b"\n" * edge + b"{}\r\n\r\n{}",
    ):
        source = files.write("a.jsonl", content)
        assert count_rows(DataSection(source=source)) == len(list(iterate_records(DataSection(source=source))))


def test_sources_of_different_formats_are_each_read_in_their_own_way(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"instruction": "a", "input": "", "output": "b"}\n' * 300)
    talk = '{"conversations": [{"from": "human", "value": "c"}, {"from": "gpt", "value": "d"}]}\n'
    (tmp_path / "b.jsonl").write_text(talk * 2)
    data = DataSection(source=str(tmp_path / "a.jsonl"), more_sources=(str(tmp_path / "b.jsonl"),))
    reading = reading_of(data)
    assert [one.format for one in (reading, *reading.further)] == ["alpaca", "sharegpt"]
    answers = [example.answer for example in iterate_examples(data, reading)]
    assert answers == ["b"] * 300 + ["d"] * 2
    mixed = data.model_copy(update={"mix_counts": (3, 2)})
    assert sorted(example.answer for example in iterate_examples(mixed, reading_of(mixed))) == ["b", "b", "b", "d", "d"]
