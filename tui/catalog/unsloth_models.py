"""The models that the installed Unsloth knows by name, read from its source: importing it takes half a minute."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

TABLE = "__INT_TO_FLOAT_MAPPER"
_SIZE = re.compile(r"(?<![\w.])(?:(\d+)x|e)?(\d+(?:\.\d+)?)([bm])(?![a-z])", re.IGNORECASE)
_QUANTISED = re.compile(r"fp8|bnb|4bit|8bit", re.IGNORECASE)


@dataclass(frozen=True)
class UnslothModel:
    """One model with all its names."""

    name: str
    """What is trained from: Unsloth takes the variant that the precision asks for by itself."""
    variants: tuple[str, ...]
    """Every other name of it: quantised, and where it came from."""
    parameters: float | None
    """As its name says it (4B); None where it does not."""


@cache
def unsloth_models() -> tuple[UnslothModel, ...]:
    """All of them by name; empty when Unsloth is not installed, or keeps them elsewhere or in another way."""
    spec = find_spec("unsloth")
    if spec is None or not spec.submodule_search_locations:
        return ()
    try:
        return models_in((Path(spec.submodule_search_locations[0]) / "models" / "mapper.py").read_text(encoding="utf-8"))
    except (OSError, ValueError, SyntaxError, TypeError, AttributeError):  # written in another way than this knows
        return ()


def models_in(source: str) -> tuple[UnslothModel, ...]:
    """The models of a ``mapper.py``; names of one model under several quantisations are one."""
    found: dict[str, list[str]] = {}
    for quantised, names in _table(source).items():
        group = [*names, quantised]
        plain = [name for name in group if not _QUANTISED.search(name)]
        main = next((name for name in plain if name.startswith("unsloth/")), (plain or group)[0])
        found.setdefault(main, []).extend(name for name in group if name != main)
    models = (UnslothModel(name, tuple(dict.fromkeys(others)), parameters_in_name(name)) for name, others in found.items())
    return tuple(sorted(models, key=lambda model: (not model.name.startswith("unsloth/"), model.name.lower())))


def parameters_in_name(name: str) -> float | None:
    """How many parameters a name speaks of: ``Qwen3-4B`` has 4e9, ``Mixtral-8x7B`` 56e9."""
    match = _SIZE.search(name.rpartition("/")[2].replace("-", " ").replace("_", " "))
    if match is None:
        return None
    experts, size, unit = match.groups()
    return int(experts or 1) * float(size) * (1e9 if unit.lower() == "b" else 1e6)


def _table(source: str) -> dict[str, tuple[str, ...]]:
    """From a quantised name to its others, which stand in a tuple or, by precision, in tables."""
    for node in ast.parse(source).body:
        if isinstance(node, ast.Assign) and any(
            isinstance(target, ast.Name) and target.id == TABLE for target in node.targets
        ):
            return {key: tuple(_names(value)) for key, value in ast.literal_eval(node.value).items()}
    return {}


def _names(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, tuple | list) else ()
    return [name for part in inner for name in _names(part)]
