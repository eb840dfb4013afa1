"""Datasets on the Hugging Face hub: which of their files hold which subset and split, and those files themselves.

huggingface_hub is imported in functions here: it takes a quarter of a second, which the window should not wait for.
"""

from __future__ import annotations

import glob
import io
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from tui.data.readers.folder import card_of
from tui.data.readers.inputs import Input, local_input
from tui.data.readers.parts import DEFAULT, Parts, Splits, data_files, parts_of_card, splits_by_name
from tui.data.records import DataError

_README = "README.md"
_PARQUET_BRANCH = "refs/convert/parquet"
_PARTIAL = "partial-"
"""Before the name of a split of which the hub converted only the beginning."""
_BLOCK_BYTES = 2 << 20
"""Asked for at once when a file is read over the network."""
_SHARD = re.compile(r"(.*-)\d+(-of-\d+)")


@dataclass(frozen=True)
class Listing:
    """The files of a dataset at a commit."""

    name: str
    revision: str | None
    """Branch, tag or commit, as it was asked for."""
    commit: str
    sizes: Mapping[str, int | None]
    """In bytes, by path."""
    folder: Path | None = None
    """Where the cache of this machine has them, when the hub could not be asked."""


@dataclass(frozen=True)
class HubDataset:
    """What a dataset has."""

    listing: Listing
    parts: Parts


def find(name: str, revision: str | None = None) -> HubDataset:
    """What a dataset has, as the hub or else the cache of this machine says. Raises DataError.

    Takes up to some seconds of network, so it belongs into a thread.
    """
    main = _list(name, revision)
    files = sorted(main.sizes)
    if _README in main.sizes and (parts := parts_of_card(card_of(_path_of(main, _README)), files)):
        return HubDataset(main, parts)
    if revision is None and (converted := _converted(name, in_cache=main.folder is not None)):
        return converted
    if not data_files(files):
        raise DataError(f"{name} on the hub has no file that can be read")
    return HubDataset(main, Parts({DEFAULT: splits_by_name(files)}))


def fetched(dataset: HubDataset, file: str) -> Input:
    """A file of a dataset, downloaded unless it is in the cache. Raises DataError."""
    return local_input(_path_of(dataset.listing, file), file)


def streamed(dataset: HubDataset, file: str) -> Input:
    """A file of a dataset that is read over the network, only as far as it is asked for. Raises DataError."""
    listing = dataset.listing
    if listing.folder:
        return fetched(dataset, file)
    return Input(file, lambda: cast(BinaryIO, _Stream(listing, file)), version=f"{listing.name}@{listing.commit}/{file}")


def _converted(name: str, *, in_cache: bool) -> HubDataset | None:
    """The dataset as Parquet, into which the hub turns most datasets by itself; None unless all of it is there."""
    try:
        listing = _from_cache(name, _PARQUET_BRANCH) if in_cache else _from_hub(name, _PARQUET_BRANCH)
    except Exception:  # it is only a convenience: then the dataset's own files are read
        return None
    subsets: dict[str, Splits] = {}
    for file in sorted(listing.sizes) if listing else ():
        subset, *between, _ = file.split("/")
        if between and file.endswith(".parquet"):
            subsets.setdefault(subset, {}).setdefault(between[0], []).append(file)
    is_partial = any(split.startswith(_PARTIAL) for splits in subsets.values() for split in splits)
    return HubDataset(listing, Parts(subsets)) if listing and subsets and not is_partial else None


def _list(name: str, revision: str | None) -> Listing:
    from tui.catalog.hub import FAILURES

    try:
        return _from_hub(name, revision)
    except FAILURES as error:
        if cached := _from_cache(name, revision):
            return cached
        raise _data_error(error, name, revision) from None


def _from_hub(name: str, revision: str | None) -> Listing:
    """Raises one of `FAILURES`."""
    from huggingface_hub import HfApi

    from tui.catalog.hub import WAIT_S

    info = HfApi().dataset_info(name, revision=revision, files_metadata=True, timeout=WAIT_S)
    return Listing(name, revision, info.sha or "", {file.rfilename: file.size for file in info.siblings or ()})


