"""Append-only files of lines: written one whole line at a time, read as they grow."""

from __future__ import annotations

import errno
import json
import os
import time
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter
from pydantic_core import PydanticSerializationError

CHUNK_BYTES = 1 << 20
MOMENT_S = 0.01


def append_line(path: Path, line: str) -> None:
    """Add one line in a single write, so that lines of several writers never mix. Raises OSError.

    A line that a full disk cut off is left behind as one that no reader knows; the next one begins after it.
    """
    told = line.encode()
    handle = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        told = b"\n" + told if _is_cut_off(handle) else told
        if os.write(handle, told) < len(told):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
    finally:
        os.close(handle)


def _is_cut_off(handle: int) -> bool:
    """Whether a file ends in the middle of a line that nobody is writing."""
    before = -1
    while (size := os.fstat(handle).st_size) > 0 and os.pread(handle, 1, size - 1) != b"\n":
        if size == before:
            return True
        before = size
        time.sleep(MOMENT_S)  # another writer's line is seen to grow page by page
    return False


def escaped(line: str) -> str:
    """The same JSON, unable to steer a terminal or to end its line: what cannot be printed is escaped."""
    return line if line.isprintable() else "".join(it if it.isprintable() else json.dumps(it)[1:-1] for it in line)


def as_line(adapter: TypeAdapter[Any], value: Any) -> str:
    """A value as one line of JSON, with its line end; half a character in it, which no file can hold, becomes a ``?``."""
    try:
        return adapter.dump_json(value).decode() + "\n"
    except PydanticSerializationError:
        return adapter.dump_json(adapter.validate_python(_whole(adapter.dump_python(value)))).decode() + "\n"


def _whole(value: Any) -> Any:
    """The same without halves of characters, as bytes leave them that are no text."""
    if isinstance(value, str):
        return value.encode(errors="replace").decode()
    if isinstance(value, dict):
        return {_whole(key): _whole(item) for key, item in value.items()}
    return [_whole(item) for item in value] if isinstance(value, list | tuple) else value


class Tail:
    """Reads the lines that were added to a file since the last look; a half-written one waits for its end.

    A file that `trusts` says no of is left unread, and `refused` is true.
    """

    def __init__(self, path: Path, trusts: Callable[[os.stat_result], bool] = lambda _: True) -> None:
        self.path, self.trusts = path, trusts
        self.refused = False
        self._inode = self._offset = 0
        self._rest = b""

    def read(self) -> Iterator[bytes]:
        """Every whole line that is new; none while the file does not exist."""
        return chain.from_iterable(self.blocks())

    def blocks(self) -> Iterator[list[bytes]]:
        """The same, some thousands of lines at a time.

        The file is opened at each look, as network drives tell nothing new of a file that is not, but read only if it has
        grown: a training and whatever looks at its commands ten times a second share one interpreter.
        """
        try:
            handle = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return
        try:
            status = os.fstat(handle)
            self.refused = not self.trusts(status)
            if self.refused:
                return
            if status.st_ino != self._inode or status.st_size < self._offset:  # another file, or one that was begun anew
                self._inode, self._offset, self._rest = status.st_ino, 0, b""
            if status.st_size == self._offset:
                return
            while chunk := os.pread(handle, CHUNK_BYTES, self._offset):
                self._offset += len(chunk)
                *lines, self._rest = (self._rest + chunk).split(b"\n")
                yield lines
        finally:
            os.close(handle)
