"""What was said, laid out from the last exchange back: going through it, finding words in it, and showing what is new."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.getters import query_one
from textual.widgets import Input, Static

from tui.run.conversation import Exchange
from tui.screens.chat_actions import ActionsScreen
from tui.widgets.exchange_view import ExchangeView, Names

SHOWN = 10
"""So many of the last exchanges are laid out at first, and so many more each time one goes back beyond them."""
FIRST_WORDS = """\
alt+w    who answers: tuned, base, or both with what differs marked
F8       another model, run or checkpoint; a second one beside it
F9       greedy, balanced, creative, each value, the system prompt
ctrl+k   many prompts at once, as a table with measures
ctrl+↑   select what was said: copy, change, go on, keep as example
ctrl+l   earlier conversations; each is kept by itself"""


class ExchangesScreen(ActionsScreen):
    """A place with a conversation in it, of which only the last exchanges are laid out."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+f", "find", "Find", id="chat.find", tooltip="Find words in this conversation"),
        Binding("ctrl+up,alt+up", "select(-1)", "Select", id="chat.select", tooltip="Select what was said, to act on it"),
        Binding("ctrl+down,alt+down", "select(1)", "After", show=False, id="chat.after", tooltip="Select the next exchange"),
        Binding("pageup", "page(-1)", "Back", show=False, id="chat.back", tooltip="Read what was said before"),
        Binding("pagedown", "page(1)", "On", show=False, id="chat.on", tooltip="Read on"),
    ]

    found = query_one("#find", Input)

    def __init__(self) -> None:
        super().__init__()
        self.first = 0
        """The first exchange that is laid out."""

    # ---- finding

    def action_find(self) -> None:
        self.found.display = True
        self.found.focus()

    def leave_finding(self) -> None:
        """Hide the words that were looked for, and mark nothing any more."""
        self.found.display = False
        for view in self.views:
            view.remove_class("-found")

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.run_worker(self.go_to_next(event.value.strip().lower()), group="find", exclusive=True)

    async def go_to_next(self, text: str) -> None:
        """Select the next older exchange with these words, and begin again at the last one."""
        now = self.chat.conversation.exchanges
        hits = [at for at, it in enumerate(now) if text in "\n".join([it.prompt, *(a.text for a in it.answers)]).lower()]
        if not text or not hits:
            self.notify("nobody said that")
            return
        ids = [exchange.id for exchange in now]
        at = next((ids.index(view.exchange.id) for view in self.views if view.has_class("-found")), len(now))
        target = next((hit for hit in reversed(hits) if hit < at), hits[-1])
        if target < self.first:
            await self.show_from(target)
        for view in self.views:
            view.set_class(view.exchange.id == ids[target], "-found")
            if view.exchange.id == ids[target]:
                view.scroll_visible(top=True)
        self.notify(f"{hits.index(target) + 1} of {len(hits)}", timeout=2)

    # ---- going about

    async def action_page(self, by: int) -> None:
        if by < 0 and self.exchanges.scroll_y == 0 and self.first:
            await self.show_from(max(0, self.first - SHOWN))
        if by < 0:
            self.exchanges.scroll_page_up()
        else:
            self.exchanges.scroll_page_down()

    def action_select(self, by: int) -> None:
        views = self.views
        if by < 0 and self.first and views and self.focused is views[0]:
            self.run_worker(self.show_from(max(0, self.first - SHOWN)), group="find", exclusive=True)
        super().action_select(by)

    async def show_from(self, first: int) -> None:
        """Lay out older exchanges too."""
        older = self.chat.conversation.exchanges[first : self.first]
        self.first = first
        await self.exchanges.mount_all([self.view_of(exchange) for exchange in older], after=0)
        self.show_earlier()

    def view_of(self, exchange: Exchange) -> ExchangeView:
        """The view of an exchange."""
        return ExchangeView(exchange, self.names_in(exchange), self.is_forgotten(exchange))

    def names_in(self, exchange: Exchange) -> Names:
        """Who the voices of an exchange are."""
        names: Names = {"tuned": "tuned", "base": "base", "other": exchange.other or "other"}
        if len(exchange.answers) == 1 and exchange.model and exchange.answers[0].voice == "tuned":
            names["tuned"] = exchange.model
        return names

    def is_forgotten(self, exchange: Exchange) -> bool:
        return exchange in self.chat.conversation.exchanges[: self.chat.conversation.forgotten]

    # ---- showing

    async def show_exchanges(self) -> None:
        """Bring the views to what was said: those that are the same stay."""
        now = self.chat.conversation.exchanges
        views = self.views
        if not views or self.first >= len(now) or views[0].exchange.id != now[self.first].id:
            self.first = max(0, len(now) - SHOWN)
        same = 0
        for view, exchange in zip(views, now[self.first :], strict=False):
            if view.exchange.id != exchange.id or len(view.exchange.answers) != len(exchange.answers):
                break
            same += 1
            view.forgotten = self.is_forgotten(exchange)
            if view.exchange is not exchange:
                view.exchange = exchange
            elif view.forgotten != view.has_class("-forgotten"):
                view.paint()
        fresh = now[self.first + same :]
        if fresh or views[same:]:
            with self.app.batch_update():
                for view in views[same:]:
                    await view.remove()
                await self.exchanges.mount_all([self.view_of(exchange) for exchange in fresh])
        self.show_earlier()

    def show_earlier(self) -> None:
        """Say how much was said before what is laid out, or what to do in an empty conversation."""
        line = self.query_one("#earlier", Static)
        told = f"… {self.first:,} earlier exchanges: page up at the top shows them" if self.first else ""
        told = told if self.chat.conversation.exchanges else FIRST_WORDS
        if told != str(line.content):
            line.update(told)
        line.display = bool(told)
