"""Every key of the window that has a name."""

from __future__ import annotations

import pkgutil
from collections.abc import Iterable
from importlib import import_module

from textual.binding import Binding
from textual.dom import DOMNode

import tui.screens
import tui.widgets


def named_bindings(app: type[DOMNode]) -> dict[str, list[Binding]]:
    """Every binding with a name, by that name; keys that do the same stand together. Loads every place."""
    for package in (tui.screens, tui.widgets):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            import_module(module.name)
    found: dict[str, list[Binding]] = {}
    ours = {owner for owner in (*app.__mro__, *_below(DOMNode)) if owner.__module__.startswith("tui.")}
    for owner in sorted(ours, key=lambda owner: (owner.__module__, owner.__qualname__)):
        for binding in Binding.make_bindings(vars(owner).get("BINDINGS", ())):
            if binding.id and binding not in found.setdefault(binding.id, []):
                found[binding.id].append(binding)
    return found


def _below(owner: type[DOMNode]) -> Iterable[type[DOMNode]]:
    for below in owner.__subclasses__():
        yield below
        yield from _below(below)
