"""The quantisations that GGUF files come in, each with its size and a line on what it is good for."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

TABLE = "ALLOWED_QUANTS = {"
ALIASES = ("not_quantized", "fast_quantized", "quantized", "q4_k", "q5_k")
"""Other names of those that are listed."""


@dataclass(frozen=True)
class Quantisation:
    """One form of the weights in a GGUF file."""

    name: str
    bits: float
    """Bits a weight, on average over an 8B Llama, as llama.cpp's own table has it; a small model takes more."""
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
        Quantisation("q3_k_xs", 3.5, "very small; answers suffer much"),
        Quantisation("q2_k", 3.2, "the smallest; only for large models"),
    )
}


@cache
def offered() -> tuple[Quantisation, ...]:
    """Those that the installed Unsloth takes, the usual ones first; all that are known where it is not installed."""
    spec = find_spec("unsloth")
    try:
        places = (spec.submodule_search_locations or ()) if spec else ()
        names = names_in((Path(next(iter(places), "")) / "save.py").read_text(encoding="utf-8"))
    except OSError:
        names = ()
    return tuple(KNOWN[name] for name in KNOWN if not names or name in names)


def names_in(source: str) -> tuple[str, ...]:
    """The names that a ``save.py`` of Unsloth lists, aliases left out; none when it keeps them elsewhere."""
    _, found, rest = source.partition(TABLE)
    if not found:
        return ()
    try:
        table = ast.literal_eval("{" + rest.partition("\n}")[0] + "\n}")
    except (SyntaxError, ValueError):
        return ()
    return tuple(str(name) for name in table if name not in ALIASES)
