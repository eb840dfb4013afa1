"""What data says inside a sentence of ours: short, and with nothing in it that a terminal would obey."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import Any

LONGEST = 40
"""Characters of a name or value that are quoted."""
MOST_NAMES = 12
KINDS = {str: "text", bool: "true or false", int: "a number", float: "a number", list: "a list", dict: "an object"}


def shown(value: str, limit: int = LONGEST) -> str:
    """In quotes, cut, control characters as escapes."""
    return repr(value if len(value) <= limit else value[:limit] + "…")


def plain(value: str, limit: int = LONGEST) -> str:
    """Like `shown`, without the quotes."""
    return shown(value, limit)[1:-1]


def kind(value: Any) -> str:
    """What a value is, in words: ``a list``, ``an object``."""
    return "nothing" if value is None else KINDS.get(type(value), f"a {plain(type(value).__name__)}")


def listed(names: Iterable[str]) -> str:
    """The first names of many, with commas."""
    first = [plain(str(name)) for name in islice(names, MOST_NAMES + 1)]
    return (", ".join(first[:MOST_NAMES]) + (" ..." if len(first) > MOST_NAMES else "")) or "none"
