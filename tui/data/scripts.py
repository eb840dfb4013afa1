"""Which script a text is written in, told from its first letters."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from functools import lru_cache

LETTERS_LOOKED_AT = 160
_RANGES = (
    (0x0041, 0x024F, "Latin"), (0x0370, 0x03FF, "Greek"), (0x0400, 0x052F, "Cyrillic"), (0x0530, 0x058F, "Armenian"),
    (0x0590, 0x05FF, "Hebrew"), (0x0600, 0x077F, "Arabic"), (0x08A0, 0x08FF, "Arabic"), (0x0900, 0x097F, "Devanagari"),
    (0x0980, 0x09FF, "Bengali"), (0x0A00, 0x0A7F, "Gurmukhi"), (0x0A80, 0x0AFF, "Gujarati"), (0x0B80, 0x0BFF, "Tamil"),
    (0x0C00, 0x0C7F, "Telugu"), (0x0C80, 0x0CFF, "Kannada"), (0x0D00, 0x0D7F, "Malayalam"), (0x0E00, 0x0E7F, "Thai"),
    (0x0E80, 0x0EFF, "Lao"), (0x1000, 0x109F, "Burmese"), (0x10A0, 0x10FF, "Georgian"), (0x1100, 0x11FF, "Korean"),
    (0x1200, 0x137F, "Ethiopic"), (0x1780, 0x17FF, "Khmer"), (0x1E00, 0x1EFF, "Latin"), (0x1F00, 0x1FFF, "Greek"),
    (0x3040, 0x30FF, "Japanese"), (0x3130, 0x318F, "Korean"), (0x31F0, 0x31FF, "Japanese"), (0x3400, 0x4DBF, "Han"),
    (0x4E00, 0x9FFF, "Han"), (0xAC00, 0xD7AF, "Korean"), (0xF900, 0xFAFF, "Han"), (0x20000, 0x323AF, "Han"),
)  # fmt: skip
"""First and last code point (unicode.org/Public/UNIDATA/Blocks.txt) and what is written with it."""
_STARTS = [first for first, _, _ in _RANGES]


@lru_cache(1 << 14)
def _script_of(letter: str) -> str:
    at = bisect_right(_STARTS, ord(letter)) - 1
    return _RANGES[at][2] if at >= 0 and ord(letter) <= _RANGES[at][1] and letter.isalpha() else ""


def script(text: str) -> str:
    """What most of the first letters are; empty for a text without letters. Han with kana is Japanese."""
    first = text[:LETTERS_LOOKED_AT]
    if first.isascii():
        return "Latin" if any(map(str.isalpha, first)) else ""
    heard = Counter(map(_script_of, first))
    del heard[""]
    if not heard:
        return ""
    best = heard.most_common(1)[0][0]
    return "Japanese" if best == "Han" and 10 * heard["Japanese"] >= heard["Han"] else best
