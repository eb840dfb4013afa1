"""Values of a TOML text changed in place, so that comments, order and layout stay."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import tomlkit
from tomlkit.items import Table, item

Place = tuple[str, str]
"""A table and a key in it."""


def edited(text: str, changes: Mapping[Place, Any], wanted: Collection[Place]) -> str:
    """The text with other values, None taking one away; a key that is not there yet is only added where it is `wanted`.

    Raises TOMLKitError.
    """
    document: Any = tomlkit.parse(text)
    for (section, name), value in changes.items():
        there = name in document.get(section, {})
        if value is None and there:
            _take(document[section], name)
        elif value is not None and (there or (section, name) in wanted):
            _put(document.setdefault(section, tomlkit.table()), name, value)
    return tomlkit.dumps(document)


def _put(table: Any, name: str, value: Any) -> None:
    """Set a value; a new one follows the last of its table, ahead of a comment that stands over the next table."""
    if isinstance(value, dict) and isinstance(table.get(name), dict):
        for gone in table[name].keys() - value.keys():
            _take(table[name], gone)
        for key, inner in value.items():
            if table[name].get(key) != inner:
                _put(table[name], key, inner)
        return
    last = next((key for key in reversed(list(table)) if not isinstance(table[key], Table)), None)
    if isinstance(value, dict):
        inline = tomlkit.inline_table()
        inline.update(value)
        value = inline
    if name in table or last is None or not isinstance(table, Table):
        table[name] = value
    else:
        table.value._insert_after(last, name, item(value))


def _take(table: Any, name: str) -> None:
    """Take a value away; what stands below a table, over the next one, stays."""
    gone = table[name]
    below = gone.value.body if isinstance(gone, Table) else []
    last = max((at for at, (key, _) in enumerate(below) if key is not None), default=-1)
    del table[name]
    if isinstance(table, Table):
        table.value.body.extend(below[last + 1 :])
