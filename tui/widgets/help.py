"""The keys that work now, as text."""

from __future__ import annotations

from collections.abc import Iterable

from textual.binding import ActiveBinding


def help_text(bindings: Iterable[ActiveBinding]) -> str:
    """One line a key: what it is called and what it does. Keys without a name of their own are left out."""
    rows = []
    for active in bindings:
        binding = active.binding
        if binding.id and binding.tooltip:
            rows.append((binding.key.replace("ctrl+", "ctrl-"), binding.description, binding.tooltip))
    width = max((len(key) for key, _, _ in rows), default=0)
    return "\n".join(f"{key:{width}}  {name}: {what}" for key, name, what in rows)
