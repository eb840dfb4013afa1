"""The rows that one JSON object holds: in a list, as columns, under numbers, or itself."""

from __future__ import annotations

from typing import Any

from tui.data.readers.found import Unreadable
from tui.data.readers.json_values import is_conversation


def rows_in(value: dict[str, Any]) -> list[Any]:
    """The rows of an object that is all there is in a file. Raises Unreadable for several lists of them."""
    lists = {key: inner for key, inner in value.items() if isinstance(inner, list)}
    if any(is_conversation(inner) for inner in lists.values()):
        return [value]
    tables = [key for key, inner in lists.items() if inner and all(isinstance(item, dict) for item in inner)]
    if len(tables) == 1 and not any(inner for key, inner in lists.items() if key not in tables):
        return lists[tables[0]]
    if lists == value and not any(lists.values()):
        return []
    if len(tables) > 1 and len(tables) == len(value) and not _are_columns(lists):
        raise Unreadable(f"holds several lists of rows ({', '.join(tables)}): put each into a file of its own")
    if lists and lists == value and _are_columns(lists):
        return [dict(zip(lists, cells, strict=True)) for cells in zip(*lists.values(), strict=True)]
    return _under_numbers(value) or [value]


def _are_columns(lists: dict[str, list[Any]]) -> bool:
    return len({len(inner) for inner in lists.values()}) == 1


def _under_numbers(value: dict[str, Any]) -> list[Any]:
    """Rows as pandas writes tables: ``{"a": {"0": 1, "1": 2}}``, or ``{"0": {"a": 1}, "1": {"a": 2}}``; else none."""
    inner = list(value.values())
    if not inner or not all(isinstance(part, dict) and part for part in inner):
        return []
    if _are_numbers(value):
        return inner
    numbers = inner[0].keys()
    if _are_numbers(numbers) and all(part.keys() == numbers for part in inner):
        return [{column: part[number] for column, part in value.items()} for number in numbers]
    return []


def _are_numbers(keys: Any) -> bool:
    return all(key.isdecimal() for key in keys)
