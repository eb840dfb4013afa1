"""Lines of a text file with their numbers, however long one is and however the text is encoded."""

from __future__ import annotations

import codecs
import io
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from tui.data.readers.found import LONGEST_BYTES, BadRow, too_long

_BUFFER_BYTES = 1 << 18
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark is its beginning
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


class Line(NamedTuple):
    """A line of a file."""

    number: int
    content: bytes
    """With its line break; empty when it is too long to be read."""
    size: int
    """Bytes."""

    @property
    def is_blank(self) -> bool:
        return not self.content.strip() and self.size <= LONGEST_BYTES

    def text(self) -> str:
        """The line without its line break. Raises BadRow."""
        if self.size > LONGEST_BYTES:
            raise BadRow(too_long(self.size))
        try:
            return self.content.decode().rstrip("\r\n")
        except UnicodeDecodeError as error:
            raise BadRow(f"it is not UTF-8 text: byte {error.start + 1} is 0x{self.content[error.start]:02x}") from None


class _Recoded(io.RawIOBase):
    """A stream in another encoding, or with the line ends of old Macs, as UTF-8 with line feeds."""

    def __init__(self, stream: BinaryIO, encoding: str) -> None:
        self._stream = stream
        self._decoder = codecs.getincrementaldecoder(encoding)("surrogatepass")
        self._left = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        while not self._left:
            piece = self._stream.read(_BUFFER_BYTES)
            self._left = self._recoded(piece)
            if not piece:
                break
        count = min(len(buffer), len(self._left))
        buffer[:count], self._left = self._left[:count], self._left[count:]
        return count

    def _recoded(self, piece: bytes) -> bytes:
        try:
            text = self._decoder.decode(piece, final=not piece)
        except UnicodeDecodeError:
            self._decoder.reset()
            return b"\xff"  # no UTF-8, so that the line is named
        return text.replace("\r\n", "\n").replace("\r", "\n").encode(errors="surrogatepass")


def text_stream(stream: BinaryIO) -> BinaryIO:
    """The text of a file as UTF-8 without a byte order mark."""
    buffered = stream if isinstance(stream, io.BufferedReader) else io.BufferedReader(stream, _BUFFER_BYTES)  # type: ignore[type-var]
    head = buffered.peek(_BUFFER_BYTES)
    encoding = next((encoding for mark, encoding in _MARKS if head.startswith(mark)), "")
    if encoding:
        return io.BufferedReader(_Recoded(buffered, encoding), _BUFFER_BYTES)
    if head.startswith(codecs.BOM_UTF8):
        buffered.read(len(codecs.BOM_UTF8))
    if b"\r" in head and b"\n" not in head:
        return io.BufferedReader(_Recoded(buffered, "utf-8"), _BUFFER_BYTES)
    return buffered


def numbered_lines(stream: BinaryIO) -> Iterator[Line]:
    """Every line of a UTF-8 stream; of one that is too long only its size is kept."""
    number = 0
    while content := stream.readline(LONGEST_BYTES + 1):
        number += 1
        size = len(content)
        if size > LONGEST_BYTES:
            while not content.endswith(b"\n") and (content := stream.readline(_BUFFER_BYTES)):
                size += len(content)
            content = b""
        yield Line(number, content, size)


def count_filled_lines(stream: BinaryIO) -> int:
    """How many lines are not blank, without keeping any of them."""
    count, is_filled = 0, False
    while piece := stream.read(_BUFFER_BYTES):
        first, *others = piece.split(b"\n")
        is_filled = is_filled or bool(first.strip())
        if others:
            count += is_filled + sum(map(bool, map(bytes.strip, others[:-1])))
            is_filled = bool(others[-1].strip())
    return count + is_filled
