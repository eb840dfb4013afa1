"""The keys that work now, as text."""

from __future__ import annotations

from collections.abc import Iterable

from textual.binding import ActiveBinding, Binding

SHOWN = {
    "slash": "/", "comma": ",", "full_stop": ".", "less_than_sign": "<", "greater_than_sign": ">", "plus": "+",
    "equals_sign": "=", "minus": "-", "question_mark": "?",
}  # fmt: skip
"""Keys by what is printed on them."""
NAME_WIDTH = 12


def key_words(keys: Iterable[str]) -> str:
    """Keys as they are written for people: ``F2``, ``ctrl+t``, ``/``."""
    return " ".join(SHOWN.get(key, key.upper() if key[0] == "f" and key[1:].isdigit() else key) for key in keys)


def help_text(bindings: Iterable[ActiveBinding]) -> str:
    """One line a key: what it is called and what it does. Keys without a name of their own are left out."""
    named: dict[str, tuple[list[str], Binding]] = {}
    for active in bindings:
        binding = active.binding
        if binding.id and binding.tooltip:
            named.setdefault(binding.id, ([], binding))[0].append(binding.key)
    rows = [(key_words(sorted(keys, key=len)), binding.tooltip) for keys, binding in named.values()]
    return "\n".join(f"{key:{NAME_WIDTH}}  {what}" for key, what in rows)
