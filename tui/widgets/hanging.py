"""Text of names and values: what is too long for a line goes on below the beginning of its value."""

from __future__ import annotations

import re

from textual.content import Content
from textual.geometry import Size
from textual.widgets import Static

from tui.widgets.foreign import foreign

BEFORE_VALUE = re.compile(r" *(?:[✗!✓•] |\S+(?: \S+)* {2,})?(?=\S)")
"""The indent of a line, and its sign, or the name before two spaces or more."""


class Hanging(Static):
    """Shows Content, or a text that may come from anywhere."""

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        return len(self.lines(width))

    def render(self) -> Content:
        return Content("\n").join(self.lines(self.content_size.width))

    def lines(self, width: int) -> list[Content]:
        """The text in lines of at most `width` columns of the terminal."""
        told = self.content if isinstance(self.content, Content) else foreign(str(self.content))
        lines = told.split("\n", allow_blank=True) if width else []
        return [part for line in lines for part in _hung(line, width)]


def _hung(line: Content, width: int) -> list[Content]:
    """One line of the text in lines of the terminal; a name takes at most half of each."""
    found = BEFORE_VALUE.match(line.plain)
    column = found.end() if found and found.end() <= width // 2 else 0
    first, *rest = line[column:].wrap(width - column)
    return [line[:column] + first, *(Content(" " * column) + part for part in rest)]
