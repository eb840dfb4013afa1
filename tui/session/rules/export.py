"""Rules about what is written at the end."""

from __future__ import annotations

from collections.abc import Iterator

from tui.session.facts import Facts
from tui.session.problem import Problem, advice
from tui.session.quantisations import refusal
from tui.session.schema import Session


def rules(session: Session, facts: Facts) -> Iterator[Problem]:
    """What is wrong with [export]."""
    export = session.export
    if export.kinds and facts.gpus == 0 and session.model.load_in_4bit:
        text = (
            "without a GPU a run in 4-bit cannot merge its own model; export it afterwards (E on Runs), from the 16-bit base"
        )
        yield Problem("export.kinds", text, mend={"export.kinds": ()})
    methods = export.quantization_method
    if methods == type(export)().quantization_method:  # to look at those of Unsloth takes a window time to begin
        return
    if wrong := refusal(methods):
        known = tuple(method for method in methods if not refusal([method]))
        yield Problem("export.quantization_method", wrong, mend={"export.quantization_method": known or ("q4_k_m",)})
    elif "gguf" not in export.kinds:
        text = "is only used when gguf is written"
        yield advice("export.quantization_method", text, {"export.kinds": (*export.kinds, "gguf")})
