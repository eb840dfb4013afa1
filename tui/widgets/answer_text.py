"""The text of an answer as it grows: Markdown, its source, or with the words marked that another answer has otherwise."""

from __future__ import annotations

import time
from typing import ClassVar, Literal

from markdown_it import MarkdownIt
from markdown_it.rules_core import StateCore
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Markdown, Static

from tui.run.said import Marked
from tui.widgets.foreign import foreign, plain

Form = Literal["markdown", "source", "marked"]
MARKDOWN_LINES, MARKDOWN_LETTERS = 400, 24_000
"""What comes after so much is shown as its source: each paragraph of Markdown is a widget of its own."""
CHUNK_LINES, CHUNK_LETTERS = 100, 8000
"""Source is shown in parts of this size, of which only the last one changes."""
REST = 3
"""So many times as long as the last painting took nothing is painted, so that keys are heard in between."""


def _keep_line_ends(state: StateCore) -> None:
    """A line end in an answer is one: poems and listings are not run together."""
    for token in state.tokens:
        for child in token.children or ():
            if child.type == "softbreak":
                child.type = "hardbreak"


def make_parser() -> MarkdownIt:
    """Markdown as models write it; tags are text, so that nothing of an answer is swallowed."""
    parser = MarkdownIt("gfm-like", {"html": False, "linkify": False})
    parser.core.ruler.push("keep_line_ends", _keep_line_ends)
    return parser


class ForeignMarkdown(Markdown):
    """Markdown from outside: a link says where it leads and opens nothing."""

    DEFAULT_CSS = """
    ForeignMarkdown { padding: 0; height: auto; }
    ForeignMarkdown > * { margin-top: 0; }
    """

    def __init__(self) -> None:
        super().__init__(parser_factory=make_parser, open_links=False)

    def on_markdown_link_clicked(self, event: Markdown.LinkClicked) -> None:
        event.stop()
        self.notify(plain(event.href), title="The link leads to", markup=False)


class AnswerText(Vertical):
    """Shows what it is told last, at its own pace; what was shown already is not painted again."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"answer-text--differs"}
    DEFAULT_CSS = """
    AnswerText { height: auto; & > Static { height: auto; } & > .answer-text--differs { text-style: bold underline; } }
    """

    def __init__(self) -> None:
        super().__init__()
        self._wanted: tuple[str, bool, Form, Marked] = ("", False, "source", ())
        self._form: Form | None = None
        self._shown = ""
        """What the widgets show of the text."""
        self._pieces: Marked = ()
        self._streamed = False
        """Whether the Markdown came in pieces, and is not yet laid out as a whole."""
        self._markdown: ForeignMarkdown | None = None
        self._markdown_ends = False
        self._last: Static | None = None
        self._last_text = ""
        self._busy = False

    def show(self, text: str, done: bool, form: Form, pieces: Marked = ()) -> None:
        """Show a text, or one that has grown; `pieces` is the text with its marks."""
        self._wanted = (plain(text), done, form, pieces)
        if not self._busy:
            self._busy = True
            self.call_later(self._paint)

    async def _paint(self) -> None:
        begun = time.monotonic()
        text, done, form, pieces = self._wanted
        if form != self._form or not text.startswith(self._shown) or pieces != self._pieces:
            await self._begin(form, pieces)
        if form == "marked" and not self._shown and text:
            await self.mount(Static(self._marked(pieces), markup=False))
        elif added := text[len(self._shown) :]:
            await self._add(added, whole=done and not self._shown)
        self._shown = text
        if done and self._streamed and self._markdown:
            self._streamed = False
            await self._markdown.update(self._markdown.source)
        took = time.monotonic() - begun
        if self._wanted == (text, done, form, pieces):
            self._busy = False
        else:
            self.set_timer(REST * took, self._paint)

    async def _begin(self, form: Form, pieces: Marked) -> None:
        await self.remove_children()
        self._form, self._shown, self._pieces = form, "", pieces
        self._markdown, self._last, self._last_text = None, None, ""
        self._streamed = self._markdown_ends = False

    async def _add(self, added: str, *, whole: bool) -> None:
        if self._form == "markdown" and not self._markdown_ends:
            added = await self._add_markdown(added, whole)
        if added:
            await self._add_source(added)

    async def _add_markdown(self, added: str, whole: bool) -> str:
        """Show what there is room for, and return the rest."""
        if self._markdown is None:
            self._markdown = ForeignMarkdown()
            await self.mount(self._markdown)
        before = self._markdown.source
        lines = MARKDOWN_LINES - before.count("\n")
        pieces = added.split("\n", lines)
        fits = "\n".join(pieces[:lines]) if len(pieces) > lines else added
        fits = fits[: MARKDOWN_LETTERS - len(before)]
        self._markdown_ends = len(fits) < len(added)
        if whole:
            await self._markdown.update(before + fits)
        elif fits:
            self._streamed = True
            await self._markdown.append(fits)
        return added[len(fits) :]

    async def _add_source(self, added: str) -> None:
        """Fill the last part, and begin others."""
        while added:
            room = CHUNK_LINES - self._last_text.count("\n")
            if self._last is None or room <= 0 or len(self._last_text) >= CHUNK_LETTERS:
                self._last, self._last_text, room = Static("", markup=False), "", CHUNK_LINES
                await self.mount(self._last)
            at = -1
            for _ in range(room):
                at = added.find("\n", at + 1)
                if at < 0:
                    break
            end = min(len(added) if at < 0 else at + 1, CHUNK_LETTERS - len(self._last_text))
            self._last_text += added[:end]
            added = added[end:]
            # a part that is whole ends with its line, not with an empty one
            self._last.update(Content(self._last_text[:-1] if added and self._last_text.endswith("\n") else self._last_text))

    def _marked(self, pieces: Marked) -> Content:
        style = self.get_visual_style("answer-text--differs")
        return Content("").join(Content.styled(plain(text), style) if differs else foreign(text) for text, differs in pieces)
