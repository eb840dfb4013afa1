"""The chat templates that the installed Unsloth knows by name, read from its source: importing it takes half a minute."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path

TABLE = "CHAT_TEMPLATES"


@cache
def template_names() -> tuple[str, ...]:
    """All of them; empty when Unsloth is not installed or keeps them elsewhere."""
    spec = find_spec("unsloth")
    if spec is None or not spec.submodule_search_locations:
        return ()
    try:
        return names_in((Path(spec.submodule_search_locations[0]) / "chat_templates.py").read_text(encoding="utf-8"))
    except OSError:
        return ()


def names_in(source: str) -> tuple[str, ...]:
    """The names that a ``chat_templates.py`` gives, one by one or in a loop; empty when it cannot be read."""
    try:
        statements = ast.parse(source).body
    except SyntaxError:
        return ()
    return tuple(sorted({name for statement in statements for name in _names(statement)}))


def _names(statement: ast.stmt) -> Iterator[str]:
    match statement:
        case ast.Assign(targets=[ast.Subscript(value=ast.Name(id=table), slice=ast.Constant(value=str(name)))]):
            if table == TABLE:
                yield name
        case ast.For(iter=ast.Tuple(elts=members) | ast.List(elts=members), body=body) if _fills(body):
            for member in members:
                if isinstance(member, ast.Constant) and isinstance(member.value, str):
                    yield member.value


def _fills(body: list[ast.stmt]) -> bool:
    targets = [target for line in body if isinstance(line, ast.Assign) for target in line.targets]
    return any(isinstance(it, ast.Subscript) and isinstance(it.value, ast.Name) and it.value.id == TABLE for it in targets)
