"""Getting a model from the Hugging Face hub: ``python -m tui.catalog.download NAME [--revision R] [--with-code]``.

Prints JSON lines: one ``plan``, then ``progress`` at most five times a second, then ``done`` or ``failed``. It may be
ended at any moment: what has come stays in the hub's cache, and the next download goes on from there, within files too.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import httpx
from huggingface_hub import HfApi, constants, hf_hub_download, hf_hub_url, try_to_load_from_cache
from huggingface_hub.file_download import http_get
from huggingface_hub.hf_api import RepoSibling
from huggingface_hub.utils import WeakFileLock, build_hf_headers  # type: ignore[attr-defined]

from tui import words
from tui.catalog.hub import FAILURES, WAIT_S, HubError, hub_error, weights_of

FILES_AT_ONCE = 4
PIECE_BYTES = 256 << 10
"""Written to disk at once. huggingface_hub's own 10 MiB show no progress on a slow line, and are lost at every end."""
PROGRESS_EVERY_S = 0.2
KEPT_SUFFIXES = (".json", ".jinja", ".model", ".tiktoken", ".spm", ".bpe", ".vocab")
KEPT_NAMES = ("merges.txt", "vocab.txt", "added_tokens.txt")
TEMPLATES = "additional_chat_templates/"


@dataclass(frozen=True)
class File:
    """A file of a model on the hub."""

    path: str
    size: int
    blob: str
    """What it is called in the cache, after its content; empty when the hub does not tell beforehand."""


@dataclass(frozen=True)
class Plan:
    """What there is to get."""

    name: str
    revision: str | None
    """As it was asked for."""
    commit: str
    files: tuple[File, ...]
    bytes_here: int

    @property
    def bytes_total(self) -> int:
        return sum(file.size for file in self.files)


def wanted(files: Mapping[str, int], *, with_code: bool = False) -> dict[str, int]:
    """The files that training needs, of all with their sizes: one set of weights, the configuration, the tokenizer."""
    weights = weights_of(files) or [file for file in files if re.fullmatch(r"pytorch_model[^/]*\.bin", file)]
    return {file: size for file, size in files.items() if file in weights or _is_small_part(file, with_code)}


def _is_small_part(file: str, with_code: bool) -> bool:
    if "/" in file:
        return file.startswith(TEMPLATES) and file.endswith(".jinja")
    return file in KEPT_NAMES or file.endswith((*KEPT_SUFFIXES, ".py") if with_code else KEPT_SUFFIXES)


def make_plan(name: str, revision: str | None = None, *, with_code: bool = False) -> Plan:
    """What there is to get of a model, the small files first. Raises one of `FAILURES`."""
    info = HfApi().model_info(name, revision=revision, files_metadata=True, timeout=WAIT_S)
    found = {file.rfilename: file for file in info.siblings or ()}
    chosen = wanted({path: file.size or 0 for path, file in found.items()}, with_code=with_code)
    if not chosen:
        raise HubError(f"{name} holds no model: it has neither weights nor a configuration")
    files = tuple(File(path, size, _blob_of(found[path])) for path, size in sorted(chosen.items(), key=lambda item: item[1]))
    commit = info.sha or ""
    return Plan(name, revision, commit, files, sum(bytes_here(name, commit, file) for file in files))


def _blob_of(file: RepoSibling) -> str:
    told = (file.lfs.sha256 if file.lfs else file.blob_id) or ""
    return told if re.fullmatch(r"[0-9a-f]{40}|[0-9a-f]{64}", told) else ""


def repository(name: str) -> Path:
    """Where the cache keeps a model."""
    return Path(constants.HF_HUB_CACHE) / f"models--{name.replace('/', '--')}"


def partial(name: str, file: File) -> Path:
    """Where a file grows until it is whole; huggingface_hub counts such files as incomplete downloads."""
    return repository(name) / "blobs" / f"{file.blob}.incomplete"


def bytes_here(name: str, commit: str, file: File) -> int:
    """How much of a file has come already."""
    if isinstance(try_to_load_from_cache(name, file.path, revision=commit), str):
        return file.size
    if not file.blob:
        return 0
    whole, part = repository(name) / "blobs" / file.blob, partial(name, file)
    return file.size if whole.exists() else min(part.stat().st_size, file.size) if part.exists() else 0


def free_bytes() -> int:
    """Free on the disk of the hub's cache."""
    folder = Path(constants.HF_HUB_CACHE).absolute()
    while not folder.exists():
        folder = folder.parent
    return shutil.disk_usage(folder).free


