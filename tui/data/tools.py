"""Tools and calls of tools, as the many ways of writing them come down to that of chat templates."""

from __future__ import annotations

import json
from typing import Any

from tui.data.reading import opened
from tui.data.records import DataError
from tui.data.shown import kind, shown

Tool = dict[str, Any]
Call = dict[str, Any]


def read_tools(value: Any, column: str) -> tuple[Tool, ...]:
    """What may be called, from a list or JSON; each as the row has it. Raises DataError."""
    value = opened(value)
    if value is None or value == "" or value == [] or value == {}:
        return ()
    items = [opened(item) for item in (value if isinstance(value, list) else [value])]
    for item in items:
        if not isinstance(item, dict):
            raise DataError(f"column {shown(column)} holds {kind(item)} where a tool should be described")
    return tuple(items)


def read_calls(value: Any, where: str) -> tuple[Call, ...]:
    """Calls from a list, an object or JSON of these; empty for nothing. Raises DataError.

    Known are OpenAI's ``{"function": {"name": .., "arguments": ..}}`` and a bare ``{"name": .., "arguments": ..}``, with
    arguments as an object or as JSON.
    """
    value = opened(value)
    if value is None or value == "" or value == [] or value == {}:
        return ()
    return tuple(_call(opened(item), where) for item in (value if isinstance(value, list) else [value]))


def _call(item: Any, where: str) -> Call:
    inner = opened(item.get("function", item)) if isinstance(item, dict) else None
    if isinstance(inner, str) and isinstance(item, dict):  # {"function": "name", "arguments": ...}
        inner = item | {"name": inner}
    name = inner.get("name") if isinstance(inner, dict) else None
    if not isinstance(inner, dict) or not isinstance(name, str) or not name:
        raise DataError(f"{where} calls a tool without saying its name")
    given = next((inner[key] for key in ("arguments", "parameters", "args", "input") if key in inner), None)
    known = {"id": item["id"]} if isinstance(item.get("id"), str) else {}
    return known | {"type": "function", "function": {"name": name, "arguments": _arguments(given, where)}}


def _arguments(given: Any, where: str) -> dict[str, Any]:
    if given is None or (isinstance(given, str) and not given.strip()):
        return {}
    try:
        told = json.loads(given) if isinstance(given, str) else given
    except (ValueError, RecursionError):
        told = opened(given)
    if not isinstance(told, dict):
        raise DataError(f"{where} calls a tool with arguments that are no JSON object")
    return told
