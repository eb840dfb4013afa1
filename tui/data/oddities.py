"""What can be odd in one example, looked at by itself."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise

from tui.data.examples import Example, Turn
from tui.data.findings import Kind
from tui.data.shown import shown

SHORT = 3
"""An answer with fewer characters is very short."""
_CONTROLS = bytes(set(range(32)) - set(b"\t\n\r")) + b"\x7f"
CONTROL = re.compile("\x1b[^ -~]?[ -~]{0,6}|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\x80-\x9f\u202a-\u202e\u2066-\u2069]")
"""What a terminal obeys, or what turns the direction of writing around."""
DAMAGED = re.compile("\ufffd|[ÃÂ][\x80-\xbf]|â€.?|ï»¿")
"""The sign for what could not be decoded, and UTF-8 that was decoded as Latin-1."""


def of_text(text: str) -> Iterator[tuple[Kind, str]]:
    """Characters that do not belong into text."""
    if text.isascii():
        raw = text.encode()
        found = CONTROL.search(text) if len(raw.translate(None, _CONTROLS)) != len(raw) else None
        damaged = None
    else:
        found, damaged = CONTROL.search(text), DAMAGED.search(text)
    if found:
        yield "control-characters", shown(found[0])
    if damaged:
        yield (
            "damaged-characters",
            f"{shown(damaged[0])} in {shown(text[max(0, damaged.start() - 12) : damaged.end() + 12])}",
        )


def of_turns(turns: tuple[Turn, ...]) -> Iterator[tuple[Kind, str]]:
    """The order of who speaks, and turns in which nothing is said."""
    roles = [turn.role for turn in turns]
    if roles[-1] == "user":
        yield "ends-with-user", f"turn {len(roles)} is the last"
    if (first := next((role for role in roles if role != "system"), "")) == "assistant":
        yield "assistant-first", f"{first} speaks first"
    if len(roles) > 2 or roles[0] != "user":
        late = next((at for at, role in enumerate(roles) if role == "system" and at), 0)
        if late:
            yield "late-system", f"turn {late + 1} is a system prompt"
        pairs = pairwise(roles)
        again = next((at for at, (one, next_one) in enumerate(pairs, 1) if one == next_one and one != "tool"), 0)
        if again:
            yield "same-role", f"turns {again} and {again + 1} are both of the {roles[again]}"
    elif len(set(roles)) < len(roles):
        yield "same-role", f"turns 1 and 2 are both of the {roles[0]}"
    for number, turn in enumerate(turns, 1):
        if not turn.content.strip() and not turn.tool_calls and turn.role != "tool":
            yield "empty-turns", f"turn {number} ({turn.role}) is empty"
            break


def question(example: Example) -> str:
    """What was asked last."""
    return next((turn.content for turn in reversed(example.turns) if turn.role == "user"), "")


def whole(example: Example) -> str:
    """All that is said, as one text."""
    if example.turns:
        return "\n".join([f"{turn.reasoning}\n{turn.content}" if turn.reasoning else turn.content for turn in example.turns])
    return example.text