class Meter:
    """Counts what comes, from several threads, and tells it at most five times a second."""

    def __init__(self, bytes_done: int, tell: Callable[..., None]) -> None:
        self.bytes_done = bytes_done
        self.files_done = 0
        self._tell = tell
        self._lock = threading.Lock()
        self._told_at = 0.0

    def add(self, count: int, file: str) -> None:
        """So many bytes of a file have come; fewer than none when it has to begin anew."""
        with self._lock:
            self.bytes_done += count
            if time.monotonic() - self._told_at >= PROGRESS_EVERY_S:
                self._told_at = time.monotonic()
                self._tell("progress", bytes=self.bytes_done, files_done=self.files_done, file=file)

    def finish(self, file: str) -> None:
        """A file is whole."""
        with self._lock:
            self.files_done += 1
        self.add(0, file)

    def bar(self, file: str) -> Any:
        """A class with as much of tqdm as huggingface_hub uses."""
        meter = self

        class Bar:
            def __init__(self, **_: Any) -> None:
                self.total, self.n = 0, 0

            def __enter__(self) -> Bar:
                return self

            def __exit__(self, *_: object) -> None:
                pass

            def update(self, count: float | None = 1) -> None:
                meter.add(int(count or 0), file)

            def update_transfer(self, count: float | None = 1) -> None:
                """The same bytes again, as the network counts them."""

            def set_postfix_str(self, *_: Any, **__: Any) -> None:
                pass

            set_transfer_postfix_str = set_postfix_str
            close = refresh = __exit__

        return Bar


def get(plan: Plan, meter: Meter) -> Path:
    """Get what is missing; the folder of the model. Raises one of `FAILURES` as soon as one file cannot be had."""
    pool = ThreadPoolExecutor(FILES_AT_ONCE)
    try:
        for done in as_completed([pool.submit(_get_file, plan, file, meter) for file in plan.files]):
            done.result()
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
    # the name of the revision moves last, so that an older model stays usable until the new one is whole
    one = hf_hub_download(plan.name, plan.files[0].path, revision=plan.revision, tqdm_class=meter.bar(plan.files[0].path))
    return Path(one).parent


def _get_file(plan: Plan, file: File, meter: Meter) -> None:
    if file.blob and file.size <= constants.MAX_HTTP_DOWNLOAD_SIZE:
        _fill(plan, file, meter)
    hf_hub_download(plan.name, file.path, revision=plan.commit, tqdm_class=meter.bar(file.path))
    meter.finish(file.path)


def _fill(plan: Plan, file: File, meter: Meter) -> None:
    """Put a file's content into the cache, where `hf_hub_download` finds it.

    It would get the content itself, but into a file that nobody finds again once it has been interrupted.
    """
    part = partial(plan.name, file)
    whole = part.with_suffix("")
    lock = Path(constants.HF_HUB_CACHE) / ".locks" / repository(plan.name).name / f"{file.blob}.lock"
    for folder in (part.parent, lock.parent):
        folder.mkdir(parents=True, exist_ok=True)
    with WeakFileLock(lock):
        if whole.exists():
            return
        with part.open("ab", buffering=0) as stream:
            if stream.tell() > file.size:
                stream.truncate(stream.seek(0))
            while stream.tell() < file.size:
                _append(plan, file, stream, meter)
        part.replace(whole)


def _append(plan: Plan, file: File, stream: BinaryIO, meter: Meter) -> None:
    """Get the rest of a file, or a part of it where the connection breaks in a way that huggingface_hub gives up at."""
    before = stream.tell()
    try:
        http_get(
            hf_hub_url(plan.name, file.path, revision=plan.commit),
            stream,
            resume_size=before,
            headers=build_hf_headers() | {"Accept-Encoding": "identity"},
            expected_size=file.size,
            tqdm_class=meter.bar(file.path),
        )
    except httpx.NetworkError:
        if stream.tell() <= before:
            raise


def tell(kind: str, **facts: Any) -> None:
    """A line for whoever started this; without a reader there is nobody left to work for."""
    try:
        print(json.dumps({"kind": kind, **facts}), flush=True)
    except BrokenPipeError:
        os._exit(1)


def main(arguments: Sequence[str] | None = None) -> int:
    """Get a model; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tui.catalog.download", description="Get a model from the hub.")
    parser.add_argument("name")
    parser.add_argument("--revision")
    parser.add_argument("--with-code", action="store_true")
    asked = parser.parse_args(arguments)
    constants.DOWNLOAD_CHUNK_SIZE = PIECE_BYTES
    try:
        plan = make_plan(asked.name, asked.revision, with_code=asked.with_code)
        free = free_bytes()
        numbers = {"bytes_total": plan.bytes_total, "bytes_here": plan.bytes_here, "free_disk": free}
        tell("plan", files=len(plan.files), **numbers)
        missing = plan.bytes_total - plan.bytes_here
        if missing > free:
            told = f"{words.size(missing)} are missing and only {words.size(free)} are free at {constants.HF_HUB_CACHE}"
            raise HubError(f"{plan.name} does not fit on the disk: {told}")
        meter = Meter(plan.bytes_here, tell)
        path = get(plan, meter)
    except HubError as error:
        tell("failed", text=str(error))
        return 1
    except FAILURES as error:
        tell("failed", text=str(hub_error(error, f"{asked.name} cannot be downloaded", asked.name, asked.revision)))
        return 1
    tell("done", path=str(path))
    return 0


if __name__ == "__main__":
    status = main()
    sys.stdout.flush()
    os._exit(status)  # not waiting for the other files when one has failed
