"""The quantisations that GGUF files come in, each with its size and a line on what it is good for."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

TABLE, WITH_MATRIX = "ALLOWED_QUANTS", "IMATRIX_QUANTS"
"""What Unsloth calls its tables: of those that it makes, and of those that it makes with an importance matrix only."""
ALIASES = ("not_quantized", "fast_quantized", "quantized", "q4_k", "q5_k")
"""Other names of those that are listed."""
GPU_ONLY = ("q2_k_l",)
"""Those that Unsloth puts together itself, where it has a GPU."""
GONE = {"q3_k_xs": "llama.cpp makes it no longer; q3_k_s is the nearest"}
NO_MATRIX = "it needs an importance matrix, measured over texts with llama.cpp's llama-imatrix, and none is made here"


@dataclass(frozen=True)
class Quantisation:
    """One form of the weights in a GGUF file."""

    name: str
    bits: float
    """Bits a weight, on average over an 8B Llama, as llama.cpp's own table has it."""
    text: str
    """One line on size and quality."""


KNOWN = {
    it.name: it
    for it in (
        Quantisation("q4_k_m", 4.9, "a third of 16-bit; the usual choice, little is lost"),
        Quantisation("q5_k_m", 5.7, "a little larger and a little better than q4_k_m"),
        Quantisation("q6_k", 6.6, "hardly to be told from 16-bit"),
        Quantisation("q8_0", 8.5, "half of 16-bit; nearly exact, quickly made"),
        Quantisation("f16", 16.0, "16-bit floats; exact unless weights are very large"),
        Quantisation("bf16", 16.0, "the weights as they are; exact, and slow on older processors"),
        Quantisation("f32", 32.0, "twice 16-bit and no better"),
        Quantisation("q4_k_s", 4.7, "a little smaller and a little worse than q4_k_m"),
        Quantisation("q5_k_s", 5.6, "a little smaller and a little worse than q5_k_m"),
        Quantisation("q4_0", 4.6, "old and fast, for very old or very small machines; worse than q4_k_m"),
        Quantisation("q4_1", 5.1, "old; larger than q4_0 and a little better"),
        Quantisation("q5_0", 5.6, "old; worse than q5_k_m"),
        Quantisation("q5_1", 6.1, "old; larger than q5_0 and a little better"),
        Quantisation("q3_k_l", 4.3, "small; answers suffer"),
        Quantisation("q3_k_m", 4.0, "small; answers suffer visibly"),
        Quantisation("q3_k_s", 3.6, "very small; answers suffer much"),
        Quantisation("q2_k", 3.2, "the smallest; only for large models"),
        Quantisation("q2_k_l", 3.3, "q2_k with better embeddings and output; made on a GPU only"),
    )
}


@cache
def offered() -> tuple[Quantisation, ...]:
    """Those that the installed Unsloth takes, the usual ones first; all that are known where it is not installed."""
    told = table_in(_source(), TABLE)
    if not told:
        return tuple(KNOWN.values())
    new = (Quantisation(name, _bits(name), text) for name, text in told.items() if name not in {*KNOWN, *ALIASES, *GONE})
    return (*(KNOWN[name] for name in KNOWN if name in told), *new)


@cache
def left_out() -> dict[str, str]:
    """Those that the installed Unsloth lists and that are not offered, each with the reason."""
    source = _source()
    gone = {name: reason for name, reason in GONE.items() if name in table_in(source, TABLE)}
    return gone | dict.fromkeys(table_in(source, WITH_MATRIX), NO_MATRIX)


def refusal(names: Iterable[str]) -> str:
    """Why not all of these can be had, in a sentence; empty when they can."""
    known = [it.name for it in offered()]
    for name in names:
        if reason := left_out().get(name):
            return f"{name} is not offered: {reason}"
        if name not in known:
            return f"there is no quantisation {name}; known are {', '.join(known)}"
    return ""


def table_in(source: str, table: str) -> dict[str, str]:
    """A table of names with a line on each, out of a ``save.py`` of Unsloth; empty when it is kept elsewhere."""
    _, found, rest = source.partition(f"{table} = {{")
    try:
        return dict(ast.literal_eval("{" + rest.partition("\n}")[0] + "\n}")) if found else {}
    except (SyntaxError, ValueError):
        return {}


def _source() -> str:
    spec = find_spec("unsloth")
    places = (spec.submodule_search_locations or ()) if spec else ()
    try:
        return (Path(next(iter(places), "")) / "save.py").read_text(encoding="utf-8")
    except OSError:
        return ""


def _bits(name: str) -> float:
    """About the bits a weight of one that is not known here: what its name says, and its scales."""
    found = re.match(r"i?q(\d)", name)
    return int(found[1]) + 0.9 if found else 16.0
