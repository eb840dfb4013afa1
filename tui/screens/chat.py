"""The Chat place: talk to the result, and hear the base model beside it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.getters import query_one
from textual.reactive import var
from textual.widget import Widget
from textual.widgets import Input, Label

from tui.run.conversation import Conversation
from tui.run.events import PhaseChanged, Voice
from tui.run.folder import RunFolder
from tui.run.state import RunState
from tui.screens.base import PlaceScreen
from tui.screens.messages import AnswerCancelled, ConversationCleared, PromptSent
from tui.session.schema import Session
from tui.widgets.exchange_view import ExchangeView
from tui.widgets.foreign import foreign

VOICES: tuple[tuple[Voice, ...], ...] = (("tuned",), ("base",), ("tuned", "base"))
WHO = {("tuned",): "the tuned model", ("base",): "the base model", ("tuned", "base"): "tuned and base model"}


class ChatScreen(PlaceScreen):
    """The conversation, and a line to type in."""

    PLACE = "chat"
    CSS_PATH = "chat.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+b", "voices", "Who answers", id="chat.voices", tooltip="Who answers: tuned, base, or both"),
        Binding("escape", "cancel", "Stop answer", id="chat.cancel", tooltip="Stop the answer and keep what came"),
        Binding("ctrl+n", "clear", "New", id="chat.clear", tooltip="Begin a new conversation"),
        Binding("pageup", "page(-1)", "Back", show=False, id="chat.back", tooltip="Read what was said before"),
        Binding("pagedown", "page(1)", "On", show=False, id="chat.on", tooltip="Read on"),
    ]

    conversation: var[Conversation] = var(Conversation)
    run_folder: var[RunFolder | None] = var(None)
    run_state: var[RunState] = var(RunState)
    session: var[Session] = var(Session)
    workbench_phase: var[PhaseChanged | None] = var(None)
    voices: var[tuple[Voice, ...]] = var(VOICES[2])

    who = query_one("#who", Label)
    exchanges = query_one("#exchanges", VerticalScroll)
    prompt = query_one("#prompt", Input)

    def compose_body(self) -> Iterable[Widget]:
        yield Label("", id="who", markup=False)
        yield VerticalScroll(id="exchanges", can_focus=False)
        yield Input(placeholder="Say something; Enter sends", id="prompt", compact=True)

    def on_mount(self) -> None:
        self.exchanges.anchor()
        self.prompt.focus()
        for name in ("voices", "run_state", "run_folder", "session", "workbench_phase"):
            self.watch(self, name, self.show_who)

    def on_screen_resume(self) -> None:
        self.prompt.focus()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        text = event.value.strip()
        if not text:
            return
        if self.conversation.open_exchange:
            self.notify("The model is still answering; Escape stops it", severity="warning")
            return
        if refusal := self.refusal():
            self.notify(refusal, severity="warning")
            return
        event.input.value = ""
        self.post_message(PromptSent(text, self.voices if self.run_folder else ("base",)))

    def refusal(self) -> str:
        """Why nobody can answer now; empty when somebody can."""
        if self.run_folder and not self.run_state.ended:
            return "The model is still training; it can be talked to when that is done"
        if not self.run_folder and not self.session.model.name:
            return "There is nobody to talk to: open a run (F7) or choose a model (F2)"
        if self.run_folder and not self.run_state.result:
            return "This run has no result to talk to; open another one (F7)"
        return ""

    def action_page(self, by: int) -> None:
        if by < 0:
            self.exchanges.scroll_page_up()
        else:
            self.exchanges.scroll_page_down()

    def action_voices(self) -> None:
        self.voices = VOICES[(VOICES.index(self.voices) + 1) % len(VOICES)]

    def action_cancel(self) -> None:
        self.post_message(AnswerCancelled())

    def action_clear(self) -> None:
        self.post_message(ConversationCleared())

    async def watch_conversation(self) -> None:
        if not self.is_mounted:
            return
        views = list(self.exchanges.query(ExchangeView))
        now = self.conversation.exchanges
        if [view.exchange.id for view in views] != [exchange.id for exchange in now][: len(views)]:
            await self.exchanges.remove_children()
            views = []
        for view, exchange in zip(views, now, strict=False):
            view.exchange = exchange
        await self.exchanges.mount_all(ExchangeView(exchange) for exchange in now[len(views) :])
        self.show_who()

    def show_who(self) -> None:
        """Say who answers, where the model is, and what is being done."""
        name = self.run_folder.name if self.run_folder else self.session.model.name.rpartition("/")[2]
        line = self.refusal() or f"{name}: {WHO[self.voices] if self.run_folder else 'this model'} will answer"
        phase = self.workbench_phase
        if self.conversation.open_exchange and phase and phase.phase != "ready":
            line = f"{name}: {phase.text} …"
        elif not self.refusal() and not self.run_state.chat_ready and not self.conversation.exchanges:
            line += " (loaded first: half a minute)"
        self.who.update(foreign(line))
