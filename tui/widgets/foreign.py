"""Text from outside, shown as it is: never read as markup, never able to steer the terminal."""

from __future__ import annotations

from rich.text import Text
from textual.content import Content

_PICTURES = {code: chr(0x2400 + code) for code in range(32) if chr(code) not in "\n\t"} | {0x7F: "\N{SYMBOL FOR DELETE}"}
_PICTURES |= dict.fromkeys(
    (*range(0x80, 0xA0), 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A)), "\N{REPLACEMENT CHARACTER}"
)


def plain(text: str) -> str:
    """The text with control characters and writing-direction marks made visible; lines and tabs stay."""
    return text.translate(_PICTURES)


def foreign(text: str) -> Content:
    """Content for widgets of Textual."""
    return Content(plain(text))


def cell(text: str, width: int = 200) -> Text:
    """One line for a table cell, at most `width` columns of the terminal wide."""
    line = Text(plain(" ".join(text[: width * 4].split())), no_wrap=True, end="")
    line.truncate(width, overflow="ellipsis")
    return line
