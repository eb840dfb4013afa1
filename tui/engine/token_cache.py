"""Tokenised datasets that are kept on the disk, found again by what they were made of."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, fields
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from tui.data.reading import Reading
from tui.data.token_report import TokenReport
from tui.engine.tokenising import Tokens
from tui.machine.host import folder_bytes, modified_s
from tui.resources import home

MOST = 20
MOST_BYTES = 20 << 30
ABANDONED_S = 86400.0
"""After so long nobody is at work on what is not finished."""
UNFINISHED = ".making-"
MADE_WITH = ("unsloth-tui", "unsloth", "unsloth_zoo", "transformers", "tokenizers", "jinja2")
WHERE = {"source", "more_sources", "mix_weights", "mix_counts", "subset", "split", "revision", "streaming", "chat_template"}
"""Fields that say where the data lies, which its content stands for, or the template, whose text does."""


def folder() -> Path:
    """Where tokenised datasets are kept, a folder for each."""
    return home() / "cache" / "tokens"


def key_of(content_key: str, reading: Reading, tokens: Tokens, group_column: str | None) -> str:
    """A hex digest of everything that tokens and labels depend on, and of what is counted of them."""
    data = tokens.data.model_dump(mode="json", exclude=WHERE)
    told = [content_key, asdict(reading), data, group_column, tokens.max_seq_length, _tokenizer(tokens), _versions()]
    told.append([field.name for field in fields(TokenReport)])
    return hashlib.sha256(json.dumps(told, sort_keys=True, default=str).encode()).hexdigest()


def kept(key: str, make: Callable[[Path], None], fits: Callable[[Path], bool]) -> tuple[Path, bool]:
    """The folder of that key, and whether it was there already; `make` fills it otherwise. Raises what `make` raises.

    It is made under another name and renamed when it is whole, so that a half-written one is never found. One that does
    not fit, because it was damaged later, is made again.
    """
    place = folder() / key
    if place.is_dir():
        if fits(place):
            with suppress(OSError):
                os.utime(place)  # the ones that are used stay
            return place, True
        shutil.rmtree(place, ignore_errors=True)
    folder().mkdir(mode=0o700, parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=UNFINISHED, dir=folder()))
    try:
        make(scratch)
        with suppress(OSError):  # another process was faster, with the same content
            scratch.rename(place)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    prune(place)
    return place, False


def prune(needed: Path) -> None:
    """Remove the ones unused for longest, until few and small enough are left; never `needed`."""
    found = sorted(((modified_s(path), path) for path in folder().iterdir() if path.is_dir()), reverse=True)
    for used, path in found:
        if path.name.startswith(UNFINISHED) and time.time() - used > ABANDONED_S:
            shutil.rmtree(path, ignore_errors=True)
    whole = [path for _, path in found if not path.name.startswith(UNFINISHED)]
    size = 0
    for count, path in enumerate([needed, *(path for path in whole if path != needed)], 1):
        size += folder_bytes(path)
        if path != needed and (count > MOST or size > MOST_BYTES):
            shutil.rmtree(path, ignore_errors=True)


def _tokenizer(tokens: Tokens) -> list[Any]:
    """What makes a tokenizer: its vocabulary and rules, special tokens, template and habits."""
    inner = tokens.inner
    backend = getattr(inner, "backend_tokenizer", None)
    if backend is not None:
        rules = json.loads(backend.to_str())
        for state in ("truncation", "padding"):  # of the last call
            rules.pop(state, None)
    else:
        rules = [sorted(inner.get_vocab().items()), str(getattr(inner, "init_kwargs", ""))]
    habits = ("truncation_side", "add_bos_token", "add_eos_token", "_unsloth_input_part", "_unsloth_output_part")
    return [
        type(tokens.tokenizer).__name__,
        hashlib.sha256(json.dumps(rules, sort_keys=True).encode()).hexdigest(),
        {name: str(value) for name, value in inner.special_tokens_map.items()},
        tokens.template,
        [getattr(inner, name, None) for name in habits],
    ]


def _versions() -> dict[str, str]:
    found = {}
    for package in MADE_WITH:
        with suppress(PackageNotFoundError):
            found[package] = version(package)
    return found
