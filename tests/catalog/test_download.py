"""A model comes whole, goes on where it was cut off or cancelled, and says in one sentence why it does not come."""

from __future__ import annotations

import json
import shutil
import time
from collections import namedtuple
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from huggingface_hub import constants, scan_cache_dir, snapshot_download, try_to_load_from_cache

from tests import hub_server
from tests.hub_repos import OTHER_TOKEN, TOKEN, Hub, Repo, etag_of, small_model
from tests.hub_server import in_url, unreachable, until
from tui.catalog.download import main, wanted
from tui.catalog.download_process import Download, DownloadState
from tui.catalog.local import read_model

hub = hub_server.hub
pytestmark = pytest.mark.slow

NAME = "owner/model"
KEPT = ["config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"]
Start = Callable[..., Download]


@pytest.fixture
def start(hub: Hub) -> Iterator[Start]:
    """Starts downloads; what still runs at the end is ended."""
    started: list[Download] = []

    def begin(name: str = NAME, revision: str | None = None, **how: Any) -> Download:
        download = Download()
        started.append(download)
        download.start(name, revision, **how)
        return download

    yield begin
    for download in started:
        download.cancel()
        ended(download)


def ended(download: Download) -> DownloadState:
    return until(lambda: download.poll() if download.poll().is_over else None)


def arrived(download: Download, count: int) -> DownloadState:
    """Its state once so many bytes are here."""
    return until(lambda: state if (state := download.poll()).bytes_done >= count else None)


def is_same(repo: Repo, folder: str) -> bool:
    return all((Path(folder) / file).read_bytes() == (repo.folder / file).read_bytes() for file in KEPT)


def partials() -> list[Path]:
    return list(Path(constants.HF_HUB_CACHE).glob("*/blobs/*.incomplete"))


def printed(capfd: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capfd.readouterr().out.splitlines()]


@pytest.fixture
def large(hub: Hub) -> Repo:
    """A model with 4 MB of weights."""
    return hub.add(NAME, small_model(weights=2_000_128))


def weights_url(repo: Repo) -> str:
    return f"{in_url(repo.name)}{repo.commit}/model.safetensors"


def test_a_model_comes_whole_and_nothing_that_training_does_not_need(hub: Hub, start: Start) -> None:
    files = small_model() | {"model.gguf": b"x", "pytorch_model.bin": b"x", "onnx/model.onnx": b"x", "code.py": b"x"}
    repo = hub.add(NAME, files)
    state = ended(start())
    total = sum(len(files[file]) for file in KEPT)
    assert (state.phase, state.error, state.files, state.files_done) == ("done", "", 4, 4)
    assert state.bytes_done == state.bytes_total == total
    assert is_same(repo, state.path) and sorted(path.name for path in Path(state.path).iterdir()) == KEPT
    assert not partials()
    assert read_model(state.path).parameters == 4096


def test_it_lies_where_the_libraries_look_for_it(hub: Hub, start: Start) -> None:
    repo = hub.add(NAME)
    state = ended(start())
    assert [(found.repo_id, found.nb_files) for found in scan_cache_dir(constants.HF_HUB_CACHE).repos] == [(NAME, 4)]
    assert try_to_load_from_cache(NAME, "model.safetensors") == f"{state.path}/model.safetensors"
    for revision in (None, "main", repo.commit):
        assert snapshot_download(NAME, revision=revision, local_files_only=True) == state.path


def test_code_comes_only_when_asked_for(hub: Hub, start: Start) -> None:
    hub.add(NAME, small_model() | {"modeling_own.py": b"x"})
    state = ended(start(with_code=True, revision="main"))
    assert (Path(state.path) / "modeling_own.py").read_bytes() == b"x"


def test_what_is_here_already_does_not_come_again(hub: Hub, start: Start) -> None:
    repo = hub.add(NAME)
    ended(start())
    hub.requests.clear()
    state = ended(start())
    assert state.phase == "done" and is_same(repo, state.path)
    assert not hub.asked("/resolve/")[1:] and not hub.asked("model.safetensors", "HEAD")


@pytest.mark.parametrize("abruptly", [False, True], ids=["closed", "reset"])
def test_weights_that_are_cut_off_go_on_from_there(hub: Hub, start: Start, large: Repo, abruptly: bool) -> None:
    hub.cuts[weights_url(large)] = 1_500_000
    hub.abruptly = abruptly
    hub.speeds[weights_url(large)] = 8_000_000
    state = ended(start())
    assert state.phase == "done" and is_same(large, state.path)
    first, second = hub.asked("model.safetensors")
    assert (first.range, first.sent) == ("", 1_500_000)
    assert 500_000 < int(second.range.removeprefix("bytes=").rstrip("-")) <= 1_500_000
    assert state.bytes_done == state.bytes_total


