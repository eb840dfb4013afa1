"""Turns the examples of a file into the texts that the model is trained on and measured on."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from datasets import Dataset

from tui.data.mapping import Example, iterate_examples, shape_of
from tui.data.sources import DataError
from tui.session.schema import Session


@dataclass(frozen=True)
class Texts:
    """A dataset ready to be tokenised."""

    rows: Dataset
    """One column, ``text``: the conversation as the chat template writes it."""
    conversations: bool
    """Whether there are turns that can be told apart; otherwise it is plain text."""


def read_texts(source: str, wanted: str, tokenizer: Any) -> Texts:
    """Every example of a file, rendered. Raises DataError with the row."""
    shape = shape_of(source, wanted)
    texts = [{"text": render(example, tokenizer)} for example in iterate_examples(source, shape)]
    return Texts(Dataset.from_list(texts), shape.format != "text")


def render(example: Example, tokenizer: Any) -> str:
    """One example as text, with the special tokens of the chat template. Raises DataError without a template."""
    if example.text:
        return example.text
    if not getattr(tokenizer, "chat_template", None):
        raise DataError(
            "the model has no chat template to write conversations with; set data.chat_template (chatml suits a base model)"
        )
    return str(tokenizer.apply_chat_template(example.messages, tokenize=False))


@dataclass(frozen=True)
class Split:
    """What is trained on, and what is not."""

    train: Texts
    held_out: Texts | None
    held_out_rows: frozenset[int] = frozenset()
    """Which examples of the training data are held out, counted from 0; none when there is a file of its own for that."""


def read_split(session: Session, tokenizer: Any) -> Split:
    """The texts of a session: all of its data, with a file or a share of them held out. Raises DataError."""
    texts = read_texts(session.data.source, session.data.format, tokenizer)
    if session.evaluation.source:
        return Split(texts, read_texts(session.evaluation.source, session.data.format, tokenizer))
    if not session.evaluation.fraction:
        return Split(texts, None)
    count = len(texts.rows)
    held_out = held_out_rows(count, session)
    kept = [at for at in range(count) if at not in held_out]
    return Split(
        Texts(texts.rows.select(kept), texts.conversations),
        Texts(texts.rows.select(sorted(held_out)), texts.conversations),
        held_out,
    )


def held_out_rows(count: int, session: Session) -> frozenset[int]:
    """Which of so many examples are held out: the same for the same seed, at least one, and never all. Raises DataError."""
    if count < 2:
        raise DataError(f"{session.data.source} has one example, which cannot be trained on and held out")
    wanted = round(count * (session.evaluation.fraction or 0))
    seed = session.training.seed if session.training.data_seed is None else session.training.data_seed
    return frozenset(random.Random(seed).sample(range(count), min(max(1, wanted), count - 1)))


def iterate_prompts(session: Session, split: Split) -> Iterator[Example]:
    """The held-out examples that ask something and know the answer. Raises DataError."""
    source = session.evaluation.source or session.data.source
    for at, example in enumerate(iterate_examples(source, shape_of(source, session.data.format))):
        if example.prompt and example.answer and (session.evaluation.source or at in split.held_out_rows):
            yield example
