"""What every line goes through on its way to a terminal that shows no colours, or takes no UTF-8."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from functools import lru_cache

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.color import Color
from textual.filter import LineFilter

SIGNS = {
    "✓": "v", "✗": "x", "•": "*", "●": "*", "○": "o", "◆": "#", "★": "*", "·": ".", "…": ".", "–": "-", "—": "-", "‹": "<",
    "›": ">", "»": ">", "«": "<", "→": ">", "←": "<", "↑": "^", "↓": "v", "▶": ">", "◀": "<", "▼": "v", "▲": "^", "▾": "v",
    "▴": "^", "×": "x", "≤": "<", "≥": ">", "°": "o", "²": "2", "³": "3", "“": '"', "”": '"', "‘": "'", "’": "'", "„": '"',
    "⚠": "!", "⏎": "<", "␣": "_", "▁": "_", "▂": "_", "▃": ".", "▄": "-", "▅": "-", "▆": "=", "▇": "#", "█": "#", "▓": "%",
    "▒": "=", "░": ":", "▞": "/", "▚": "\\", "▖": ".", "▀": "^", "▌": "|", "▐": "|", "▍": "|", "▎": "|", "▏": "|", "▊": "|",
    "▋": "|", "▉": "#", "▔": "-", "▕": "|", "━": "=", "╸": "=", "╺": "=", "─": "-", "│": "|", "┃": "|", "═": "=", "║": "|",
}  # fmt: skip
"""A letter for each sign that this program paints; every other line of a box is a plus."""
BRAILLE = " .:+*#"
"""More of its eight dots, a heavier letter."""


def wanted(environ: Mapping[str, str]) -> bool:
    """Whether the terminal is said not to take UTF-8; ``UNSLOTH_TUI_ASCII`` (0 or 1) decides where it is set.

    Python sets LC_CTYPE to C.UTF-8 when it starts in the locale C (PEP 538), so that value says nothing. Where nothing
    is set at all, as in a bare container, the terminal is taken for a present-day one.
    """
    if told := environ.get("UNSLOTH_TUI_ASCII"):
        return told != "0"
    kind = environ.get("LC_CTYPE", "")
    locale = environ.get("LC_ALL") or (kind if kind != "C.UTF-8" else "") or environ.get("LANG") or kind or "C.UTF-8"
    return "utf" not in locale.lower()


@lru_cache(4096)
def in_ascii(text: str) -> str:
    """The text in ASCII, each letter as many columns wide as before."""
    return text if text.isascii() else "".join(_letter(letter) for letter in text)


def _letter(letter: str) -> str:
    if letter.isascii():
        return letter
    if letter in SIGNS:
        return SIGNS[letter]
    if "⠀" <= letter <= "⣿":
        dots = (ord(letter) - 0x2800).bit_count()
        return BRAILLE[(dots + 1) * 5 // 9] if dots else " "
    if "─" <= letter <= "╿":
        return "+"
    plain = unicodedata.normalize("NFKD", letter).encode("ascii", "ignore").decode()
    width = cell_len(letter)
    return plain[:width].ljust(width) if plain else "?" * width


class StyleFilter(LineFilter):
    """Gives every piece a style: Textual's filter for NO_COLOR ends the program on one without."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        return [Segment(text, style or Style.null(), control) for text, style, control in segments]


class AsciiFilter(LineFilter):
    """Writes everything in ASCII."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        return [Segment(in_ascii(text), style, control) for text, style, control in segments]