def test_a_cancelled_download_ends_at_once_and_goes_on_later(hub: Hub, start: Start, large: Repo) -> None:
    hub.speeds[weights_url(large)] = 1_000_000
    download = start()
    state = arrived(download, 700_000)
    assert state.phase == "downloading" and state.bytes_total > 4_000_000 and state.file == "model.safetensors"
    assert state.rate_bytes_s and state.seconds_left and state.free_disk_bytes
    began = time.monotonic()
    download.cancel()
    assert ended(download).phase == "cancelled"
    assert time.monotonic() - began < 2
    (part,) = partials()
    here = part.stat().st_size
    assert here >= 500_000

    hub.mend()
    again = start()
    state = ended(again)
    assert state.phase == "done" and is_same(large, state.path)
    assert hub.asked("model.safetensors")[-1].range == f"bytes={here}-"
    assert hub.asked("model.safetensors")[-1].sent == (large.folder / "model.safetensors").stat().st_size - here
    assert not partials()


def test_what_a_killed_download_left_counts_as_here(
    hub: Hub, start: Start, large: Repo, capfd: pytest.CaptureFixture[str]
) -> None:
    hub.speeds[weights_url(large)] = 1_000_000
    download = start()
    arrived(download, 500_000)
    assert download._process
    download._process.kill()
    state = ended(download)
    assert (state.phase, state.error) == ("failed", "the download ended by itself with exit status -9")
    hub.mend()
    here = partials()[0].stat().st_size
    assert main([NAME]) == 0
    plan, *_, done = printed(capfd)
    assert plan["bytes_here"] == here + sum(len(small_model()[file]) for file in KEPT if file.endswith(".json"))
    assert is_same(large, done["path"])


def test_a_partial_file_of_the_wrong_size_begins_anew(hub: Hub, large: Repo, capfd: pytest.CaptureFixture[str]) -> None:
    name = etag_of(large.folder / "model.safetensors")
    part = Path(constants.HF_HUB_CACHE) / "models--owner--model" / "blobs" / f"{name}.incomplete"
    part.parent.mkdir(parents=True)
    part.write_bytes(b"x" * 9_000_000)
    assert main([NAME]) == 0
    assert is_same(large, printed(capfd)[-1]["path"])


def test_two_downloads_of_one_model_do_not_mix(hub: Hub, start: Start, large: Repo) -> None:
    hub.speeds[weights_url(large)] = 8_000_000
    states = [ended(download) for download in (start(), start())]
    assert [state.phase for state in states] == ["done", "done"] and is_same(large, states[0].path)
    assert len(hub.asked("model.safetensors")) == 1


def test_a_disk_that_is_too_small_is_refused_with_the_numbers(
    hub: Hub, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], large: Repo
) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10**9, 10**9, 1_000_000))
    assert main([NAME]) == 1
    plan, failed = printed(capfd)
    assert (plan["kind"], plan["free_disk"], plan["bytes_here"]) == ("plan", 1_000_000, 0)
    said = f"{NAME} does not fit on the disk: 3.82 MiB are missing and only 977 KiB are free at {constants.HF_HUB_CACHE}"
    assert failed == {"kind": "failed", "text": said}
    assert not hub.asked("/resolve/")


def test_progress_is_told_at_most_five_times_a_second(hub: Hub, large: Repo, capfd: pytest.CaptureFixture[str]) -> None:
    hub.speeds[weights_url(large)] = 8_000_000
    began = time.monotonic()
    assert main([NAME]) == 0
    lines = printed(capfd)
    told = [line for line in lines if line["kind"] == "progress"]
    assert 1 <= len(told) <= 1 + (time.monotonic() - began) * 5
    assert [line["kind"] for line in lines if line not in told] == ["plan", "done"]
    assert sorted(line["bytes"] for line in told) == [line["bytes"] for line in told]


def failure(capfd: pytest.CaptureFixture[str], name: str = NAME, *more: str) -> str:
    """The sentence of a download that fails."""
    assert main([name, *more]) == 1
    told = printed(capfd)[-1]
    assert told["kind"] == "failed" and "\n" not in told["text"]
    return str(told["text"])


