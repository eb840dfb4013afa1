"""The keys that work now, as text."""

from __future__ import annotations

from collections.abc import Iterable

from textual.binding import ActiveBinding, Binding


def help_text(bindings: Iterable[ActiveBinding]) -> str:
    """One line a key: what it is called and what it does. Keys without a name of their own are left out."""
    named: dict[str, tuple[list[str], Binding]] = {}
    for active in bindings:
        binding = active.binding
        if binding.id and binding.tooltip:
            named.setdefault(binding.id, ([], binding))[0].append(binding.key)
    rows = [(" or ".join(sorted(keys, key=len)), b.description, b.tooltip) for keys, b in named.values()]
    width = max((len(key) for key, _, _ in rows), default=0)
    return "\n".join(f"{key:{width}}  {name}: {what}" for key, name, what in rows)
