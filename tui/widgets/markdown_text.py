"""Markdown laid out as lines of text: one widget for many blocks, so that a long answer costs little to grow."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar

from markdown_it import MarkdownIt
from markdown_it.tree import SyntaxTreeNode
from textual.content import Content
from textual.geometry import Size
from textual.highlight import highlight
from textual.style import Style
from textual.widget import Widget

BULLETS = "•▪‣"
LEAST_WIDTH = 12
"""Deeply nested blocks get so much, whatever room there is."""
CELL_GAP = "  "

Lines = list[Content]


def make_parser() -> MarkdownIt:
    """Markdown as models write it; tags are text, so that nothing of an answer is swallowed."""
    return MarkdownIt("gfm-like", {"html": False, "linkify": False})


class MarkdownText(Widget):
    """Foreign Markdown; a link shows where it leads, and nothing in it can be clicked."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "markdown-text--heading", "markdown-text--code", "markdown-text--word", "markdown-text--mark",
        "markdown-text--strong", "markdown-text--em", "markdown-text--s", "markdown-text--link",
    }  # fmt: skip
    DEFAULT_CSS = """
    MarkdownText {
        height: auto;
        & > .markdown-text--heading { color: $text-primary; text-style: bold underline; }
        & > .markdown-text--code { background: $panel; }
        & > .markdown-text--word { color: $text-accent; background: $panel; }
        & > .markdown-text--mark { color: $text-primary; }
        & > .markdown-text--strong { text-style: bold; }
        & > .markdown-text--em { text-style: italic; }
        & > .markdown-text--s { text-style: strike; }
        & > .markdown-text--link { text-style: underline; }
    }
    """

    def __init__(self) -> None:
        super().__init__()
        self._parsed: Sequence[SyntaxTreeNode] = ()
        self._laid: tuple[int, Content, int] | None = None

    def show(self, nodes: Sequence[SyntaxTreeNode]) -> None:
        """Show other blocks; the layout around them is only made anew when they take more or fewer lines."""
        before = self._laid
        self._parsed, self._laid = nodes, None
        if before is None or not self.size.width:
            self.refresh(layout=True)
        else:
            _, _, height = self._lay(before[0])
            self.refresh(layout=height != before[2])

    def get_content_width(self, container: Size, viewport: Size) -> int:
        return container.width

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        return self._lay(width)[2]

    def render(self) -> Content:
        return self._lay(self.content_size.width)[1]

    def notify_style_update(self) -> None:
        self._laid = None
        super().notify_style_update()

    def _lay(self, width: int) -> tuple[int, Content, int]:
        if self._laid is None or self._laid[0] != width:
            lines = self._blocks(self._parsed, width)
            self._laid = width, Content("\n").join(lines), max(1, len(lines))
        return self._laid

    def _style(self, name: str) -> Style:
        return self.get_visual_style(f"markdown-text--{name}")

    # ---- blocks

    def _blocks(self, nodes: Iterable[SyntaxTreeNode], width: int, *, tight: bool = False, depth: int = 0) -> Lines:
        lines: Lines = []
        for node in nodes:
            if lines and not tight:
                lines.append(Content())
            lines += self._block(node, max(LEAST_WIDTH, width), depth)
        return lines

    def _block(self, node: SyntaxTreeNode, width: int, depth: int) -> Lines:
        match node.type:
            case "heading":
                return self._inline(node, self._style("heading")).wrap(width)
            case "bullet_list" | "ordered_list":
                return self._list(node, width, depth)
            case "fence" | "code_block":
                return self._code(node, width)
            case "blockquote":
                bar = Content.styled("▌ ", self._style("mark"))
                return [bar + line for line in self._blocks(node.children, width - 2, depth=depth)]
            case "hr":
                return [Content.styled("─" * width, self._style("mark"))]
            case "table":
                return self._table(node, width)
            case _:
                return self._inline(node).wrap(width)

    def _list(self, node: SyntaxTreeNode, width: int, depth: int) -> Lines:
        lines: Lines = []
        number = int(node.attrs.get("start", 1)) if node.type == "ordered_list" else None
        for item in node.children:
            mark = f"{number}. " if number is not None else f"{BULLETS[depth % len(BULLETS)]} "
            number = None if number is None else number + 1
            tight = all(child.hidden for child in item.children if child.type == "paragraph")
            if lines and not tight:
                lines.append(Content())
            inner = self._blocks(item.children, width - len(mark), tight=tight, depth=depth + 1) or [Content()]
            lines.append(Content.styled(mark, self._style("mark")) + inner[0])
            lines += [Content(" " * len(mark)) + line for line in inner[1:]]
        return lines

    def _code(self, node: SyntaxTreeNode, width: int) -> Lines:
        language = (node.info.split() or ["text"])[0] if node.type == "fence" else "text"
        code = highlight(node.content.rstrip("\n"), language=language).expand_tabs(8)
        style = self._style("code")
        wrapped = [part for line in code.split("\n", allow_blank=True) for part in (line.fold(width - 2) or [Content()])]
        return [
            Content.styled(" ", style)
            + line.pad_right(max(0, width - 2 - line.cell_length)).stylize_before(style)
            + Content.styled(" ", style)
            for line in wrapped
        ]

    def _table(self, node: SyntaxTreeNode, width: int) -> Lines:
        """Columns as wide as what is in them, or narrower where all of them do not fit."""
        head = self._style("heading")
        rows = [
            [self._inline(cell, head if cell.type == "th" else None) for cell in row.children]
            for part in node.children
            for row in part.children
        ]
        count = max((len(row) for row in rows), default=0)
        if not count:
            return []
        wanted = [max((row[at].cell_length for row in rows if at < len(row)), default=1) for at in range(count)]
        room = max(count, width - len(CELL_GAP) * (count - 1))
        widths = _shared(wanted, room)
        lines: Lines = []
        for row in rows:
            cells = [row[at].wrap(widths[at]) if at < len(row) else [Content()] for at in range(count)]
            for line in range(max(map(len, cells))):
                parts = [cell[line] if line < len(cell) else Content() for cell in cells]
                padded = [part.pad_right(max(0, widths[at] - part.cell_length)) for at, part in enumerate(parts)]
                lines.append(Content(CELL_GAP).join(padded).truncate(width))
        return lines

    # ---- inside a line

    def _inline(self, node: SyntaxTreeNode, style: Style | None = None) -> Content:
        return Content("").join(self._pieces(node, style or Style()))

    def _pieces(self, node: SyntaxTreeNode, style: Style) -> Iterable[Content]:
        for child in node.children:
            match child.type:
                case "inline":
                    yield from self._pieces(child, style)
                case "softbreak" | "hardbreak":
                    yield Content("\n")
                case "code_inline":
                    yield Content.styled(child.content, style + self._style("word"))
                case "strong" | "em" | "s":
                    yield from self._pieces(child, style + self._style(child.type))
                case "link":
                    yield from self._link(child, style)
                case "image":
                    yield Content.styled(f"[{child.content}] ({child.attrs.get('src', '')})", style)
                case _:
                    yield Content.styled(child.content, style)

    def _link(self, node: SyntaxTreeNode, style: Style) -> Iterable[Content]:
        shown = Content("").join(self._pieces(node, style + self._style("link")))
        href = str(node.attrs.get("href", ""))
        yield shown
        if href not in (shown.plain, f"mailto:{shown.plain}"):
            yield Content.styled(f" ({href})", style)


def _shared(wanted: list[int], room: int) -> list[int]:
    """What each column gets of the room: what it wants, or else an equal share of what the small ones leave."""
    widths = [0] * len(wanted)
    left, open_ones = room, sorted(range(len(wanted)), key=lambda at: wanted[at])
    while open_ones:
        at = open_ones.pop(0)
        widths[at] = max(1, min(wanted[at], left // (len(open_ones) + 1)))
        left -= widths[at]
    return widths
