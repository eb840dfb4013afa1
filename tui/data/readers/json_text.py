"""The text of a JSON document, read piece by piece: only the value that is being parsed is kept."""

from __future__ import annotations

import codecs
import json
import re
from typing import Any, BinaryIO

from tui.data.readers.found import LONGEST_BYTES, too_long
from tui.data.readers.json_values import HALF_CHARACTER, json_words

_PIECE_BYTES = 1 << 16
_NOT_SPACE = re.compile(r"[^ \t\r\n]")
_LONGEST_WORD = 16
"""Characters: no word, escape or mark of JSON is longer, so what is wrong further than that from the end stays wrong."""


class BrokenJson(Exception):
    """What is wrong with the text, from which on nothing more can be read."""


class TooLong(BrokenJson):
    """A value that is longer than it may be."""


class JsonText:
    """A place in a JSON document, which goes from value to value."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")  # the row is bad, not the file
        self._parse = json.JSONDecoder().raw_decode
        self._text = ""
        self._at = 0
        self._is_whole = False
        self._has_bad_bytes = False
        self._lines_before = 0
        """Line breaks before `_text`."""
        self._column_before = 0
        """Characters before `_text` in the line that it begins in."""
        self.may_have_halves = False
        """Whether halves of characters, or bytes that are no text, may be in the value that was read last."""

    def next_mark(self) -> str:
        """The character that the next value begins with; empty at the end."""
        while True:
            if found := _NOT_SPACE.search(self._text, self._at):
                self._at = found.start()
                return found[0]
            self._at = len(self._text)
            if not self._read_more():
                return ""

    def skip(self, mark: str) -> bool:
        """Goes past this character where it comes next; tells whether it did."""
        if self.next_mark() != mark:
            return False
        self._at += 1
        return True

    def value(self, longest: float = LONGEST_BYTES) -> Any:
        """The next value, of at most so many characters. Raises BrokenJson, and stays where it is then."""
        self.next_mark()
        while True:
            try:
                value, end = self._parse(self._text, self._at)
            except json.JSONDecodeError as error:
                self._require_unfinished(error, longest)
            except (ValueError, RecursionError) as error:
                raise BrokenJson(f"it is not JSON: {json_words(error)}") from None
            else:
                if end < len(self._text) or not self._read_more():  # a number could go on in what is not read yet
                    halves = HALF_CHARACTER.search(self._text, self._at, end)
                    self.may_have_halves = self._has_bad_bytes or halves is not None
                    self._at = end
                    return value

    def forget(self) -> None:
        """What was read is not needed again; done only now and then, because it copies what is left."""
        if self._at < _PIECE_BYTES:
            return
        last_break = self._text.rfind("\n", 0, self._at)
        self._lines_before += self._text.count("\n", 0, self._at)
        self._column_before = self._at - last_break - 1 if last_break >= 0 else self._column_before + self._at
        self._text, self._at = self._text[self._at :], 0

    def rewind(self) -> None:
        """Back to the beginning, when nothing was forgotten."""
        self._at = 0

    def place(self, at: int | None = None) -> str:
        """Line and column of a character of the text, of what comes next when none is given."""
        at = self._at if at is None else at
        last_break = self._text.rfind("\n", 0, at)
        line = self._lines_before + self._text.count("\n", 0, at) + 1
        column = at - last_break if last_break >= 0 else self._column_before + at + 1
        return f"line {line}, column {column}"

    def _require_unfinished(self, error: json.JSONDecodeError, longest: float) -> None:
        """Reads on where that could mend the value. Raises BrokenJson otherwise."""
        size = len(self._text) - self._at
        if error.msg.startswith("Unterminated string") or error.pos > len(self._text) - _LONGEST_WORD:
            if size > longest:
                raise TooLong(too_long(size))
            more = min(size, longest - size)  # doubled, or long values would be parsed again and again
            if self._read_more(max(_PIECE_BYTES, int(more))):
                return
        raise BrokenJson(f"it is not JSON: {error.msg.removesuffix(' at')} at {self.place(error.pos)}")

    def _read_more(self, size: int = _PIECE_BYTES) -> bool:
        """Whether there was more to read."""
        if self._is_whole:
            return False
        piece = self._stream.read(size)
        self._is_whole = not piece
        text = self._decoder.decode(piece, final=not piece)
        self._has_bad_bytes = self._has_bad_bytes or not _is_text(text)
        self._text += text
        return bool(piece or text)


def _is_text(text: str) -> bool:
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
