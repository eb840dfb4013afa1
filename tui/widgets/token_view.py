"""The tokens of one row: which are learned, which are only seen, which are cut off."""

from __future__ import annotations

from typing import ClassVar

from textual.content import Content
from textual.reactive import reactive
from textual.style import Style
from textual.widget import Widget

from tui.run.events import Previewed
from tui.widgets.foreign import plain

STYLES = {
    "l": "token-view--learned", "L": "token-view--learned",
    ".": "token-view--seen", ":": "token-view--seen",
    "x": "token-view--cut", "X": "token-view--cut",
}  # fmt: skip
SPECIAL = "L:X"
EDGE = "│"
LEGEND = "underlined is learned, struck through is cut off, reversed are special tokens"


class TokenView(Widget):
    """Learned tokens are underlined, cut ones struck through, special ones reversed; with edges, each stands by itself."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {*STYLES.values(), "token-view--edge"}
    DEFAULT_CSS = """
    TokenView {
        height: auto;
        & .token-view--learned { color: $text-success; text-style: underline; }
        & .token-view--seen { color: $text-muted; }
        & .token-view--cut { color: $text-error; text-style: strike; }
        & .token-view--edge { color: $text-disabled; }
    }
    """

    preview: reactive[Previewed | None] = reactive(None, layout=True)
    edges: reactive[bool] = reactive(False, layout=True)

    def render(self) -> Content:
        if self.preview is None:
            return Content()
        edge = [Content.styled(EDGE, self.get_visual_style("token-view--edge"))] if self.edges else []
        parts: list[Content] = []
        for piece, mark in zip(self.preview.pieces, self.preview.marks, strict=False):
            parts += [Content.styled(self._shown(piece), self._style(mark)), *edge]
        return Content("").join(parts)

    def _shown(self, piece: str) -> str:
        """With edges a line end is seen as a sign too."""
        return plain(piece).replace("\n", "⏎\n" if self.edges else "\n")

    def _style(self, mark: str) -> Style:
        style = self.get_visual_style(STYLES[mark])
        return style + Style(reverse=True) if mark in SPECIAL else style
