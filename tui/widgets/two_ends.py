"""One line with something at its left end and something at its right: what it says can change without a new layout."""

from __future__ import annotations

from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget

from tui.widgets.foreign import foreign

GAP = 2


class TwoEnds(Widget):
    """Shows as much of the left text as the right one leaves room for."""

    COMPONENT_CLASSES = {"two-ends--right"}  # noqa: RUF012  (Textual declares it so)
    DEFAULT_CSS = """
    TwoEnds { height: 1; width: 100%; & > .two-ends--right { color: $text-muted; } }
    """

    left: reactive[str] = reactive("")
    right: reactive[str] = reactive("")

    def render(self) -> Content:
        width = self.content_size.width
        right = foreign(self.right).truncate(width, ellipsis=True)
        room = max(0, width - right.cell_length - (GAP if right else 0))
        left = foreign(self.left).truncate(room, ellipsis=True, pad=False)
        gap = " " * max(0, width - left.cell_length - right.cell_length)
        return Content.assemble(left, gap, right.stylize(self.get_visual_style("two-ends--right")))
