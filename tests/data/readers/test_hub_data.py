"""A dataset on the hub is read from the right files, from the cache without a network, and a refusal says what to do."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest
from huggingface_hub import constants

from tests import hub_server
from tests.hub_repos import OTHER_TOKEN, TOKEN, Hub
from tests.hub_server import unreachable
from tui.data.opening import content_key, count_rows, files_of, first_records, iterate_records, parts_of
from tui.data.records import DataError
from tui.session.sections.data import DataSection

hub = hub_server.hub

NAME = "owner/talks"
REPO = f"datasets/{NAME}"
PARQUET = f"{REPO}@refs/convert/parquet"


def data(**settings: Any) -> DataSection:
    return DataSection(**({"source": NAME} | settings))


def lines(*values: object) -> bytes:
    return "".join(json.dumps({"text": value}) + "\n" for value in values).encode()


def parquet(*values: object, **how: Any) -> bytes:
    stream = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.table({"text": list(values)}), stream, **how)
    return stream.getvalue()


def texts(**settings: Any) -> list[Any]:
    return [record.row and record.row["text"] for record in iterate_records(data(**settings))]


def refusal(**settings: Any) -> DataError:
    with pytest.raises(DataError) as caught:
        list(iterate_records(data(**settings)))
    assert "\n" not in str(caught.value)
    return caught.value


def card(*configs: str) -> bytes:
    return ("---\nlicense: mit\nconfigs:\n" + "".join(configs) + "---\n# Talks\n").encode()


SHORT = """- config_name: short
  data_files:
  - split: train
    path: 'short/*.jsonl'
  - split: test
    path: last.jsonl
