"""The keys that work now, as text."""

from __future__ import annotations

from collections.abc import Iterable

from textual.binding import Binding

SHOWN = {
    "slash": "/", "comma": ",", "full_stop": ".", "less_than_sign": "<", "greater_than_sign": ">", "plus": "+",
    "equals_sign": "=", "minus": "-", "question_mark": "?",
}  # fmt: skip
"""Keys by what is printed on them."""
NAME_WIDTH = 10
"""At least so wide are the keys, and as wide as the longest of them."""


def key_words(keys: Iterable[str]) -> str:
    """Keys as they are written for people: ``F2``, ``ctrl+t``, ``/``."""
    return " ".join(SHOWN.get(key, key.upper() if key[0] == "f" and key[1:].isdigit() else key) for key in keys)


def help_text(bindings: Iterable[Binding]) -> str:
    """One line a key: what it is called and what it does."""
    told: dict[str, tuple[list[str], str]] = {}
    for binding in bindings:
        if what := binding.tooltip or binding.description:
            told.setdefault(binding.id or binding.action, ([], what))[0].append(binding.key)
    rows = [(key_words(sorted(keys, key=len)), what) for keys, what in told.values()]
    width = max([NAME_WIDTH, *(len(keys) for keys, _ in rows)])
    return "\n".join(f"{keys:{width}}  {what}" for keys, what in rows)
