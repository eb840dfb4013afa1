"""Turns the examples of a file into the texts that the model is trained on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from datasets import Dataset

from tui.data.mapping import Example, iterate_examples, shape_of
from tui.data.sources import DataError


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


def iterate_prompts(source: str, wanted: str) -> Iterator[Example]:
    """The examples of a file that ask something and know the answer. Raises DataError."""
    return (example for example in iterate_examples(source, shape_of(source, wanted)) if example.prompt and example.answer)
