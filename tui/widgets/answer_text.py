"""The text of an answer as it grows: Markdown, its source, or with the words marked that another answer has otherwise."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from typing import ClassVar, Literal

from markdown_it.token import Token
from markdown_it.tree import SyntaxTreeNode
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static

from tui.run.said import Marked
from tui.widgets.foreign import foreign, plain
from tui.widgets.markdown_text import MarkdownText, make_parser

Form = Literal["markdown", "source", "marked"]
PART_LINES = 40
"""Markdown is shown in parts of about so many lines, of which only the last one changes."""
BLOCK_LINES, MARKDOWN_LETTERS = 400, 100_000
"""After a block of so many lines, or so many letters, the rest is shown as its source."""
DEEPEST = 15
"""Blocks nested deeper than this are shown as their source."""
CHUNK_LINES, CHUNK_LETTERS = 100, 8000
"""The parts of source."""
_UNDECIDED = re.compile(r"(?:^|\n)[\s\d\-=*_#>|`~+:.()\[\]]*\Z")
"""A last line of nothing but signs: what it makes of itself, or of the line above, is not known before it goes on."""
PAUSE_S, REST = 0.15, 3
"""So long nothing is painted after a painting, or so many times as long as that took, so that keys are heard in between."""


class AnswerText(Vertical):
    """Shows what it is told last, at its own pace; what was shown already is not painted again."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"answer-text--differs"}
    DEFAULT_CSS = """
    AnswerText { height: auto; & > Static { height: auto; } & > .answer-text--differs { text-style: bold underline; } }
    """

    def __init__(self) -> None:
        super().__init__()
        self._wanted: tuple[str, bool, Form, Marked] = ("", False, "source", ())
        self._painted: tuple[str, bool, Form, Marked] = self._wanted
        """What was wanted when it was painted last."""
        self._form: Form | None = None
        self._shown = ""
        """What the widgets show of the text."""
        self._pieces: Marked = ()
        self._last: MarkdownText | Static | None = None
        self._begun = 0
        """Where the text of the last widget begins."""
        self._source_only = False
        self._busy = False
        self._parser = make_parser()

    def show(self, text: str, done: bool, form: Form, pieces: Marked = ()) -> None:
        """Show a text, or one that has grown; `pieces` is the text with its marks."""
        wanted = plain(text), done, form, pieces
        if wanted == self._wanted:
            return
        self._wanted = wanted
        if not self._busy:
            self._busy = True
            self.call_later(self._paint)

    async def _paint(self) -> None:
        begun = time.monotonic()
        text, done, form, pieces = wanted = self._wanted
        if form == "markdown" and not done:
            text = _UNDECIDED.sub("", text)
        if form != self._form or not text.startswith(self._shown) or pieces != self._pieces:
            await self._begin(form, pieces)
        if text != self._shown:
            if form == "marked":
                await self.mount(Static(self._marked(pieces), markup=False))
            elif form == "markdown" and not self._source_only:
                await self._show_markdown(text)
            else:
                await self._show_source(text)
        self._shown, self._painted = text, wanted
        if done and self._wanted == wanted:
            self._busy = False
        else:
            self.call_after_refresh(self._rest, begun)

    def _rest(self, begun: float) -> None:
        """Leave the time to the keys; how long the painting took is known once the screen is painted."""
        self.set_timer(max(PAUSE_S, REST * (time.monotonic() - begun)), self._paint_rest)

    async def _paint_rest(self) -> None:
        """Paint what came during the pause, if anything did."""
        if self._wanted == self._painted:
            self._busy = False
        else:
            await self._paint()

    async def _begin(self, form: Form, pieces: Marked) -> None:
        await self.remove_children()
        self._form, self._shown, self._pieces = form, "", pieces
        self._last, self._begun, self._source_only = None, 0, False

    async def _show_markdown(self, text: str) -> None:
        """Parse what is not settled; of what comes of it all parts but the last will not change any more."""
        fresh = text[self._begun :]
        tokens = self._parser.parse(fresh)
        nodes = SyntaxTreeNode(tokens).children
        if len(text) > MARKDOWN_LETTERS or not _fits(nodes, tokens):
            self._source_only = True
            if isinstance(self._last, MarkdownText):
                await self._last.remove()
            self._last = None
            await self._show_source(text)
            return
        parts = _parts(nodes)
        views = [self._last if isinstance(self._last, MarkdownText) else MarkdownText()]
        views += [MarkdownText() for _ in parts[1:]]
        for view, part in zip(views, parts, strict=True):
            view.show(part)
        await self.mount_all(view for view in views if view is not self._last)
        if len(parts) > 1 and (lines := parts[-1][0].map):
            self._begun += sum(len(line) + 1 for line in fresh.split("\n")[: lines[0]])
        self._last = views[-1]

    async def _show_source(self, text: str) -> None:
        """Fill the last part, and begin others."""
        fresh: list[Static] = []
        while True:
            part = text[self._begun : self._begun + CHUNK_LETTERS]
            lines = part.split("\n", CHUNK_LINES)
            if len(lines) > CHUNK_LINES:
                part = part[: len(part) - len(lines[-1])]
            whole = self._begun + len(part) < len(text)
            content = Content(part[:-1] if whole and part.endswith("\n") else part)
            if isinstance(self._last, Static):
                self._last.update(content)
            else:
                self._last = Static(content, markup=False)
                fresh.append(self._last)
            if not whole:
                break
            self._begun += len(part)
            self._last = None
        await self.mount_all(fresh)

    def _marked(self, pieces: Marked) -> Content:
        style = self.get_visual_style("answer-text--differs")
        return Content("").join(Content.styled(plain(text), style) if differs else foreign(text) for text, differs in pieces)


def _fits(nodes: Sequence[SyntaxTreeNode], tokens: Sequence[Token]) -> bool:
    """Whether no block is endless, and none so deeply nested that the parser leaves text out."""
    shallow = all(token.level < DEEPEST for token in tokens)
    return shallow and all(node.map is None or node.map[1] - node.map[0] <= BLOCK_LINES for node in nodes)


def _parts(nodes: Sequence[SyntaxTreeNode]) -> list[Sequence[SyntaxTreeNode]]:
    """Blocks that follow each other, in parts of enough lines each."""
    parts: list[Sequence[SyntaxTreeNode]] = []
    begun = 0
    for at, node in enumerate(nodes):
        first = nodes[begun].map
        if at > begun and node.map and first and node.map[0] - first[0] >= PART_LINES:
            parts.append(nodes[begun:at])
            begun = at
    return [*parts, nodes[begun:]]
