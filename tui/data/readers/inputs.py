"""One file as it is read: opened with care, unpacked, and every failure put into words that name it."""

from __future__ import annotations

import io
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, cast

from tui.data.readers import compressed
from tui.data.readers.found import Found, Reader, Unreadable
from tui.data.readers.kinds import needs_seeking, reader_of
from tui.data.records import DataError

_BUFFER_BYTES = 1 << 18


@dataclass(frozen=True)
class Input:
    """A file to read rows from."""

    name: str
    """For people, also of the kind that its suffix tells: ``train.jsonl``."""
    open: Callable[[], BinaryIO]
    path: Path | None = None
    """On this machine; None when it is read over the network."""
    version: str = ""
    """What tells its content from any other, when it has no path."""


def local_input(path: Path, name: str) -> Input:
    """A file of this machine. Raises DataError when it is not one that can be read."""
    require_file(path, name)
    return Input(name, lambda: path.open("rb", buffering=0), path)


def require_file(path: Path, name: str) -> None:
    """Raises DataError for what is not there, or would never end: pipes, devices."""
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        if path.is_symlink():
            raise DataError(f"{name} is a link to {path.readlink()}, which is not there") from None
        raise DataError(f"there is no file {path}") from None
    except (OSError, ValueError) as error:  # a name that no file can have
        raise DataError(f"{name} cannot be read: {getattr(error, 'strerror', None) or error}") from None
    if not stat.S_ISREG(mode):
        raise DataError(f"{name} is no ordinary file but {_kind(mode)}: copy what it gives to a file")


def found_in(source: Input, start: int = 0) -> Iterator[Found]:
    """The rows of a file after the first `start` ones.

    Where it is damaged, one bad row after the good ones says so. Raises DataError when nothing of it can be read, when it
    changes meanwhile, and for what is wrong with the machine or the network.
    """
    before, last = _stamp(source), ""
    try:
        with _opened(source) as (reader, stream):
            for found in reader.read(stream, start):
                last = found.where
                yield found
    except (Unreadable, *compressed.DAMAGE) as error:
        _require_unchanged(source, before)
        words = _words(source, error)
        if not last:
            raise DataError(f"{source.name} {words}") from None
        yield Found(last if last.startswith("after") else f"after {last}", None, f"the file {words}")
    _require_unchanged(source, before)


def count_in(source: Input) -> int:
    """How many rows `found_in` gives. Raises DataError."""
    try:
        with _opened(source) as (reader, stream):
            return reader.count(stream)
    except (Unreadable, *compressed.DAMAGE) as error:
        _words(source, error)
    return sum(1 for _ in found_in(source))


@contextmanager
def _opened(source: Input) -> Iterator[tuple[Reader, BinaryIO]]:
    """The stream of bytes in a file, after unpacking, and who reads it."""
    with source.open() as raw:
        outer: io.BufferedReader[Any] = io.BufferedReader(raw, _BUFFER_BYTES)
        inner = compressed.unpacked(outer)
        stream = inner or outer
        reader = reader_of(source.name, stream.peek(32))
        seeks = inner is not None and needs_seeking(reader)
        yield reader, compressed.on_disk(stream) if seeks else cast(BinaryIO, stream)


def _words(source: Input, error: Exception) -> str:
    """What is wrong, as the rest of a sentence. Raises DataError for what is not the file's fault."""
    if isinstance(error, OSError) and error.errno is not None:
        raise DataError(f"{source.name} cannot be read: {error.strerror}") from None
    return str(error) if isinstance(error, Unreadable) else compressed.damage_words(error)


def _kind(mode: int) -> str:
    if stat.S_ISDIR(mode):
        return "a folder"
    return "a pipe" if stat.S_ISFIFO(mode) else "a socket" if stat.S_ISSOCK(mode) else "a device"


def _stamp(source: Input) -> tuple[int, int, int] | None:
    """What is different about a file after something was written to it."""
    if source.path is None:
        return None
    try:
        told = source.path.stat()
    except OSError:
        return None
    return told.st_size, told.st_mtime_ns, told.st_ino


def _require_unchanged(source: Input, before: tuple[int, int, int] | None) -> None:
    if _stamp(source) != before:
        raise DataError(f"{source.name} changed while it was read: wait until nobody writes to it, and read it again")
