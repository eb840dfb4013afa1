"""JSON files: a list of objects, an object that holds rows, or one object after another."""

from __future__ import annotations

import json
from collections.abc import Generator, Iterator
from itertools import islice
from typing import Any, BinaryIO

from tui.data.readers import json_lines
from tui.data.readers.found import BadRow, Found, Unreadable
from tui.data.readers.json_object import rows_in
from tui.data.readers.json_text import BrokenJson, JsonText, TooLong
from tui.data.readers.json_values import row_of_value
from tui.data.readers.lines import text_stream

_SMALL = 8 << 20
"""Characters: a shorter object is looked at as a whole before it is decided where its rows are."""
_REST = "the rest of the file is not read"


def read(stream: BinaryIO, start: int = 0) -> Iterator[Found]:
    """The rows after the first `start` ones; a list is read row by row. Raises Unreadable."""
    buffered = text_stream(stream)
    if _looks_like_lines(buffered.peek()):  # type: ignore[attr-defined]
        return json_lines.read(buffered, start)
    return islice(_rows(JsonText(buffered)), start, None)


def count(stream: BinaryIO) -> int:
    """How many rows there are. Raises Unreadable."""
    return sum(1 for _ in read(stream))


def _rows(text: JsonText) -> Iterator[Found]:
    mark = text.next_mark()
    if mark not in ("[", "{", ""):
        raise Unreadable(f"holds no rows: it begins with {mark!r}, not with a list or an object")
    if text.skip("["):
        is_whole = yield from _items(text)
        if is_whole and text.next_mark():
            yield Found("after its list", None, f"something follows at {text.place()}; {_REST}")
    elif mark:
        yield from _of_object(text)


def _looks_like_lines(head: bytes) -> bool:
    """Whether this is the beginning of JSON lines, even when the first of them is broken."""
    lines = [line.strip() for line in head.split(b"\n") if line.strip()][:2]
    if len(lines) < 2 or lines[1][:1] not in (b"{", b"["):
        return False
    first = _state(lines[0])
    return first == "whole" or (first == "broken" and lines[0][:1] == b"{" and _state(lines[1]) == "whole")


def _state(line: bytes) -> str:
    """Whether a line is a whole JSON value, an unfinished one, or broken."""
    try:
        json.loads(line)
    except json.JSONDecodeError as error:
        return "broken" if error.pos < len(error.doc) else "unfinished"
    except (ValueError, RecursionError):
        return "broken"
    return "whole"


def _items(text: JsonText) -> Generator[Found, None, bool]:
    """The items of a list up to its end; what is wrong with the text itself ends it, and False is returned."""
    number = 0
    while not text.skip("]"):
        if number and not text.skip(","):
            wrong = f"a comma should be at {text.place()}" if text.next_mark() else "the file ends before its list does"
            yield Found(f"after row {number}", None, f"{wrong}; {_REST}")
            return False
        number += 1
        found = _next(text, number)
        yield found
        if found.problem.endswith(_REST):
            return False
    return True


def _next(text: JsonText, number: int) -> Found:
    """The value that comes next as a row."""
    try:
        value = text.value()
    except BrokenJson as error:
        return Found(f"row {number}", None, f"{error}; {_REST}")
    text.forget()
    return _found(value, number, may_have_halves=text.may_have_halves)


def _found(value: Any, number: int, *, may_have_halves: bool) -> Found:
    try:
        return Found(f"row {number}", row_of_value(value, may_have_halves=may_have_halves))
    except BadRow as error:
        return Found(f"row {number}", None, str(error))


def _of_object(text: JsonText) -> Iterator[Found]:
    """The rows of a file that begins with an object."""
    try:
        value = text.value(_SMALL)
    except TooLong:
        yield from _of_large_object(text)
    except BrokenJson as error:
        raise Unreadable(f"cannot be read: {error}") from None
    else:
        if text.next_mark():
            yield from _one_after_another(text, value)
            return
        for number, item in enumerate(rows_in(value), 1):
            yield _found(item, number, may_have_halves=text.may_have_halves)


def _one_after_another(text: JsonText, first: Any) -> Iterator[Found]:
    """Objects with nothing between them, each of them over many lines, as `jq` prints them."""
    yield _found(first, 1, may_have_halves=text.may_have_halves)
    number = 1
    while text.next_mark():
        number += 1
        found = _next(text, number)
        yield found
        if found.problem.endswith(_REST):
            return


def _of_large_object(text: JsonText) -> Iterator[Found]:
    """The first list of objects in it, row by row; without one it is read as a whole."""
    text.rewind()
    try:
        if _goes_to_list(text):
            yield from _items(text)
            return
        text.rewind()
        rows = rows_in(text.value(float("inf")))
    except BrokenJson as error:
        raise Unreadable(f"cannot be read: {error}") from None
    for number, item in enumerate(rows, 1):
        yield _found(item, number, may_have_halves=text.may_have_halves)


def _goes_to_list(text: JsonText) -> bool:
    """Goes to the first item of the first list of objects in an object; tells whether there is one. Raises BrokenJson."""
    text.skip("{")
    while text.next_mark() == '"':
        text.value()
        text.skip(":")
        if text.skip("["):
            return text.next_mark() == "{"
        text.value()
        text.skip(",")
    return False
