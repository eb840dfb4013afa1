"""What lies in a conversation, turn by turn, to turns as a model is trained on them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import zip_longest
from typing import Any

from tui.data.examples import Turn
from tui.data.parts import read_parts
from tui.data.reading import Reading, opened
from tui.data.records import DataError
from tui.data.roles import Part, guess, meaning
from tui.data.shown import kind, shown
from tui.data.templates import cell_text
from tui.data.tools import read_calls
from tui.data.turns import CALLS, TRANSCRIPT, has_call, key_part
from tui.session.sections.data import DataSection

THOUGHTS = ("reasoning_content", "reasoning", "thinking", "thought", "thoughts", "reasoning_text")
"""Keys of a turn with what the assistant thinks before it answers."""
ASKED_ANSWERED: tuple[Part, Part] = ("user", "assistant")


def as_text(value: Any, where: str) -> str:
    """A value as text. Raises DataError for what is no text, and for half characters, which no tokenizer takes."""
    if isinstance(value, str):
        if not value.isascii():
            try:
                value.encode()
            except UnicodeEncodeError:
                raise DataError(f"{where} holds half of a character, which cannot be written as text") from None
        return value
    if value is None or (isinstance(value, float) and math.isnan(value)):
        raise DataError(f"{where} is missing")
    if isinstance(value, bool | int | float):
        return str(value)
    raise DataError(f"{where} holds {kind(value)}, not text")


class Speaking:
    """Reads the turns of one dataset; raises DataError with the number of the turn that cannot be understood."""

    def __init__(self, reading: Reading, data: DataSection) -> None:
        self.reading = reading
        self.own = data.roles
        self._parts: dict[str, Part] = {}

    def turns(self, value: Any) -> list[Turn]:
        """The turns of a conversation, however they are written."""
        value = opened(value)
        match self.reading.turns:
            case "columns":
                return self.objects(self._rows_of(value))
            case "transcript":
                return list(self._transcript(as_text(value, "the conversation")))
            case "objects" if isinstance(value, list) and value:
                return self.objects(value)
        if not isinstance(value, list) or not value:
            raise DataError("there is no list of turns")
        match self.reading.turns:
            case "named":
                return self.objects(
                    [dict(zip("01", turn, strict=False)) if isinstance(turn, list) else turn for turn in value]
                )
            case "pairs":
                return list(self.pairs(value))
            case "keyed":
                return list(self._keyed(value))
            case _:
                sides = (ASKED_ANSWERED[at % 2] for at in range(len(value)))
                return [
                    Turn(side, as_text(said, f"turn {at}"))
                    for at, (side, said) in enumerate(zip(sides, value, strict=True), 1)
                ]

    def objects(self, value: list[Any], default: Part | None = None) -> list[Turn]:
        """Turns with a key for the speaker; `default` speaks where none is named."""
        found: list[Turn] = []
        for number, turn in enumerate(value, 1):
            part = self._part(turn, number, value, default)
            said = turn.get(self.reading.what)
            if type(said) is str and len(turn) == 2 and part != "call":  # most turns by far
                found.append(Turn(part, as_text(said, f"turn {number}") if not said.isascii() else said))
            else:
                found.extend(self._turn(turn, part, said, number))
        return found

    def pairs(self, value: Any) -> Iterator[Turn]:
        """Turns of ``[[asked, answered], ..]``, as Alpaca's history has them."""
        number = 0
        for pair in value:
            if not isinstance(pair, list | tuple) or len(pair) != 2:
                raise DataError(f"turn {number + 1} is not a pair of question and answer")
            for part, said in zip(ASKED_ANSWERED, pair, strict=True):
                number += 1
                if said is not None:
                    yield Turn(part, as_text(said, f"turn {number}"))

    def _part(self, turn: Any, number: int, talk: list[Any], default: Part | None) -> Part:
        word = turn.get(self.reading.who) if isinstance(turn, dict) else None
        if type(word) is str:
            part = self._parts.get(word) or self._learn(word)
            if part is not None:
                return part
        if not isinstance(turn, dict):
            raise DataError(f"turn {number} is {kind(turn)}, not an object with {shown(self.reading.who)}")
        if word is None or word == "":
            if default is not None:
                return default
            raise DataError(f"turn {number} has no {shown(self.reading.who)}")
        if isinstance(word, dict | list):
            raise DataError(f"turn {number} has {kind(word)} for {shown(self.reading.who)}")
        part = self._learn(str(word))
        if part is not None:
            return part
        raise self._unknown(str(word), number, talk)

    def _learn(self, word: str) -> Part | None:
        part = meaning(word, self.own)
        if part is not None:
            self._parts[word] = part
        return part

    def _unknown(self, word: str, number: int, talk: list[Any]) -> DataError:
        words = [str(turn.get(self.reading.who)) for turn in talk if isinstance(turn, dict)]
        roles = guess(words, self.own)
        meant = ", ".join(f"{shown(word)} as {role}" for word, role in roles.items() if word not in self.own)
        text = f"turn {number} has the unknown role {shown(word)}"
        return DataError(
            f"{text}; read {meant}?" if meant else f"{text}: say in data.roles what it means",
            {"data.roles": roles} if roles else {},
        )

    def _turn(self, turn: dict[str, Any], part: Part, said: Any, number: int) -> Iterator[Turn]:
        """A turn with more to it than who says what."""
        where = f"turn {number}"
        calls = next((turn[key] for key in CALLS if turn.get(key)), None)
        if part == "call":
            yield Turn("assistant", "", tool_calls=read_calls(said or calls, where))
            return
        parts = read_parts(said, where, self.reading.text_only) if isinstance(said, list) else None
        for name, answer in parts.answers if parts else ():
            yield Turn("tool", as_text(answer, where), name=name)
        if parts and parts.answers and not parts.text:
            return
        if parts is not None:
            content = as_text(parts.text, where)
        elif isinstance(said, dict | list) and part == "tool":
            content = known_json(said, where)
        elif said is None and (has_call(turn) or any(turn.get(key) for key in THOUGHTS)):
            content = ""
        else:
            content = as_text(said, where)
        if part != "assistant":
            by = turn.get("name") if part == "tool" else None
            yield Turn(part, content, name=by if isinstance(by, str) else "")
            return
        thought = next((turn[key] for key in THOUGHTS if turn.get(key) and key != self.reading.what), None)
        reasoning = as_text(thought, where) if thought is not None else parts.reasoning if parts else ""
        yield Turn(part, content, reasoning, (*read_calls(calls, where), *(parts.calls if parts else ())))

    def _rows_of(self, value: Any) -> list[dict[str, Any]]:
        lists = {key: opened(cell) for key, cell in value.items()} if isinstance(value, dict) else {}
        who, what = lists.get(self.reading.who), lists.get(self.reading.what)
        if not isinstance(who, list) or not isinstance(what, list) or not who:
            raise DataError("there is no list of turns")
        if len(who) != len(what):
            raise DataError(f"there are {len(who)} speakers for {len(what)} turns")
        whole = {key: cell for key, cell in lists.items() if isinstance(cell, list) and len(cell) == len(who)}
        return [dict(zip(whole, turn, strict=True)) for turn in zip_longest(*whole.values())]

    def _keyed(self, value: list[Any]) -> Iterator[Turn]:
        for number, turn in enumerate(value, 1):
            if not isinstance(turn, dict):
                raise DataError(f"turn {number} is {kind(turn)}, not an object")
            for key, said in turn.items():
                part = (self.own.get(key) if self.own else None) or key_part(key)
                if part and part != "call" and said is not None:
                    yield Turn(part, as_text(said, f"turn {number}"))

    def _transcript(self, text: str) -> Iterator[Turn]:
        marks = list(TRANSCRIPT.finditer(text))
        if not marks:
            raise DataError("nobody is named who speaks")
        if text[: marks[0].start()].strip():
            yield Turn("system", text[: marks[0].start()].strip())
        ends = [mark.start() for mark in marks[1:]] + [len(text)]
        for mark, end in zip(marks, ends, strict=True):
            yield Turn(meaning(mark[1] or mark[2], self.own) or "user", text[mark.end() : end].strip())


def known_json(value: Any, where: str) -> str:
    """What a tool answers as an object, as JSON."""
    return as_text(cell_text(value, where), where)
