"""JSON as rows: what is wrong with a text that is none, and what becomes of values that are no objects."""

from __future__ import annotations

import json
import re
from typing import Any

from tui.data.readers.found import BadRow
from tui.data.records import Row

HALF_CHARACTER = re.compile(r"\\u[dD][89a-fA-F]")
"""How one of the two halves of a character is written in JSON."""
_KINDS = {str: "a text", bool: "true or false", int: "a number", float: "a number", list: "a list", type(None): "null"}


def row_of_text(text: str) -> Row:
    """The row that a JSON text holds. Raises BadRow."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadRow(f"it is not JSON: {json_words(error)}") from None
    return row_of_value(value, may_have_halves="\\u" in text and HALF_CHARACTER.search(text) is not None)


def row_of_value(value: Any, *, may_have_halves: bool) -> Row:
    """A value as a row; a list of turns is a conversation. Raises BadRow."""
    if may_have_halves:
        _require_whole_characters(value)
    if isinstance(value, dict):
        return value
    if isinstance(value, list) and is_conversation(value):
        return {"messages": value}
    raise BadRow(f"it holds {kind_words(value)}, not an object with columns")


def is_conversation(items: list[Any]) -> bool:
    """Whether these are the turns of one row rather than rows."""
    return bool(items) and all(isinstance(item, dict) and ("role" in item or "from" in item) for item in items)


def kind_words(value: Any) -> str:
    """What a JSON value is, for people."""
    return _KINDS.get(type(value), "an object")


def json_words(error: Exception) -> str:
    """What is wrong with a JSON text."""
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg.removesuffix(' at')} at column {error.colno}" + (
            f" of line {error.lineno}" if error.lineno > 1 else ""
        )
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    return "it has a number of thousands of digits" if "digits" in str(error) else str(error)


def _require_whole_characters(value: Any) -> None:
    """Half of an escaped emoji is text to Python, but no tokenizer and no file takes it."""
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except RecursionError as error:
        raise BadRow(f"it is not JSON: {json_words(error)}") from None
    except UnicodeEncodeError as error:
        code = ord(error.object[error.start])
        if 0xDC80 <= code <= 0xDCFF:  # what `surrogateescape` makes of a byte
            raise BadRow(f"it is not UTF-8 text: it has the byte 0x{code - 0xDC00:02x}") from None
        raise BadRow(f"it has half of a character (\\u{code:04x})") from None
