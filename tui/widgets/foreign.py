"""Text from outside, shown as it is: never read as markup, never able to steer the terminal or to move what is beside it."""

from __future__ import annotations

import re

from rich.cells import cell_len, split_graphemes
from rich.segment import Segment
from rich.text import Text
from textual.color import Color
from textual.content import Content
from textual.filter import LineFilter

from tui.words import plain as plain

_FLAGS = range(0x1F1E6, 0x1F200)
_DISPUTED = re.compile(
    "[\0-\x1f\x7f-\x9f\xad\u061c\u115f\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ufe0f\ufeff\uffa0-\uffa1"
    "\U0001f1e6-\U0001f1ff\U0001f3fb-\U0001f3ff\U000e0000-\U000e007f]"
)
"""What steers a terminal, or is not as wide on every one of them."""
MOST_MARKS = 8
"""Of the accents on one letter."""
_FLOOD = re.compile(f"[\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]{{{MOST_MARKS},}}")


def foreign(text: str) -> Content:
    """Content for widgets of Textual."""
    return Content(plain(text))


def cell(text: str, width: int = 200) -> Text:
    """One line for a table cell, at most `width` columns of the terminal wide."""
    line = Text(plain(" ".join(text[: width * 4].split())), no_wrap=True, end="")
    line.truncate(width, overflow="ellipsis")
    return line


class Harmless(LineFilter):
    """The last look at every line before it is painted: what a field holds as typed steers no terminal either."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        return [
            segment
            if segment.text.isascii() and segment.text.isprintable()
            else segment._replace(text=_harmless(segment.text))
            for segment in segments
        ]


def _harmless(text: str) -> str:
    """A text of the same cells on every terminal."""
    if not _DISPUTED.search(text) and not _FLOOD.search(text):
        return text
    spans, _ = split_graphemes(text)
    return "".join(_one_sign(text[begin:end], cells) for begin, end, cells in spans)


def _one_sign(sign: str, cells: int) -> str:
    """One sign with its accents, as wide as it is counted; of what is joined to one by the terminal only the first."""
    if cells == 0:
        return ""
    if ord(sign[0]) in _FLAGS:
        return "".join(chr(ord(letter) - _FLAGS[0] + ord("A")) for letter in sign[:cells])
    kept = sign[:1] if _DISPUTED.search(sign) else sign[: 1 + MOST_MARKS]
    kept = plain(kept)
    return kept if cell_len(kept) == cells else f"{kept if cell_len(kept) < cells else '':{cells}}"
