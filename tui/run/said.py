"""What is in an answer: thinking before it, blocks of code in it, and the words in which two of them differ."""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import SequenceMatcher

OPENED, CLOSED = "<think>", "</think>"
_FENCE = re.compile(r"^(`{3,}|~{3,})[^\n]*\n(.*?)(?:^\1[`~]*[ \t]*$|\Z)", re.MULTILINE | re.DOTALL)
_WORDS = re.compile(r"\s+|\w+|[^\w\s]")
ALIKE = 0.25
"""Texts with less in common than this share of their words are not compared word by word: all would be marked."""
COMPARED_WORDS = 3000
"""The most words that are compared; the time grows with their square."""


@dataclass(frozen=True)
class Said:
    """An answer, and what the model thought before it."""

    thought: str
    answer: str
    thinking: bool = False
    """Whether the thinking has not come to its end."""


def said(text: str) -> Said:
    """Take an answer apart. A template may have opened the thinking itself, so that only its end is in the text."""
    begun = text.lstrip()
    if begun.startswith(OPENED):
        thought, end, answer = begun[len(OPENED) :].partition(CLOSED)
        return Said(thought.strip(), answer.lstrip("\n"), not end)
    if begun and OPENED.startswith(begun):  # the word itself is still coming
        return Said("", "", True)
    thought, end, answer = text.partition(CLOSED)
    return Said(thought.strip(), answer.lstrip("\n")) if end else Said("", text)


def code_blocks(text: str) -> list[str]:
    """The contents of the fenced blocks; one that is not closed goes to the end."""
    return [found[2].rstrip("\n") for found in _FENCE.finditer(text)]


Marked = tuple[tuple[str, bool], ...]
"""A text in pieces, each with whether the other text has it otherwise."""


@dataclass(frozen=True)
class Difference:
    """Two texts word by word."""

    left: Marked
    right: Marked
    words: int
    """Words that stand in one alone."""
    of: int
    """Words of both together."""
    compared: bool = True
    """False where they have too little in common, or too many words, to mark what differs."""


def difference(left: str, right: str) -> Difference:
    """What two answers differ in, word by word; white space is no word."""
    ours, theirs = _WORDS.findall(left), _WORDS.findall(right)
    of = _count(ours) + _count(theirs)
    unmarked = Difference(((left, False),), ((right, False),), of, of, compared=False)
    if max(len(ours), len(theirs)) > COMPARED_WORDS:
        return unmarked
    matcher = SequenceMatcher(a=ours, b=theirs, autojunk=False)
    marked: tuple[list[tuple[str, bool]], list[tuple[str, bool]]] = ([], [])
    differing = common = 0
    for tag, a, b, c, d in matcher.get_opcodes():
        for pieces, words in zip(marked, (ours[a:b], theirs[c:d]), strict=True):
            if words:
                pieces.append(("".join(words), tag != "equal"))
                common += _count(words) if tag == "equal" else 0
                differing += _count(words) if tag != "equal" else 0
    if of and common / of < ALIKE:
        return unmarked
    return Difference(tuple(marked[0]), tuple(marked[1]), differing, of)


def _count(words: list[str]) -> int:
    return sum(not word.isspace() for word in words)
