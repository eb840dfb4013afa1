"""Compressed files as the streams that are in them; what is damaged shows when that is reached."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import shutil
import tempfile
import zlib
from collections.abc import Callable
from typing import Any, BinaryIO, cast

SUFFIXES = (".gz", ".zst", ".bz2", ".xz")
DAMAGE = (EOFError, zlib.error, lzma.LZMAError, OSError)
"""What a damaged stream raises; an OSError with a number is the machine's."""
_BUFFER_BYTES = 1 << 16
"""What is lost before a damaged place, at most."""


def _zstd(stream: Any) -> Any:
    import pyarrow  # half a second, which only those who have such a file should wait for

    return pyarrow.CompressedInputStream(pyarrow.PythonFile(stream, "r"), "zstd")


_MARKS: dict[bytes, Callable[[Any], Any]] = {
    b"\x1f\x8b\x08": lambda stream: gzip.GzipFile(fileobj=stream, mode="rb"),
    b"\x28\xb5\x2f\xfd": _zstd,
    b"BZh": bz2.BZ2File,
    b"\xfd7zXZ\x00": lzma.LZMAFile,
}
_BLOCK_MARK = b"1AY&SY"
"""Follows ``BZh`` and a digit; without it, it may be a text."""


def unpacked(stream: io.BufferedReader[Any]) -> io.BufferedReader[Any] | None:
    """What is in a compressed stream, found out by how that begins; None when it is not compressed."""
    head = stream.peek(16)[:16]
    opener = next((opener for mark, opener in _MARKS.items() if head.startswith(mark)), None)
    if opener is None or (head.startswith(b"BZh") and head[4:10] != _BLOCK_MARK):
        return None
    return io.BufferedReader(opener(stream), _BUFFER_BYTES)


def on_disk(stream: BinaryIO) -> BinaryIO:
    """The rest of a stream as a temporary file, for readers that go back and forth in it."""
    file = tempfile.TemporaryFile()  # noqa: SIM115 - whoever reads it lets go of it
    shutil.copyfileobj(stream, file)
    file.seek(0)
    return cast(BinaryIO, file)


def damage_words(error: Exception) -> str:
    """What is wrong with a compressed stream, as the rest of a sentence."""
    told = " ".join(str(error).split())
    if isinstance(error, EOFError) or "runcated" in told:
        return "ends too early: it was not copied or written to its end"
    return f"is damaged: {told or type(error).__name__}"
