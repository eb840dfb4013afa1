"""Finds out whether values hold the turns of conversations, and how these are written, whatever their keys are called."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any

from tui.data.columns import ANSWERED, ASKED, WHAT, WHO, named, rank
from tui.data.reading import TurnsAre, opened
from tui.data.roles import Part, meaning

TURNS_LOOKED_AT = 64
"""Of one conversation; one may have ten thousand."""
LONGEST_NAME = 40
CALLS = ("tool_calls", "function_call", "tool_call")
_SPEAKER = "human|user|assistant|system|ai|bot|chatbot|gpt|chatgpt|model|prompter|customer|agent"
TRANSCRIPT = re.compile(
    rf"(?:^|\n)[ \t]*(?:#+ ?|\*\*)?({_SPEAKER})(?:\*\*)? ?:(?:\*\*)?[ \t]?|### ?({_SPEAKER}):[ \t]?", re.IGNORECASE
)
"""Where somebody begins to speak in a text like ``Human: Hi! ... Assistant: Hello.``"""


@dataclass(frozen=True)
class Way:
    """A way of writing turns that fits some values."""

    turns: TurnsAre
    who: str = ""
    what: str = ""
    surely: float = 1.0
    """0 to 1, before it is counted how many rows it fits."""
    speakers: tuple[str, ...] = ()


def ways(values: Sequence[Any], hinted: bool) -> list[Way]:
    """Every way in which these values, one a row, may be turns.

    `hinted`: the column's name says that it holds conversations.
    """
    told = [opened(value) for value in values]
    lists = [value for value in told if isinstance(value, list) and value]
    turns = [list(islice(value, TURNS_LOOKED_AT)) for value in lists]
    flat = list(chain.from_iterable(turns))
    found: list[Way] = []
    if _mostly(flat, dict):
        found += [way for way in (_objects(turns), _keyed(flat)) if way]
    elif _mostly(flat, str) and (hinted or _looks_said(turns)):
        found.append(Way("strings", surely=0.9 if hinted else 0.45))
    elif _mostly(flat, list) and all(len(pair) == 2 and all(isinstance(said, str) for said in pair) for pair in flat):
        who = [meaning(first) for first, _ in flat]
        named_ones = {"user", "assistant"} <= set(who) and 10 * who.count(None) <= len(who)
        surely = 0.9 if hinted else 0.7
        found.append(Way("named", "0", "1", surely + 0.05) if named_ones else Way("pairs", surely=surely))
    if way := lists_by_key([value for value in told if isinstance(value, dict)]):
        found.append(way)
    texts = [value for value in told if isinstance(value, str)]
    if texts and 2 * sum(is_transcript(text) for text in texts) >= len(texts):
        found.append(Way("transcript", surely=0.78))
    return found


def fits(value: Any, way: Way) -> bool:
    """Whether a value is written in this way."""
    value = opened(value)
    match way.turns:
        case "columns":
            return isinstance(value, dict) and isinstance(value.get(way.who), list) and isinstance(value.get(way.what), list)
        case "transcript":
            return isinstance(value, str) and is_transcript(value)
    if not isinstance(value, list) or not value:
        return False
    first = value[:TURNS_LOOKED_AT]
    match way.turns:
        case "objects":
            return all(isinstance(turn, dict) and way.who in turn and (way.what in turn or has_call(turn)) for turn in first)
        case "keyed":
            return all(isinstance(turn, dict) and any(key_part(key) for key in turn) for turn in first)
        case "strings":
            return all(isinstance(turn, str) for turn in first)
        case _:
            return all(isinstance(turn, list) and len(turn) == 2 for turn in first)


def has_call(turn: dict[str, Any]) -> bool:
    """Whether a turn calls a tool, in which case it need not say anything."""
    return any(turn.get(key) for key in CALLS)


def is_transcript(text: str) -> bool:
    """Whether a text begins with a speaker and has both a question and an answer in it."""
    found = list(islice(TRANSCRIPT.finditer(text[:20_000]), 8))
    said = {meaning(mark[1] or mark[2]) for mark in found}
    return bool(found) and not text[: found[0].start()].strip() and {"user", "assistant"} <= said


def key_part(key: Any) -> Part | None:
    """Who says what is under this key of a turn like ``{"user": .., "bot": ..}``."""
    if not isinstance(key, str):
        return None
    return meaning(key) or ("user" if rank(key, ASKED) else "assistant" if rank(key, ANSWERED) else None)


def lists_by_key(values: Sequence[dict[str, Any]]) -> Way | None:
    """Of ``{"role": [..], "content": [..]}``, as tables store lists of objects."""
    turns = []
    for value in values:
        lists = {key: cell for key, cell in value.items() if isinstance(cell, list)}
        longest = max((len(cell) for cell in lists.values()), default=0)
        rows = min(longest, TURNS_LOOKED_AT)
        turns.append([{key: cell[at] for key, cell in lists.items() if len(cell) == longest} for at in range(rows)])
    way = _objects([turn for turn in turns if turn])
    return Way("columns", way.who, way.what, way.surely, way.speakers) if way and way.surely >= 0.5 else None


def _mostly(items: Sequence[Any], kind: type) -> bool:
    return bool(items) and 10 * sum(isinstance(item, kind) for item in items) >= 9 * len(items)


def _looks_said(turns: list[list[Any]]) -> bool:
    """Sentences rather than keywords, and an answer for each question."""
    said = [text for talk in turns for text in talk if isinstance(text, str)]
    even = sum(len(talk) % 2 == 0 for talk in turns)
    return bool(said) and 2 * even > len(turns) and sum(" " in text.strip() for text in said) * 2 > len(said)


def _objects(talks: list[list[Any]]) -> Way | None:
    """Turns with a key for the speaker and one for what is said."""
    talks = [[turn for turn in talk if isinstance(turn, dict)] for talk in talks]
    keys = list(
        dict.fromkeys(key for turn in islice(chain.from_iterable(talks), 500) for key in turn if isinstance(key, str))
    )
    who, surely = max(((key, _speaks(key, talks)) for key in keys), key=lambda item: item[1], default=("", 0.0))
    if surely <= 0:
        return None
    what = max((key for key in keys if key != who), key=lambda key: _said(key, talks), default="")
    if _said(what, talks) <= 0:
        return None
    heard = Counter(word for word in _words(who, talks) if word)
    asked = any(meaning(word) == "user" for word in heard)
    answered = any(meaning(word) in ("assistant", "call") for word in heard) or not any(meaning(word) for word in heard)
    surely *= 1.0 if asked and answered else 0.4 if any(meaning(word) for word in heard) and not answered else 0.8
    return Way("objects", who, what, round(surely, 3), tuple(word for word, _ in heard.most_common(20)))


def _words(key: str, talks: list[list[Any]]) -> Iterator[str]:
    """What a key has for the speaker; numbers only where its name says that it is for speakers."""
    kinds = (str, int) if named([key], WHO) else (str,)
    for turn in chain.from_iterable(talks):
        value = turn.get(key)
        if value is not None:
            yield str(value) if isinstance(value, kinds) else ""


def _speaks(key: str, talks: list[list[Any]]) -> float:
    """How surely (0 to 1) the values of a key say who speaks: words for roles, or a few names that come again and again."""
    heard = list(_words(key, talks))
    if not heard or any(not 0 < len(word) <= LONGEST_NAME for word in heard):
        return 0.0
    known = sum(meaning(word) is not None for word in heard) / len(heard)
    of_names = named([key], WHO) is not None
    if known >= 0.5:
        return known if of_names else 0.95 * known
    few = all(len({str(turn.get(key)) for turn in talk}) <= 3 for talk in talks)
    again = len(set(heard)) <= max(4, len(heard) // 4)
    if of_names:
        return 0.7 if few else 0.6
    return 0.5 if few and again and max(len(talk) for talk in talks) > 1 else 0.0


def _said(key: str, talks: list[list[Any]]) -> float:
    """How well the values of a key are what somebody says; 0 when they are not."""
    values = [turn.get(key) for turn in chain.from_iterable(talks)]
    texts = [value for value in values if isinstance(value, str)]
    parts = sum(isinstance(value, list) and _mostly(value, dict) for value in values)
    if not texts and not parts:
        return 0.0
    length = sum(map(len, islice(texts, 200))) / max(1, min(200, len(texts)))
    of_names = rank(key, WHAT) if key else None
    share = (len(texts) + parts) / len(values)
    bonus = 2 - of_names[1] / 100 if of_names and of_names[0] == 1 else 0
    return share * (1 + bonus) + min(length, 1000) / 2000


def _keyed(turns: Iterable[dict[str, Any]]) -> Way | None:
    """Turns whose keys themselves say who speaks."""
    sample = [turn for turn in turns if isinstance(turn, dict)]
    heard = Counter(key for turn in sample for key in turn if isinstance(turn.get(key), str) and key_part(key))
    parts = {key_part(key) for key in heard}
    every = all(any(key in heard for key in turn) for turn in sample)
    return Way("keyed", surely=0.85, speakers=tuple(heard)[:20]) if every and {"user", "assistant"} <= parts else None
