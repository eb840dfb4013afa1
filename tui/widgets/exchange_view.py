"""One prompt and the answers to it, side by side where there is room."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.reactive import var
from textual.widgets import Static

from tui.run.conversation import Answer, Exchange
from tui.widgets.foreign import foreign


class AnswerView(Vertical):
    """What one voice says."""

    answer: var[Answer] = var(Answer("tuned"), init=False)

    def __init__(self, answer: Answer) -> None:
        super().__init__(classes=f"-{answer.voice}")
        self.set_reactive(AnswerView.answer, answer)

    def compose(self) -> ComposeResult:
        yield Static(self.title, classes="voice", markup=False)
        yield Static(foreign(self.text), classes="said", markup=False)

    @property
    def title(self) -> str:
        rate = f" · {self.answer.tokens} tokens" if self.answer.tokens else ""
        rate += f", {self.answer.tokens_per_s:.1f} a second" if self.answer.tokens_per_s else ""
        return f"{self.answer.voice}{rate}"

    @property
    def text(self) -> str:
        if self.answer.error:
            return f"{self.answer.text}\n({self.answer.error})".strip()
        return self.answer.text if self.answer.done else f"{self.answer.text}▌"

    def watch_answer(self) -> None:
        self.query_one(".voice", Static).update(self.title)
        self.query_one(".said", Static).update(foreign(self.text))
        self.set_class(bool(self.answer.error), "-failed")


class ExchangeView(Vertical):
    """One prompt with its answers."""

    exchange: var[Exchange] = var(Exchange("", "", ()), init=False)

    def __init__(self, exchange: Exchange) -> None:
        super().__init__()
        self.set_reactive(ExchangeView.exchange, exchange)

    def compose(self) -> ComposeResult:
        yield Static(foreign(f"> {self.exchange.prompt}"), classes="asked", markup=False)
        with Horizontal(classes="answers"):
            for answer in self.exchange.answers:
                yield AnswerView(answer)
        yield Static("", classes="note", markup=False)

    def watch_exchange(self) -> None:
        for view, answer in zip(self.query(AnswerView), self.exchange.answers, strict=True):
            view.answer = answer
        if self.exchange.cancelled:
            self.query_one(".note", Static).update("(stopped)" if self.exchange.done else "(stopping …)")
