"""Which tokens are learned: the answers, found by Unsloth's own function."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from jinja2 import TemplateError

from tui.data.records import DataError
from tui.session.sections.data import DataSection

IGNORED = -100
"""The label of a token that is not learned."""

Mask = Callable[[list[list[int]]], list[list[int]]]
"""Labels for rows of token ids, as long as these."""


def find_answers(tokenizer: Any, data: DataSection) -> Mask:
    """Labels by the markers of the session, or else those of the chat template. Raises DataError when there are none."""
    import unsloth  # noqa: F401  (must come before transformers)
    from unsloth.chat_templates import train_on_responses_only

    if (data.instruction_part is None) != (data.response_part is None):
        raise DataError("data.instruction_part and data.response_part are needed both, or neither to have them found")
    try:
        mask = train_on_responses_only(
            None,
            tokenizer=tokenizer,
            instruction_part=data.instruction_part,
            response_part=data.response_part,
            return_function=True,
        )
    except (ValueError, LookupError, TypeError, ArithmeticError, TemplateError) as error:
        raise DataError(
            "the answers cannot be told from the questions in this chat template; write the text before each answer to "
            f"data.response_part and the text before each question to data.instruction_part ({_words(error)})",
            {"data.train_on_responses_only": False},
        ) from error
    return lambda ids: list(mask({"input_ids": ids})["labels"])


def everything(ids: list[list[int]]) -> list[list[int]]:
    """Labels by which every token is learned."""
    return [list(row) for row in ids]


def _words(error: Exception) -> str:
    return " ".join(str(error).removeprefix("Unsloth: ").split()) or type(error).__name__
