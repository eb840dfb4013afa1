"""One prompt and the answers to it, side by side where there is room."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.reactive import var
from textual.widgets import Static

from tui import words
from tui.run.chat_events import Voice
from tui.run.conversation import Answer, Exchange
from tui.run.said import Difference, Marked, difference, said
from tui.widgets.answer_text import AnswerText, Form
from tui.widgets.foreign import foreign, plain

ENDINGS: dict[str, str] = {
    "length": "longest answer reached, ctrl+g goes on", "stop": "stop text", "cancelled": "stopped by you",
    "full": "the context is full, alt+o drops the oldest turns",
}  # fmt: skip
ERROR_LETTERS = 400
Names = dict[Voice, str]
"""Who each voice is, for people."""
OFFER_KEYS = ("alt+x", "alt+y", "alt+z")


def offer_bindings(keys: Iterable[str], namespace: str) -> list[Binding]:
    """A key for each way in which a model that did not fit would; see `Replied.offers`."""
    told = "Where a model does not fit: load it in a way in which it does"
    return [
        Binding(key, f"{namespace}take_offer({at})", f"Offer {at}", show=False, id=f"chat.fit.{at}", tooltip=told)
        for at, key in enumerate(keys, 1)
    ]


def offer_words(offer: str) -> str:
    """What an offer means, for people."""
    return "in 4-bit" if offer == "4-bit" else f"on {words.device(offer)}"


class AnswerView(Vertical):
    """What one voice says: who it is, what it thought, what it said, and why it ended."""

    answer: var[Answer] = var(Answer("tuned"), init=False)

    def __init__(self, answer: Answer, name: str) -> None:
        super().__init__(classes=f"-{answer.voice}")
        self.set_reactive(AnswerView.answer, answer)
        self.voice_name = name
        self.form: Form = "markdown"
        self.pieces: Marked = ()
        self.unfolded = False

        self._voice = Static("", classes="voice", markup=False)
        self._thought = Static("", classes="thought", markup=False)
        self._text = AnswerText()
        self._end = Static("", classes="end", markup=False)

    def compose(self) -> ComposeResult:
        yield from (self._voice, self._thought, self._text, self._end)

    def on_mount(self) -> None:
        self.paint()

    def watch_answer(self) -> None:
        if self.is_mounted:
            self.paint()

    def paint(self) -> None:
        """Show the answer as it is."""
        answer, parts = self.answer, said(self.answer.text)
        self._voice.update(foreign(title(answer, self.voice_name)), layout=False)
        thinks = bool(parts.thought or parts.thinking)
        _tell(self._thought, thought_text(parts.thought, parts.thinking, self.unfolded) if thinks else "")
        self._text.show(parts.answer, answer.done, self.form, self.pieces)
        _tell(self._end, self.ending)
        self.set_class(bool(answer.error), "-failed")

    @property
    def ending(self) -> str:
        """What stands below an answer."""
        answer = self.answer
        if not answer.done:
            return "▌" if answer.text else ""
        if answer.error:
            ways = [f"{key} {offer_words(offer)}" for key, offer in zip(OFFER_KEYS, answer.offers, strict=False)]
            otherwise = "alt+o drops older turns, where there are any" if answer.ending == "full" else "F8 changes the model"
            ways += ["ctrl+r asks again", "ctrl+g goes on from here" if answer.text else otherwise]
            return f"✗ {answer.error[:ERROR_LETTERS]}\n{', '.join(ways)}"
        empty = "an empty answer" if answer.ending != "cancelled" and not said(answer.text).answer.strip() else ""
        why = ENDINGS.get(answer.ending, "")
        told = " · ".join(part for part in (empty, why) if part)
        return f"({told})" if told else ""


def _tell(line: Static, text: str) -> None:
    """Show a text, or nothing at all; the layout is left alone where nothing changes."""
    if str(line.content) != plain(text):
        line.update(foreign(text))
    line.display = bool(text)


def title(answer: Answer, name: str) -> str:
    """Who it is, how much was said, and how fast."""
    parts = [name]
    if tokens := answer.tokens + answer.earlier_tokens:
        parts.append(f"{tokens:,} token{'s' * (tokens != 1)}")
    if answer.tokens_per_s:
        parts.append(f"{answer.tokens_per_s:.1f} a second")
    return " · ".join(parts)


def thought_text(thought: str, thinking: bool, unfolded: bool) -> str:
    """The thinking folded to a line, or all of it."""
    words = len(thought.split())
    if unfolded:
        return f"▾ {'thinking' if thinking else f'thought, {words:,} words'} (t folds)\n{thought}"
    if thinking:
        return f"▸ thinking … {words:,} words (t unfolds)"
    return f"▸ thought, {words:,} words (t unfolds)"


class ExchangeView(Vertical, can_focus=True):
    """One prompt with its answers; with the focus, single letters act on it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("r", "screen.again", "Again", id="chat.again", tooltip="Ask the same once more, in its place"),
        Binding("e", "screen.edit", "Edit", id="chat.edit", tooltip="Change this prompt and ask anew from here"),
        Binding("g", "screen.go_on", "Go on", id="chat.go_on", tooltip="Let the last answer be gone on with"),
        Binding("c", "screen.copy", "Copy", id="chat.copy", tooltip="Copy the answer to the terminal's clipboard"),
        Binding("b", "screen.copy_code", "Code", id="chat.code", tooltip="Copy the code in it; once more: the next block"),
        Binding("s", "screen.keep_example", "Example", id="chat.example", tooltip="Add it to a dataset as an example"),
        Binding("u", "screen.take_back", "Undo", id="chat.undo", tooltip="Take the last change of the conversation back"),
        Binding("t", "screen.thought", "Thinking", show=False, id="chat.thought", tooltip="Fold or unfold the thinking"),
        Binding("m", "screen.form", "Source", show=False, id="chat.form", tooltip="As Markdown, as source, or with marks"),
        Binding("p", "screen.raw_prompt", "Raw", show=False, id="chat.raw", tooltip="What the model read, token by token"),
        Binding("o", "screen.forget", "Drop old", show=False, id="chat.forget", tooltip="Tell the model the oldest no more"),
        *offer_bindings("123", "screen."),
        Binding("up", "screen.select(-1)", "Before", show=False, id="chat.before", tooltip="Select the exchange before"),
        Binding("down", "screen.select(1)", "After", show=False, id="chat.after", tooltip="Select the exchange after"),
    ]

    exchange: var[Exchange] = var(Exchange("", "", ()), init=False)

    def __init__(self, exchange: Exchange, names: Names, forgotten: bool = False) -> None:
        super().__init__()
        self.set_reactive(ExchangeView.exchange, exchange)
        self.names = names
        self.forgotten = forgotten
        self.answer_views = [AnswerView(it, names.get(it.voice, it.voice)) for it in exchange.answers]
        self._note = Static("", classes="note", markup=False)
        self.turned = False
        """Whether the answers are shown in another form than usual."""
        self.found: Difference | None = None
        self.compared = ("", "")
        """The answers whose difference that is."""

    def compose(self) -> ComposeResult:
        yield Static(foreign(self.exchange.prompt), classes="asked", markup=False)
        yield Horizontal(*self.answer_views, classes="answers")
        yield self._note

    def on_mount(self) -> None:
        self.paint()

    def watch_exchange(self) -> None:
        if self.is_mounted:
            self.paint()

    def paint(self) -> None:
        """Hand each view its answer, in the form that fits."""
        self.found = self._difference()
        for at, (view, answer) in enumerate(zip(self.answer_views, self.exchange.answers, strict=False)):
            form, pieces = self._form(at)
            if (view.form, view.pieces) != (form, pieces):
                view.form, view.pieces = form, pieces
                view.paint()
            view.answer = answer
        _tell(self._note, self.note)
        self.set_class(self.forgotten, "-forgotten")

    @property
    def note(self) -> str:
        """What is to be said of the exchange as a whole."""
        told = ["(no longer told to the model)"] if self.forgotten else []
        if self.exchange.cancelled and not self.exchange.done:
            told.append("(stopping …)")
        elif self.exchange.cancelled and not any(answer.ending for answer in self.exchange.answers):
            told.append("(stopped)")
        if self.found:
            told.append(difference_words(self.found))
        return " ".join(told)

    def _difference(self) -> Difference | None:
        answers = self.exchange.answers
        if len(answers) != 2 or not self.exchange.done or any(answer.error for answer in answers):
            return None
        left, right = (said(answer.text).answer for answer in answers)
        if self.found is None or self.compared != (left, right):
            self.compared, self.found = (left, right), difference(left, right)
        return self.found

    def _form(self, at: int) -> tuple[Form, Marked]:
        if len(self.exchange.answers) == 1:
            return ("source" if self.turned else "markdown"), ()
        if self.turned:
            return "markdown", ()
        if self.found is None or not (self.found.words and self.found.compared):
            return "source", ()
        return "marked", (self.found.left, self.found.right)[at]


def difference_words(found: Difference) -> str:
    """How much two answers differ, in words."""
    if not found.words:
        return "= the same answer, word for word"
    if not found.compared:
        return "≠ the answers have little in common"
    return f"≠ {found.words:,} of {found.of:,} words differ: underlined"
