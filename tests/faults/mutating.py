"""Damages what is well-formed: bytes, lines, numbers, structure, and words that have broken programs before."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence

WORDS = tuple(
    word.encode("utf-8", "surrogatepass")
    for word in (
        "", "\0", "\x1b[2J", "\x1b]52;c;aGk=\x07", "\r", "\n", "\r\n", "\t", "\ufeff", "\u202e", "\u200b", "\ud800",
        "e\u0301" * 50, "😀", "日本", "null", "true", "false", "NaN", "Infinity", "-Infinity", "1e999", "-1e-999", "0",
        "-0", "-1", "0.1", "9" * 400, "1" * 5000, str(2**31), str(2**63), str(2**64), str(-(2**63) - 1), "[]", "{}",
        '""', "[[[[", "{" * 60, "[" * 3000, "]" * 40, '"', "'", "\\", "\\u0000", '\\ud800', "\\x", "=", "#", ",", ";",
        ":", "..", "../../etc/passwd", "/", "/dev/zero", "/dev/null", "~", "~nobody/x", "%s", "%n", "{0}", "[/red]",
        "[@click=app.quit()]x[/]", "<|im_end|>", "</s>", "[INST]", "{{ 7 * 7 }}", "{% for x in y %}", "a" * 5000,
        "1979-05-27T07:32:00Z", "0x10", "0b1", "1_000", "'''", '"""', "inf", "nan", "+", "-", "\x85", "\u2028", "\xa0",
        "PK\x03\x04", "\x1f\x8b", "PAR1", "ARROW1",
    )
)  # fmt: skip
_NUMBER = re.compile(rb"-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?")
_TEXT = re.compile(rb'"(?:[^"\\\n]|\\.)*"')
LARGEST_BYTES = 200_000

Damage = Callable[[random.Random, bytes, bytes], bytes]
"""Something that happens to the first bytes; the second are another example of the same kind."""


def _place(chance: random.Random, content: bytes) -> int:
    return chance.randint(0, len(content))


def _flip(chance: random.Random, content: bytes, other: bytes) -> bytes:
    at = _place(chance, content)
    return content[:at] + bytes([chance.randrange(256)]) + content[at + 1 :]


def _insert(chance: random.Random, content: bytes, other: bytes) -> bytes:
    at = _place(chance, content)
    return content[:at] + chance.choice(WORDS) + content[at:]


def _cut(chance: random.Random, content: bytes, other: bytes) -> bytes:
    return content[: _place(chance, content)]


def _remove(chance: random.Random, content: bytes, other: bytes) -> bytes:
    first, last = sorted((_place(chance, content), _place(chance, content)))
    return content[:first] + content[last:]


def _repeat(chance: random.Random, content: bytes, other: bytes) -> bytes:
    first, last = sorted((_place(chance, content), _place(chance, content)))
    return content[:last] + content[first:last] * chance.choice((1, 2, 9)) + content[last:]


def _splice(chance: random.Random, content: bytes, other: bytes) -> bytes:
    return content[: _place(chance, content)] + other[_place(chance, other) :]


def _shuffle_lines(chance: random.Random, content: bytes, other: bytes) -> bytes:
    lines = content.split(b"\n")
    chance.shuffle(lines)
    return b"\n".join(lines)


def _another(pattern: re.Pattern[bytes], quote: bytes) -> Damage:
    def damage(chance: random.Random, content: bytes, other: bytes) -> bytes:
        found = list(pattern.finditer(content))
        if not found:
            return _insert(chance, content, other)
        hit = chance.choice(found)
        word = chance.choice(WORDS)
        return content[: hit.start()] + (quote + word + quote if chance.random() < 0.5 else word) + content[hit.end() :]

    return damage


def _exchange(chance: random.Random, content: bytes, other: bytes) -> bytes:
    """Put a text of the other example in the place of one of this."""
    mine, others = list(_TEXT.finditer(content)), _TEXT.findall(other)
    if not mine or not others:
        return _splice(chance, content, other)
    hit = chance.choice(mine)
    return content[: hit.start()] + chance.choice(others) + content[hit.end() :]


DAMAGES: tuple[Damage, ...] = (
    _flip, _insert, _cut, _remove, _repeat, _splice, _shuffle_lines, _exchange, _another(_NUMBER, b""), _another(_TEXT, b'"')
)  # fmt: skip


def damaged(chance: random.Random, examples: Sequence[bytes]) -> bytes:
    """One of the examples with one to four things done to it."""
    content = chance.choice(examples)
    for _ in range(chance.choice((1, 1, 1, 2, 2, 3, 4))):
        content = chance.choice(DAMAGES)(chance, content, chance.choice(examples))[:LARGEST_BYTES]
    return content
