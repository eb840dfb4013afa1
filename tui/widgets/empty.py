"""What stands where there is nothing yet: what it is for, and what to do next."""

from __future__ import annotations

from textual.content import Content

from tui.widgets.hanging import Hanging


class Empty(Hanging):
    """A title, and lines of ``key  what it does``."""

    def __init__(self, title: str, *lines: str) -> None:
        super().__init__(Content("\n\n").join([Content(title).stylize("bold"), Content("\n".join(lines))]), markup=False)
