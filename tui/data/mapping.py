"""One row to one example: a conversation, or plain text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tui.data.formats import Shape, detect
from tui.data.sources import DataError, Row, iterate_rows, read_rows

ROLES = {
    "user": "user", "human": "user", "prompter": "user", "question": "user",
    "assistant": "assistant", "gpt": "assistant", "bot": "assistant", "model": "assistant", "chatgpt": "assistant",
    "answer": "assistant", "system": "system", "developer": "system",
}  # fmt: skip
"""What the roles of the usual formats are called in a chat template."""

SAMPLE_ROWS = 200

_HALF = re.compile("[\ud800-\udfff]")
"""Half of a surrogate pair, as a cut-off emoji leaves it in JSON; no tokenizer takes it."""

Turn = dict[str, str]


@dataclass(frozen=True)
class Example:
    """One example to train on: turns with role and content, or plain text."""

    turns: tuple[tuple[str, str], ...] = ()
    text: str = ""

    @property
    def messages(self) -> list[Turn]:
        """The turns as a chat template takes them."""
        return [{"role": role, "content": content} for role, content in self.turns]

    @property
    def prompt(self) -> list[Turn]:
        """The turns before the last answer."""
        last = max((at for at, (role, _) in enumerate(self.turns) if role == "assistant"), default=0)
        return self.messages[:last]

    @property
    def answer(self) -> str:
        """The last thing the assistant says; empty when it says nothing."""
        return next((content for role, content in reversed(self.turns) if role == "assistant"), "")


def shape_of(source: str, wanted: str = "auto") -> Shape:
    """How the rows of a file are read, from a sample of them. Raises DataError."""
    rows = read_rows(source, SAMPLE_ROWS)
    try:
        return detect(rows, wanted)
    except DataError as error:
        raise DataError(f"{source}: {error}") from None


def iterate_examples(source: str, shape: Shape) -> Iterator[Example]:
    """Every row of a file as an example. Raises DataError with the number of the row that cannot be one."""
    for number, row in enumerate(iterate_rows(source), 1):
        try:
            yield to_example(row, shape)
        except DataError as error:
            raise DataError(f"{source}, row {number}: {error}") from None


def to_example(row: Row, shape: Shape) -> Example:
    """One row as an example. Raises DataError saying what is missing."""
    match shape.format:
        case "messages":
            return _conversation(row.get(shape.columns[0]), "role", "content")
        case "sharegpt":
            return _conversation(row.get(shape.columns[0]), "from", "value")
        case "alpaca":
            instruction, extra, output = (row.get(column) for column in shape.columns)
            asked = "\n\n".join(_text(part, "instruction") for part in (instruction, extra) if part)
            return _pair(asked, output, shape.columns[2])
        case "prompt-completion":
            return _pair(_text(row.get(shape.columns[0]), shape.columns[0]), row.get(shape.columns[1]), shape.columns[1])
        case "text":
            text = _text(row.get(shape.columns[0]), shape.columns[0])
            if not text.strip():
                raise DataError(f"column {shape.columns[0]!r} is empty")
            return Example(text=text)


def _pair(asked: str, answered: Any, column: str) -> Example:
    answer = _text(answered, column)
    if not asked.strip():
        raise DataError("there is no question")
    if not answer.strip():
        raise DataError(f"column {column!r} is empty: there is nothing to learn")
    return Example(turns=(("user", asked), ("assistant", answer)))


def _conversation(value: Any, who: str, what: str) -> Example:
    if not isinstance(value, list) or not value:
        raise DataError("there is no list of turns")
    turns = []
    for position, turn in enumerate(value, 1):
        if not isinstance(turn, dict) or who not in turn:
            raise DataError(f"turn {position} has no {who!r}")
        role = ROLES.get(str(turn[who]).lower())
        if role is None:
            raise DataError(f"turn {position} has the unknown role {str(turn[who])!r}")
        turns.append((role, _text(turn.get(what), f"turn {position}")))
    if not any(role == "assistant" and content.strip() for role, content in turns):
        raise DataError("the assistant says nothing: there is nothing to learn")
    return Example(turns=tuple(turns))


def _text(value: Any, name: str) -> str:
    if isinstance(value, str):
        if _HALF.search(value):
            raise DataError(f"{name} holds half of a character, which cannot be written as text")
        return value
    if value is None:
        raise DataError(f"{name} is missing")
    if isinstance(value, bool | int | float):
        return str(value)
    raise DataError(f"{name} holds {type(value).__name__}, not text")