"""
LONG = "- config_name: long\n  default: true\n  data_files: 'long/**'\n"
FILES = {"short/a.jsonl": lines(1), "short/b.jsonl": lines(2), "last.jsonl": lines(3), "long/deep/a.jsonl": lines(4)}


def test_the_card_says_which_files_belong_to_a_subset_and_a_split(hub: Hub) -> None:
    hub.add(REPO, {"README.md": card(SHORT, LONG)} | FILES)
    hub.add(PARQUET, {"default/train/0000.parquet": parquet("not this")})
    assert parts_of(data()) == {"long": ["train"], "short": ["train", "test"]}
    assert texts() == [4]
    assert texts(subset="short") == [1, 2]
    assert texts(subset="short", split="test") == [3]


def test_of_several_subsets_none_is_taken_by_chance(hub: Hub) -> None:
    hub.add(REPO, {"README.md": card(SHORT, LONG.replace("  default: true\n", ""))} | FILES)
    error = refusal()
    assert str(error) == "owner/talks has several subsets, choose one: short, long"
    assert error.mend == {"data.subset": "short"}
    assert refusal(subset="shrt").mend == {"data.subset": "short"}


def test_without_a_card_the_files_that_the_hub_converted_are_read(hub: Hub) -> None:
    hub.add(REPO, {"README.md": b"# Talks\n", "odd.bin": b"x"})
    hub.add(
        PARQUET,
        {"en/train/0000.parquet": parquet(1, 2), "en/train/0001.parquet": parquet(3), "de/test/0000.parquet": parquet(4)},
    )
    assert parts_of(data()) == {"de": ["test"], "en": ["train"]}
    assert texts(subset="en") == [1, 2, 3]


def test_half_a_conversion_is_not_taken_for_the_dataset(hub: Hub) -> None:
    hub.add(REPO, {"train.jsonl": lines(1, 2, 3)})
    hub.add(PARQUET, {"default/partial-train/0000.parquet": parquet(1)})
    assert texts() == [1, 2, 3]


def test_a_revision_that_is_asked_for_is_the_one_that_is_read(hub: Hub) -> None:
    hub.add(REPO, {"train.jsonl": lines("new")})
    hub.add(PARQUET, {"default/train/0000.parquet": parquet("converted")})
    old = hub.add(f"{REPO}@v1", {"train.jsonl": lines("old")})
    assert (texts(), texts(revision="v1"), texts(revision=old.commit)) == (["converted"], ["old"], ["old"])
    assert str(refusal(revision="v2")) == "owner/talks has no revision v2"


def test_without_anything_else_the_names_of_the_files_tell_the_splits(hub: Hub) -> None:
    shards = {"data/train-00000-of-00002.parquet": parquet(1), "data/train-00001-of-00002.parquet": parquet(2)}
    hub.add(REPO, shards | {"data/validation-00000-of-00001.parquet": parquet(3), "LICENSE.txt": b"free"})
    assert parts_of(data()) == {"default": ["train", "validation"]}
    assert (texts(), texts(split="val"), texts(split="train[1:]")) == ([1, 2], [3], [2])


def test_a_split_that_is_not_there_is_answered_with_those_that_are(hub: Hub) -> None:
    hub.add(REPO, {"train_sft.jsonl": lines(1), "test_sft.jsonl": lines(2)} | {"train_sft-00000-of-00001.jsonl": lines(3)})
    error = refusal(split="validation[:5]")
    assert "owner/talks has no split validation; there is " in str(error)
    assert error.mend["data.split"].endswith("[:5]")


def test_a_dataset_without_a_file_that_can_be_read_says_so(hub: Hub) -> None:
    hub.add(REPO, {"README.md": b"# Talks\n", "pictures.tar": b"x"})
    assert str(refusal()) == "owner/talks on the hub has no file that can be read"


def test_what_was_read_once_is_read_without_a_network(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.add(REPO, {"README.md": card(SHORT)} | FILES)
    online = texts(), content_key(data()), parts_of(data())
    asked = len(hub.requests)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert texts() == online[0] and content_key(data()) == online[1]
    assert texts(streaming=True) == online[0]
    assert len(hub.requests) == asked


def test_a_cache_with_the_converted_files_serves_without_a_network(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.add(REPO, {"README.md": b"# Talks\n"})
    hub.add(PARQUET, {"default/train/0000.parquet": parquet(1)})
    assert texts() == [1]
    unreachable(monkeypatch)
    assert texts() == [1]


def test_part_of_a_dataset_in_the_cache_is_not_taken_for_all_of_it(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    files = {f"train-{place:05}-of-00003.jsonl": lines(place) for place in range(3)}
    hub.add(REPO, files)
    (path, *_) = files_of(data())
    (path.parent / "train-00002-of-00003.jsonl").unlink()
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert "of owner/talks only 2 of 3 files are on this machine" in str(refusal())


def test_without_a_network_and_a_cache_it_is_said_what_to_do(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    unreachable(monkeypatch)
    said = str(refusal())
    assert said.startswith("owner/talks cannot be read: the hub cannot be reached at ")
    assert "take a dataset of this machine" in said
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert "the hub is switched off (HF_HUB_OFFLINE)" in str(refusal())


def test_a_name_that_the_hub_does_not_know_is_looked_for_in_both_places(hub: Hub) -> None:
    said = str(refusal(source="data/train"))
    assert said.startswith("there is no file or folder data/train here, and there is no dataset data/train on the hub")


@pytest.mark.parametrize("streaming", [False, True])
def test_a_gated_dataset_names_the_page_where_its_licence_is(
    hub: Hub, monkeypatch: pytest.MonkeyPatch, streaming: bool
) -> None:
    hub.add(REPO, {"train.jsonl": lines(1)}, gated="auto")
    page = f"accept its licence at {hub.url}/datasets/owner/talks"
    assert f"owner/talks is gated: {page} and log in" in str(refusal(streaming=streaming))
    monkeypatch.setenv("HF_TOKEN", OTHER_TOKEN)
    assert "owner/talks is gated and not open to you yet" in str(refusal(streaming=streaming))
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    assert texts(streaming=streaming) == [1]


# streaming


def test_of_a_large_file_that_is_streamed_only_the_beginning_is_fetched(hub: Hub) -> None:
    hub.add(REPO, {"train.jsonl": lines(*("x" * 1000 for _ in range(12_000)))})
    records = first_records(data(streaming=True), 5)
    assert [record.place for record in records] == [f"train.jsonl, line {number}" for number in range(1, 6)]
    asked = [request for request in hub.asked("train.jsonl") if request.sent]
    assert asked and all(request.range for request in asked)
    assert sum(request.sent for request in asked) < 6_000_000
    assert not Path(constants.HF_HUB_CACHE).exists()


def test_of_a_streamed_parquet_file_only_the_wanted_rows_are_fetched(hub: Hub) -> None:
    blob = [(f"{place}" * 4000).encode() for place in range(2000)]
    content = parquet(*blob, row_group_size=100, compression="none")
    hub.add(REPO, {"train.parquet": content})
    assert texts(streaming=True, split="train[1990:1992]") == blob[1990:1992]
    assert count_rows(data(streaming=True)) == 2000
    assert sum(request.sent for request in hub.asked("train.parquet")) < len(content) // 2


def test_a_slice_of_streamed_shards_is_the_same_as_of_downloaded_ones(hub: Hub) -> None:
    hub.add(REPO, {"train-00000-of-00002.jsonl": lines(1, 2, 3), "train-00001-of-00002.jsonl": lines(4, 5)})
    for split in ("train", "train[2:4]", "train[-1:]", "train[50%:]"):
        assert texts(streaming=True, split=split) == texts(split=split)
    assert files_of(data(streaming=True)) == []
    assert content_key(data(streaming=True)) != content_key(data(streaming=True, split="train[1:]"))


def test_a_hub_that_fails_in_the_middle_of_a_stream_does_not_end_in_half_a_dataset(hub: Hub) -> None:
    hub.add(REPO, {"train.jsonl": lines(*("x" * 1000 for _ in range(9_000)))})
    records = iterate_records(data(streaming=True))
    next(records)
    hub.refuse("/datasets/owner/talks/resolve", 403)
    with pytest.raises(DataError, match="your token may not do this"):
        list(records)


def test_hub_datasets_and_files_are_read_together(hub: Hub, tmp_path: Path) -> None:
    hub.add(REPO, {"en/train.jsonl": lines(1)})
    (tmp_path / "mine.jsonl").write_bytes(lines(2))
    assert texts(more_sources=(str(tmp_path / "mine.jsonl"),)) == [1, 2]
