"""The Chat place: talk to the result, and hear the base model beside it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from textual import work
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.getters import query_one
from textual.reactive import var
from textual.widget import Widget
from textual.widgets import Input, Static

from tui.run.saved_talks import Kept, list_kept
from tui.run.talk_keeper import ChatState
from tui.screens import chat_messages
from tui.screens.chat_exchanges import ExchangesScreen
from tui.screens.chat_text import Voices, figures_line, place_line, settings_line, voices_for, waits, who_line
from tui.screens.dialogs.chat_partner import PartnerDialog
from tui.screens.dialogs.chat_raw import RawPromptDialog
from tui.screens.dialogs.chat_set import AskSetDialog, PromptSetScreen
from tui.screens.dialogs.chat_settings import SettingsDialog
from tui.screens.dialogs.chat_talks import TalksDialog
from tui.widgets.exchange_view import ExchangeView
from tui.widgets.foreign import plain
from tui.widgets.prompt_area import PromptArea
from tui.widgets.two_ends import TwoEnds

RECALLED = 200
"""So many prompts of earlier conversations can be brought back."""


class ChatScreen(ExchangesScreen):
    """The conversation, and a place to type in."""

    PLACE = "chat"
    CSS_PATH = "chat.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "Stop", id="chat.cancel", tooltip="Stop the answer, keep what came; back to the prompt"),
        Binding("alt+w", "voices", "Who", id="chat.voices", tooltip="Who answers: tuned, base, or both beside each other"),
        Binding("f8", "partner", "Model", id="chat.partner", tooltip="Talk to another model, run or checkpoint"),
        Binding("f9", "settings", "Settings", id="chat.settings", tooltip="Sampling, its presets, and the system prompt"),
        Binding("ctrl+k", "prompt_set", "Prompt set", id="chat.set", tooltip="Let both answer many prompts, with measures"),
        Binding("ctrl+n", "clear", "New", id="chat.clear", tooltip="Begin a new conversation; the old one is kept"),
        Binding("ctrl+l", "open", "Earlier", id="chat.open", tooltip="Go on with an earlier conversation"),
    ]

    voices: var[Voices] = var(("tuned", "base"))
    waits_for_run = False
    """Whether what is typed is to be sent as soon as it is known how the run stands."""

    who = query_one("#who", TwoEnds)
    how = query_one("#how", TwoEnds)

    def compose_body(self) -> Iterable[Widget]:
        yield TwoEnds(id="who", classes="line")
        yield VerticalScroll(Static("", id="earlier", markup=False), id="exchanges", can_focus=False)
        yield Input(placeholder="words to find; Enter goes to the next, Escape closes", id="find", compact=True)
        yield PromptArea(placeholder="Say something; Enter sends, ctrl+j begins a line", id="prompt")
        yield TwoEnds(id="how", classes="line")

    def on_mount(self) -> None:
        self.found.display = False
        self.exchanges.anchor()
        self.set_focus(self.prompt)  # at once: what was typed meanwhile is for it
        for name in ("voices", "run_state", "run_folder", "session", "workbench_phase", "gpus", "host", "editing"):
            self.watch(self, name, self.show_lines)
        self.watch(self, "run_state", self.send_what_waits)
        self.look("recalled", lambda _: list_kept(), self.recall)

    def recall(self, kept: list[Kept]) -> None:
        """Let what was said in earlier conversations be brought back."""
        earlier = [it.prompt for talk in reversed(kept) for it in talk.talk.conversation.exchanges]
        said, self.prompt.said = self.prompt.said, []
        for text in [*earlier[-RECALLED:], *said]:
            self.prompt.remember(text)

    def on_screen_resume(self) -> None:
        if not isinstance(self.focused, ExchangeView):
            self.prompt.focus()

    # ---- sending

    def on_prompt_area_submitted(self, event: PromptArea.Submitted) -> None:
        self.waits_for_run = self.chat.partner is None and not self.around.is_read
        if self.waits_for_run or not self.may_ask():
            return
        self.prompt.remember(event.text)
        self.prompt.text = ""
        self.post_message(chat_messages.PromptSent(event.text, self.possible_voices, self.editing))
        self.editing = ""
        self.exchanges.anchor()

    def send_what_waits(self) -> None:
        """Send what was to be sent before it was known how the run stands."""
        if self.waits_for_run and self.around.is_read:
            self.prompt.submit()

    def on_text_area_changed(self) -> None:
        self.waits_for_run = False

    @property
    def possible_voices(self) -> Voices:
        """Who answers, of those that the model has."""
        offered = voices_for(self.chat, self.chat.partner_in(self.around))
        return self.voices if self.voices in offered else offered[0]

    def action_voices(self) -> None:
        offered = voices_for(self.chat, self.chat.partner_in(self.around))
        if len(offered) == 1:
            self.notify("this model has no base to be heard beside it")
        self.voices = offered[(offered.index(self.possible_voices) + 1) % len(offered)]

    def action_leave(self) -> None:
        """Stop what is being written; else leave what is being changed, found or selected."""
        if self.chat.conversation.open_exchange:
            self.post_message(chat_messages.AnswerCancelled())
        elif self.editing:
            self.editing = ""
            self.prompt.text = ""
        self.leave_finding()
        self.prompt.focus()

    def action_clear(self) -> None:
        self.editing = ""
        self.post_message(chat_messages.ConversationCleared())

    # ---- dialogs

    @work(group="dialog", exclusive=True)
    async def action_partner(self) -> None:
        partner = self.chat.partner_in(self.around)
        if chosen := await self.app.push_screen_wait(PartnerDialog(partner, self.around)):
            self.post_message(chosen)
            if chosen.beside:
                self.voices = ("tuned", "other")

    @work(group="dialog", exclusive=True)
    async def action_settings(self) -> None:
        if chosen := await self.app.push_screen_wait(SettingsDialog(self.chat.settings_in(self.around))):
            self.post_message(chat_messages.SettingsChosen(chosen))

    @work(group="dialog", exclusive=True)
    async def action_open(self) -> None:
        if talk := await self.app.push_screen_wait(TalksDialog()):
            self.post_message(chat_messages.ConversationOpened(talk))

    @work(group="dialog", exclusive=True)
    async def action_prompt_set(self) -> None:
        if self.chat.prompt_set is None or self.chat.prompt_set.done:
            if not self.may_ask():
                return
            asked = await self.app.push_screen_wait(AskSetDialog(self.around, self.possible_voices, self.chat.prompt_set))
            if asked is None:
                return
            if isinstance(asked, chat_messages.PromptSetSent):
                self.post_message(asked)
        await self.app.push_screen_wait(PromptSetScreen(self.chat.prompt_set))

    # ---- showing

    async def watch_chat(self, before: ChatState, after: ChatState) -> None:
        if not self.is_mounted:
            return
        if after.not_kept and after.not_kept != before.not_kept:
            self.notify(plain(after.not_kept), severity="warning", markup=False)
        for screen in self.app.screen_stack:
            if isinstance(screen, RawPromptDialog):
                screen.shown = after.shown_prompt
            elif isinstance(screen, PromptSetScreen):
                screen.found = after.prompt_set
        if before.conversation is not after.conversation or not self.views:
            await self.show_exchanges()
        self.show_lines()

    def show_lines(self) -> None:
        """Say who answers and where, how they answer, and how the last answer went."""
        voices = self.possible_voices
        told = who_line(self.chat, self.around, voices, self.workbench_phase)
        if self.editing:
            told = "Changing a prompt: Enter asks anew from there, Escape leaves it as it was"
        self.who.left = told
        loading = waits(self.chat) and self.workbench_phase is not None and self.workbench_phase.phase != "ready"
        self.who.right = place_line(self.chat.ready, loading, self.gpus, self.host)
        self.how.left = settings_line(self.chat.settings_in(self.around))
        exchanges = self.chat.conversation.exchanges
        self.how.right = figures_line(exchanges[-1] if exchanges else None)
