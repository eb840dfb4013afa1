"""Which files of a folder or a repository belong to which subset and split, by what its card says and by their names."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from tui.data.readers.kinds import TEXT_SUFFIXES, is_known, suffix_of
from tui.data.records import DataError

Splits = dict[str, list[str]]
"""Files by split."""

DEFAULT = "default"
"""The subset of a dataset that names none."""
TRAIN = "train"
_WORDS = {
    "train": ("train", "training"),
    "validation": ("validation", "valid", "val", "dev"),
    "test": ("test", "testing", "eval", "evaluation"),
}
_SPLIT_OF_WORD = {word: split for split, words in _WORDS.items() for word in words}
_SHARD = re.compile(r"(.+?)[-_.]\d+-of-\d+(?:-\w+)?$")
_ABOUT_DATA = re.compile(
    r"(readme|licen[cs]e|changelog|citation|requirements)\b.*|dataset_(info|infos|dict)\.json|state\.json|.*config\.json",
    re.IGNORECASE,
)
"""Names of files that are about a dataset rather than part of it."""


@dataclass(frozen=True)
class Parts:
    """The files of a dataset by subset and split."""

    subsets: Mapping[str, Splits]
    default: str = DEFAULT
    """The subset that is read when none is asked for; where there is none of this name, it must be asked for."""


def data_files(files: Iterable[str]) -> list[str]:
    """Those files that rows are read from, sorted; texts only where there is nothing but texts."""
    known = sorted(file for file in files if is_known(file) and not _is_aside(file))
    tables = [file for file in known if suffix_of(file) not in TEXT_SUFFIXES]
    return tables or known


def _is_aside(file: str) -> bool:
    *folders, name = file.split("/")
    return any(part.startswith(".") for part in (*folders, name)) or bool(_ABOUT_DATA.fullmatch(name))


def splits_by_name(files: Iterable[str]) -> Splits:
    """Data files by split; those that name none are ``train``."""
    splits: Splits = {}
    for file in data_files(files):
        splits.setdefault(split_in_name(file) or TRAIN, []).append(file)
    return splits


def split_in_name(file: str) -> str:
    """The split that a path names, like ``train-00000-of-00002.parquet`` or ``test/a.csv``; empty when it names none."""
    *folders, name = file.split("/")
    stem = name.split(".")[0]
    if (shard := _SHARD.match(stem)) and (split := _named(shard[1])):
        return split
    return _word(stem) or next((split for folder in reversed(folders) if (split := _word(folder))), "")


def _named(stem: str) -> str:
    """``train_sft`` is a split of its own; a name without any of the usual words is none."""
    return _SPLIT_OF_WORD.get(stem.lower(), stem) if _word(stem) else ""


def _word(name: str) -> str:
    """The split that is one of the words of a name."""
    words = re.split(r"[\W_]+|(?<=[a-z])(?=\d)", name.lower())
    return next((_SPLIT_OF_WORD[word] for word in words if word in _SPLIT_OF_WORD), "")


def parts_of_card(card: Mapping[str, Any], files: Sequence[str]) -> Parts | None:
    """What the ``configs`` in the head of a dataset's README say; None when they name no files."""
    configs = card.get("configs")
    subsets: dict[str, Splits] = {}
    default = DEFAULT
    for config in configs if isinstance(configs, list) else ():
        if isinstance(config, dict) and (splits := _splits_of_config(config, files)):
            name = str(config.get("config_name", DEFAULT))
            subsets[name] = splits
            default = name if config.get("default") is True else default
    return Parts(subsets, default) if subsets else None


def _splits_of_config(config: Mapping[str, Any], files: Sequence[str]) -> Splits:
    told, folder = config.get("data_files"), str(config.get("data_dir") or "").strip("./")
    if told is None and folder:
        return splits_by_name(file for file in files if file.startswith(f"{folder}/"))
    if isinstance(told, dict):
        told = [{"split": split, "path": path} for split, path in told.items()]
    splits: Splits = {}
    for part in told if isinstance(told, list) else [told] if told else []:
        split, patterns = (part.get("split", TRAIN), part.get("path")) if isinstance(part, dict) else (TRAIN, part)
        for pattern in patterns if isinstance(patterns, list) else [patterns]:
            splits.setdefault(str(split), []).extend(_matching(f"{folder}/{pattern}", files))
    return splits


def _matching(pattern: str, files: Sequence[str]) -> list[str]:
    """The files that a pattern means; a star stands for anything within a folder, two of them for folders too."""
    wanted = re.sub(r"^(\./|/)+", "", pattern)
    pieces = {"**/": "(?:.+/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    regex = re.sub(r"\\\*\\\*/|\\\*\\\*|\\\*|\\\?", lambda found: pieces[found[0].replace("\\", "")], re.escape(wanted))
    return [file for file in sorted(files) if re.fullmatch(regex, file) or file.startswith(f"{wanted}/")]


def choose_subset(parts: Parts, wanted: str | None, shown: str) -> Splits:
    """The splits of a subset: the wanted one, or else the default. Raises DataError with those there are."""
    names = list(parts.subsets)
    name = wanted or (names[0] if len(names) == 1 else parts.default)
    if name in parts.subsets:
        return parts.subsets[name]
    there = ", ".join(names)
    if not wanted:
        raise DataError(f"{shown} has several subsets, choose one: {there}", {"data.subset": names[0]})
    raise DataError(f"{shown} has no subset {wanted}; there is {there}", {"data.subset": nearest(wanted, names)})


def choose_split(splits: Mapping[str, list[str]], wanted: str, sliced: str, shown: str) -> list[str]:
    """The files of a split. Raises DataError with those there are; `sliced` is written behind what could be chosen."""
    name = wanted or (TRAIN if TRAIN in splits or not splits else next(iter(splits)))
    other = _SPLIT_OF_WORD.get(name.lower(), name)
    for split in (name, other, *(split for split in splits if _SPLIT_OF_WORD.get(split.lower()) == other)):
        if splits.get(split):
            return splits[split]
    there = ", ".join(splits)
    raise DataError(f"{shown} has no split {name}; there is {there}", {"data.split": nearest(other, list(splits)) + sliced})


def nearest(wanted: str, there: Sequence[str]) -> str:
    """Of the names that there are, the one most like the wanted one."""
    return (get_close_matches(wanted, there, 1, 0.0) or there)[0]
