"""Rules about the model and its precision."""

from __future__ import annotations

from collections.abc import Iterator

from tui.session.facts import Facts
from tui.session.problem import Problem, advice
from tui.session.schema import Session
from tui.session.sections.model import PRECISIONS


def rules(session: Session, facts: Facts) -> Iterator[Problem]:
    """What is wrong with [model], and with the number formats that go with it."""
    model = session.model
    if not model.name:
        yield Problem("model.name", "no model is chosen")
    if (
        facts.context_length
        and facts.context_length >= 8
        and model.max_seq_length > facts.context_length
        and not model.rope_scaling
    ):
        yield advice(
            "model.max_seq_length",
            f"the model was made for {facts.context_length} tokens; longer ones need model.rope_scaling",
            {"model.max_seq_length": facts.context_length},
        )
    if model.rope_scaling is not None and not model.rope_scaling.keys() & {"rope_type", "type"}:
        mend = {"model.rope_scaling": {"rope_type": "linear"} | model.rope_scaling}
        yield Problem("model.rope_scaling", "needs a rope_type, like rope_type = linear", mend=mend)
    if model.trust_remote_code:
        yield advice(
            "model.trust_remote_code",
            "Python code that comes with the model will be run",
            {"model.trust_remote_code": False},
        )
    yield from _precision(session, facts)
    yield from _autocast(session, facts)


def _precision(session: Session, facts: Facts) -> Iterator[Problem]:
    model = session.model
    on = [name for name in PRECISIONS if getattr(model, name)]
    if len(on) > 1:
        asked = on[-1]
        text = f"only one of {', '.join(on)} can be on"
        yield Problem(f"model.{asked}", text, mend={f"model.{name}": name == asked for name in PRECISIONS})
    if model.load_in_8bit and facts.gpus == 0:
        yield advice(
            "model.load_in_8bit",
            "without a GPU there is no 8-bit; the model is loaded in 16-bit",
            {f"model.{name}": name == "load_in_16bit" for name in PRECISIONS},
        )


def _autocast(session: Session, facts: Facts) -> Iterator[Problem]:
    training, dtype = session.training, session.model.dtype
    if training.bf16 and training.fp16:
        yield Problem("training.fp16", "bf16 and fp16 cannot both be on", mend={"training.fp16": None})
    elif training.fp16 and dtype == "bfloat16":
        yield Problem("training.fp16", "a model in bfloat16 cannot compute in float16", mend={"training.fp16": None})
    elif training.bf16 and dtype == "float16":
        yield Problem("training.bf16", "a model in float16 cannot compute in bfloat16", mend={"training.bf16": None})
    elif training.fp16 and dtype == "auto" and facts.bfloat16:
        text = "the model is loaded in bfloat16 on this card, and cannot compute in float16"
        yield Problem("training.fp16", text, mend={"training.fp16": None})
    elif training.bf16 and dtype == "auto" and facts.bfloat16 is False:
        text = "this card has no bfloat16, and the model is loaded in float16"
        yield Problem("training.bf16", text, mend={"training.bf16": None})
    elif dtype == "float16" and facts.bfloat16:
        text = "float16 overflows sooner than bfloat16, which this card has"
        yield advice("model.dtype", text, {"model.dtype": "auto", "training.fp16": None})
    elif dtype == "bfloat16" and facts.bfloat16 is False:
        yield advice("model.dtype", "this card has no bfloat16; it is slow here", {"model.dtype": "auto"})
