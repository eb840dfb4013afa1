"""The files behind a name on this machine: one file, a folder, a pattern, or a dataset as `datasets` saves it."""

from __future__ import annotations

import glob
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tui.data.readers.parts import DEFAULT, TRAIN, Parts, data_files, parts_of_card, split_in_name, splits_by_name
from tui.data.records import DataError

STATE = "state.json"
DICT = "dataset_dict.json"


def is_pattern(name: str) -> bool:
    """Whether a name that is no file stands for several."""
    return glob.has_magic(name)


def parts_of_file(path: Path) -> Parts:
    """A single file is the split that is learned, whatever its name says, and also the one that it says."""
    splits = {TRAIN: [path.name]}
    if split := split_in_name(path.name):
        splits[split] = [path.name]
    return Parts({DEFAULT: splits})


def parts_of_pattern(pattern: str) -> tuple[Path, Parts]:
    """The folder that all files are in that match a pattern, and the files by split. Raises DataError."""
    found = [Path(name) for name in glob.iglob(pattern, recursive=True)]  # noqa: PTH207 - Path takes no whole paths
    files = sorted(path for path in found if not _is_folder(path))
    if not files:
        raise DataError(f"there is no file that matches {pattern}")
    root = Path(os.path.commonpath([path.parent for path in files]))
    names = [path.relative_to(root).as_posix() for path in files]
    return root, Parts({DEFAULT: splits_by_name(names) or {TRAIN: names}})


def parts_of_folder(folder: Path) -> Parts:
    """The files in a folder by subset and split. Raises DataError when there is nothing in it to read."""
    if (folder / DICT).is_file():
        splits = _object(folder / DICT).get("splits")
        names = [name for name in splits if isinstance(name, str)] if isinstance(splits, list) else []
        return Parts({DEFAULT: {name: [f"{name}/{file}" for file in _saved(folder / name)] for name in names}})
    if (folder / STATE).is_file() and (saved := _saved(folder)):
        return Parts({DEFAULT: {TRAIN: saved}})
    files = [path.relative_to(folder).as_posix() for path in _walk(folder, set())]
    if parts := parts_of_card(card_of(folder / "README.md"), files):
        return parts
    if not data_files(files):
        raise DataError(f"{folder} is a folder with no file in it that can be read")
    return Parts({DEFAULT: splits_by_name(files)})


def card_of(readme: Path) -> dict[str, Any]:
    """What is said in the head of a dataset's README; nothing where there is none."""
    if not readme.is_file():
        return {}
    from huggingface_hub import metadata_load  # a quarter of a second, which the window should not wait for

    try:
        told = metadata_load(readme)
    except Exception:  # of the YAML in it, of its encoding: then the names of the files have to do
        return {}
    return told if isinstance(told, dict) else {}


def _saved(folder: Path) -> list[str]:
    """The files that `datasets` wrote, in its order; others beside them are its cache."""
    told = _object(folder / STATE).get("_data_files")
    files = told if isinstance(told, list) else []
    return [Path(str(file.get("filename"))).name for file in files if isinstance(file, dict)]


def _object(path: Path) -> dict[str, Any]:
    try:
        told = json.loads(path.read_text())
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f"{path} cannot be read: {error}") from None
    return told if isinstance(told, dict) else {}


def _is_folder(path: Path) -> bool:
    """What may not be looked at is taken for a file: whoever opens that says why it cannot be read."""
    try:
        return path.is_dir()
    except OSError:
        return False


def _walk(folder: Path, seen: set[tuple[int, int]]) -> Iterator[Path]:
    """All files below a folder, through links too, but into no folder twice. Raises DataError."""
    try:
        told = folder.stat()
        inside = sorted(folder.iterdir())
    except OSError as error:
        raise DataError(f"{folder} cannot be read: {error.strerror}") from None
    if (told.st_dev, told.st_ino) in seen:
        return
    seen.add((told.st_dev, told.st_ino))
    for path in inside:
        if path.name.startswith("."):
            continue
        if _is_folder(path):
            yield from _walk(path, seen)
        else:
            yield path