def test_why_it_cannot_be_had_is_said_in_one_sentence(
    hub: Hub, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    hub.add(NAME)
    hub.add("owner/gated", gated="auto")
    hub.add("owner/data", {"data.csv": b"1"})
    assert failure(capfd, "owner/gated").startswith("owner/gated is gated: accept its licence at ")
    assert failure(capfd, "owner/none").startswith("there is no model owner/none on the hub, or it is private")
    assert failure(capfd, "owner/data") == "owner/data holds no model: it has neither weights nor a configuration"
    assert failure(capfd, NAME, "--revision", "v2") == f"{NAME} has no revision v2"
    monkeypatch.setenv("HF_TOKEN", OTHER_TOKEN)
    assert failure(capfd, "owner/gated").startswith("owner/gated is gated and not open to you yet: ")
    monkeypatch.setenv("HF_TOKEN", "hf_expired")
    assert failure(capfd).startswith(f"{NAME} cannot be downloaded: the hub refuses your token")
    hub.refuse("/api/models", 429, Retry_After="42")
    assert failure(capfd) == f"{NAME} cannot be downloaded: too many questions to the hub, try again in 42 s"
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert failure(capfd).startswith(f"{NAME} cannot be downloaded: the hub is switched off (HF_HUB_OFFLINE)")


def test_a_failure_in_the_middle_is_said_in_one_sentence(hub: Hub, capfd: pytest.CaptureFixture[str]) -> None:
    hub.add(NAME)
    hub.refuse(in_url(NAME), 500)
    assert failure(capfd) == f"{NAME} cannot be downloaded: the hub is out of order (500), try again in some minutes"
    hub.refuse(in_url(NAME), 404, "EntryNotFound")
    assert failure(capfd) == f"{NAME} lacks a file that it should have: choose another revision or model"


def test_the_window_reads_the_sentence(hub: Hub, start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    unreachable(monkeypatch)
    state = ended(start())
    assert state.phase == "failed"
    assert state.error.startswith(f"{NAME} cannot be downloaded: the hub cannot be reached at http://127.0.0.1:1")


def test_a_token_is_used_and_shown_nowhere(hub: Hub, start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    repo = hub.add(NAME, small_model(weights=2_000_128), private=True, gated="auto")
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    monkeypatch.setenv("HF_DEBUG", "1")
    hub.speeds[weights_url(repo)] = 1_000_000
    heard: list[str] = []
    take = Download._take
    monkeypatch.setattr(Download, "_take", lambda self, at, line: (heard.append(line), take(self, at, line))[1])
    download = start()
    arrived(download, 300_000)
    assert download._process
    assert not any(TOKEN in word for word in psutil.Process(download._process.pid).cmdline())
    hub.mend()
    assert ended(download).phase == "done"
    assert all(request.authorized for request in hub.requests)
    assert len(heard) > 2 and TOKEN not in "".join(heard)
    assert not any(TOKEN in path.name or TOKEN.encode() in path.read_bytes() for path in _written())


def _written() -> list[Path]:
    return [path for path in Path(constants.HF_HUB_CACHE).parent.rglob("*") if path.is_file()]


def test_a_download_that_was_not_started_is_at_its_start() -> None:
    download = Download()
    download.cancel()
    assert download.poll() == DownloadState()


SIZES = dict.fromkeys(
    [
        "config.json",
        "tokenizer.model",
        "merges.txt",
        "chat_template.jinja",
        "additional_chat_templates/tool_use.jinja",
        "modeling.py",
        "README.md",
        "model-00001-of-00002.safetensors",
        "model-00002-of-00002.safetensors",
        "model.safetensors.index.json",
        "consolidated.safetensors",
        "original/model.safetensors",
        "original/params.json",
        "pytorch_model.bin",
        "training_args.bin",
        "model-q4.gguf",
    ],
    1,
)


def test_one_set_of_weights_is_wanted() -> None:
    left_out = {"modeling.py", "README.md", "consolidated.safetensors", "pytorch_model.bin", "training_args.bin"}
    left_out |= {"original/model.safetensors", "original/params.json", "model-q4.gguf"}
    assert set(SIZES) - set(wanted(SIZES)) == left_out
    assert set(wanted(SIZES, with_code=True)) - set(wanted(SIZES)) == {"modeling.py"}


def test_pickled_weights_are_wanted_where_there_are_no_others() -> None:
    assert set(wanted({"config.json": 1, "pytorch_model.bin": 2, "training_args.bin": 3})) == {
        "config.json",
        "pytorch_model.bin",
    }