def _from_cache(name: str, revision: str | None) -> Listing | None:
    """What the cache has of a dataset; None when it has nothing."""
    from huggingface_hub import snapshot_download

    from tui.catalog.hub import FAILURES

    try:
        folder = Path(snapshot_download(name, repo_type="dataset", revision=revision, local_files_only=True))
    except FAILURES:
        return None
    files = {path.relative_to(folder).as_posix(): None for path in folder.rglob("*") if path.is_file()}
    return Listing(name, revision, folder.name, files, folder) if files else None


def _path_of(listing: Listing, file: str) -> Path:
    """Where a file lies on this machine, after downloading it where it does not yet. Raises DataError."""
    if listing.folder:
        _require_all_shards(listing, listing.folder / file)
        return listing.folder / file
    from huggingface_hub import try_to_load_from_cache

    from tui.catalog.hub import FAILURES

    try:
        known = try_to_load_from_cache(listing.name, file, repo_type="dataset", revision=listing.revision)
        # by the name of its branch, because without a network the cache is asked by that
        path = Path(known) if isinstance(known, str) else _download(listing.name, file, listing.revision)
        if listing.commit in path.parts:
            return path  # the branch has not moved on meanwhile
        return _download(listing.name, file, listing.commit)
    except FAILURES as error:
        raise _data_error(error, listing.name, listing.commit) from None


def _download(name: str, file: str, revision: str | None) -> Path:
    """Raises one of `FAILURES`."""
    from huggingface_hub import hf_hub_download

    return Path(hf_hub_download(name, file, repo_type="dataset", revision=revision))


def _require_all_shards(listing: Listing, path: Path) -> None:
    """Raises DataError where the cache has only some of the files that belong together."""
    shard = _SHARD.match(path.name)
    if shard is None:
        return
    there = sum(1 for _ in path.parent.glob(f"{glob.escape(shard[1])}*{glob.escape(shard[2])}*"))
    wanted = int(shard[2].rpartition("-")[2])
    if there < wanted:
        raise DataError(
            f"of {listing.name} only {there} of {wanted} files are on this machine, and the hub cannot be reached: "
            "open it once with a network"
        )


def _data_error(error: Exception, name: str, revision: str | None) -> DataError:
    """What kept a dataset from being read, in the words that are used for models."""
    from huggingface_hub import constants

    from tui.catalog.hub import hub_error

    stand_in = "owner/dataset"  # so that no name is taken for one of our words
    told = str(hub_error(error, f"{stand_in} cannot be read", stand_in, revision))
    told = told.replace("model", "dataset").replace(
        f"{constants.ENDPOINT}/{stand_in}", f"{constants.ENDPOINT}/datasets/{name}"
    )
    if told.startswith("there is no dataset"):
        told = f"there is no file or folder {stand_in} here, and {told}"
    return DataError(told.replace(stand_in, name))


class _Stream(io.RawIOBase):
    """A file on the hub, of which blocks are fetched as they are read; its failures are DataErrors."""

    def __init__(self, listing: Listing, file: str) -> None:
        from huggingface_hub import HfFileSystem

        from tui.catalog.hub import FAILURES

        self._failures = FAILURES
        self._listing = listing
        path = f"datasets/{listing.name}@{listing.commit}/{file}"
        try:
            self._file = HfFileSystem().open(path, "rb", block_size=_BLOCK_BYTES, size=listing.sizes[file])
        except FAILURES as error:
            raise _data_error(error, listing.name, listing.commit) from None

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return int(self._file.seek(offset, whence))

    def tell(self) -> int:
        return int(self._file.tell())

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        try:
            piece = self._file.read(len(buffer))
        except self._failures as error:
            raise _data_error(error, self._listing.name, self._listing.commit) from None
        buffer[: len(piece)] = piece
        return len(piece)
