"""Rules about what is learned from: its sources, how rows are read, and what is held out of it."""

from __future__ import annotations

from collections.abc import Iterator

from tui.session.facts import Facts
from tui.session.problem import Problem, advice
from tui.session.schema import Session
from tui.session.sections.data import DataSection


def rules(session: Session, facts: Facts) -> Iterator[Problem]:
    """What is wrong with [data], and with what is held out of it."""
    yield from _sources(session.data)
    yield from _templates(session.data)
    yield from _markers(session)
    yield from _held_out(session, facts)


def _sources(data: DataSection) -> Iterator[Problem]:
    count = len(data.sources)
    for key, numbers in (("data.mix_weights", data.mix_weights), ("data.mix_counts", data.mix_counts)):
        if numbers and len(numbers) != count:
            text = f"needs a number for each of the {count} source{'s' * (count != 1)}, and has {len(numbers)}"
            yield Problem(key, text, mend={key: ()})
    if data.mix_weights and data.mix_counts:
        text = "a mix goes by weights or by counts, not by both"
        yield Problem("data.mix_weights", text, mend={"data.mix_weights": ()})


def _templates(data: DataSection) -> Iterator[Problem]:
    if data.text is not None and data.assistant is not None:
        text = "a prompt template writes the whole text; what user and assistant say is not used then"
        yield Problem("data.text", text, mend={"data.text": None})
    if data.text is not None and data.response_part is None and data.train_on_responses_only:
        text = "questions in it are learned too, unless markers say where the answers begin (data.response_part)"
        yield advice("data.text", text, {"data.train_on_responses_only": False})
    if data.system_prompts == "drop" and data.text is not None:
        text = "a prompt template has no system prompts to drop"
        yield advice("data.system_prompts", text, {"data.system_prompts": "keep"})


def _markers(session: Session) -> Iterator[Problem]:
    data = session.data
    if (data.instruction_part is None) != (data.response_part is None):
        given, missing = ("instruction", "response") if data.response_part is None else ("response", "instruction")
        text = "the markers of question and answer are given together, or both are found in the chat template"
        yield Problem(f"data.{missing}_part", text, mend={f"data.{given}_part": None})
    elif data.response_part is not None and not data.train_on_responses_only:
        text = "is not used: questions are learned too"
        yield advice("data.response_part", text, {"data.train_on_responses_only": True})


def _held_out(session: Session, facts: Facts) -> Iterator[Problem]:
    evaluation = session.evaluation
    if evaluation.count and evaluation.fraction:
        text = "held out is a share or a count, not both"
        yield Problem("evaluation.count", text, mend={"evaluation.fraction": None})
    if evaluation.count and evaluation.source:
        text = "the file of held-out data is used, not a part of the training data"
        yield advice("evaluation.count", text, {"evaluation.count": None})
    if evaluation.group_column and (evaluation.source or not evaluation.held_out):
        text = "is only used when a part of the training data is held out"
        yield advice("evaluation.group_column", text, {"evaluation.group_column": None})
    if facts.examples is not None and evaluation.count and not evaluation.source and evaluation.count >= facts.examples:
        text = f"of {facts.examples} examples something must be left to learn from"
        share = {"evaluation.fraction": 0.05} if facts.examples > 1 else {}
        yield Problem("evaluation.count", text, mend={"evaluation.count": None} | share)
