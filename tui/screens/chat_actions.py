"""What can be done with what was said: asked again, changed, copied, kept as an example, looked at as the model reads it."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from textual import work
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.getters import query_one
from textual.reactive import var

from tui.machine.readings import GpuReading, HostReading
from tui.resources import expanded
from tui.run.chat_commands import Message
from tui.run.conversation import Exchange
from tui.run.events import PhaseChanged
from tui.run.folder import RunFolder
from tui.run.partners import Around
from tui.run.said import code_blocks
from tui.run.state import RunState
from tui.run.talk_keeper import ChatState
from tui.screens import chat_messages
from tui.screens.base import PlaceScreen
from tui.screens.dialogs.chat_example import ExampleDialog
from tui.screens.dialogs.chat_raw import RawPromptDialog
from tui.session.schema import Session
from tui.widgets.exchange_view import OFFER_KEYS, ExchangeView, offer_bindings
from tui.widgets.foreign import plain
from tui.widgets.prompt_area import PromptArea


class ActionsScreen(PlaceScreen):
    """A place whose exchanges can be selected and acted on; without a selection the last one is meant."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+r", "again", "Again", show=False, id="chat.again", tooltip="Ask the last prompt once more"),
        Binding("ctrl+g", "go_on", "Go on", show=False, id="chat.go_on", tooltip="Let the last answer be gone on with"),
        Binding("alt+e", "edit", "Edit", show=False, id="chat.edit", tooltip="Change a prompt and ask anew from there"),
        Binding("alt+c", "copy", "Copy", show=False, id="chat.copy", tooltip="Copy the answer to the terminal's clipboard"),
        Binding("alt+k", "copy_code", "Copy code", show=False, id="chat.code", tooltip="Copy the next block of code"),
        Binding("alt+s", "keep_example", "Example", show=False, id="chat.example", tooltip="Add it to a dataset"),
        Binding("alt+u", "take_back", "Undo turn", show=False, id="chat.undo", tooltip="Take the last change back"),
        Binding("alt+t", "thought", "Thinking", show=False, id="chat.thought", tooltip="Fold or unfold the thinking"),
        Binding("alt+m", "form", "Source", show=False, id="chat.form", tooltip="As Markdown, as source, or with marks"),
        Binding("alt+p", "raw_prompt", "Raw", show=False, id="chat.raw", tooltip="What the model read, token by token"),
        *offer_bindings(OFFER_KEYS, ""),
        Binding("alt+o", "forget", "Drop old", show=False, id="chat.forget", tooltip="Tell the model no more of the oldest"),
    ]

    chat: var[ChatState] = var(ChatState)
    run_folder: var[RunFolder | None] = var(None)
    run_state: var[RunState] = var(RunState)
    run_session: var[Session | None] = var(None)
    session: var[Session] = var(Session)
    workbench_phase: var[PhaseChanged | None] = var(None)
    gpus: var[tuple[GpuReading, ...]] = var(tuple)
    host: var[HostReading | None] = var(None)
    editing: var[str] = var("")
    """The id of the exchange whose prompt is being changed."""

    exchanges = query_one("#exchanges", VerticalScroll)
    prompt = query_one("#prompt", PromptArea)

    def __init__(self) -> None:
        super().__init__()
        self.copied = ("", 0)
        """What was copied last, and how many parts of it; the next copy takes the part after it."""

    @property
    def around(self) -> Around:
        return Around(self.run_folder, self.run_state, self.run_session, self.session)

    @property
    def views(self) -> list[ExchangeView]:
        """Every exchange that is laid out, the oldest first."""
        return [view for view in self.exchanges.children if isinstance(view, ExchangeView)]

    @property
    def selected_view(self) -> ExchangeView | None:
        """The exchange with the focus, or else the last one."""
        if isinstance(self.focused, ExchangeView):
            return self.focused
        return next(reversed(self.views), None)

    @property
    def selected(self) -> Exchange | None:
        return self.selected_view.exchange if self.selected_view else None

    def may_ask(self) -> bool:
        """Whether something can be asked now; says why not."""
        if self.chat.conversation.open_exchange:
            self.notify("The model is still answering; Escape stops it", severity="warning")
        elif problem := self.chat.partner_in(self.around).problem:
            self.notify(plain(problem), severity="warning", markup=False)
        else:
            return True
        return False

    # ---- asking

    def action_again(self) -> None:
        if (exchange := self.selected) and self.may_ask():
            voices = tuple(answer.voice for answer in exchange.answers)
            self.post_message(chat_messages.PromptSent(exchange.prompt, voices, exchange.id))
            self.prompt.focus()

    def action_take_offer(self, number: int) -> None:
        """Load a model that did not fit in a way in which it does, and ask again."""
        if (exchange := self.selected) and exchange.offers[number - 1 : number] and self.may_ask():
            partner = self.chat.partner_in(self.around).taking(exchange.offers[number - 1])
            self.post_message(chat_messages.PartnerChosen(partner))
            voices = tuple(answer.voice for answer in exchange.answers)
            self.post_message(chat_messages.PromptSent(exchange.prompt, voices, exchange.id))
            self.prompt.focus()

    def action_go_on(self) -> None:
        if self.chat.conversation.exchanges and self.may_ask():
            self.post_message(chat_messages.AnswerContinued())

    def action_edit(self) -> None:
        if exchange := self.selected:
            self.editing = exchange.id
            self.prompt.put(exchange.prompt)
            self.prompt.focus()

    def action_take_back(self) -> None:
        last = self.chat.conversation.exchanges[-1:]
        if last and not self.prompt.text:
            self.prompt.put(last[0].prompt)
        self.post_message(chat_messages.TurnTakenBack())
        self.prompt.focus()

    def action_forget(self) -> None:
        talk = self.chat.conversation
        if len(talk.exchanges) - talk.forgotten < 2:
            self.notify("there is nothing older to drop: begin a new conversation (ctrl+n) or ask for less")
            return
        self.post_message(chat_messages.OldestForgotten())
        self.notify("the oldest turns are told to the model no more; alt+u takes that back, ctrl+r asks again")

    # ---- looking

    def action_select(self, by: int) -> None:
        views = self.views
        if not views:
            return
        if isinstance(self.focused, ExchangeView):
            at = views.index(self.focused) + by
            if at >= len(views):
                self.prompt.focus()
                return
            views[max(0, at)].focus()
        elif by < 0:
            views[-1].focus()

    def action_thought(self) -> None:
        if view := self.selected_view:
            for answer in view.answer_views:
                answer.unfolded = not answer.unfolded
                answer.paint()

    def action_form(self) -> None:
        if view := self.selected_view:
            view.turned = not view.turned
            view.paint()

    @work(group="dialog", exclusive=True)
    async def action_raw_prompt(self) -> None:
        if (exchange := self.selected) and not self.chat.partner_in(self.around).problem:
            self.post_message(chat_messages.RawPromptWanted(exchange.id))
            await self.app.push_screen_wait(RawPromptDialog())

    # ---- taking away

    def action_copy(self) -> None:
        if exchange := self.selected:
            self.copy([(answer.voice, answer.text) for answer in exchange.answers], exchange.id)

    def action_copy_code(self) -> None:
        if exchange := self.selected:
            blocks = [block for answer in exchange.answers for block in code_blocks(answer.text)]
            self.copy([(f"block {at} of {len(blocks)}", block) for at, block in enumerate(blocks, 1)], f"{exchange.id} code")

    def copy(self, parts: list[tuple[str, str]], what: str) -> None:
        """Copy one part, and with the next key the one after it."""
        parts = [(name, text) for name, text in parts if text]
        if not parts:
            self.notify("there is nothing in it to copy")
            return
        at = self.copied[1] % len(parts) if self.copied[0] == what else 0
        self.copied = what, at + 1
        name, text = parts[at]
        self.app.copy_to_clipboard(text)
        more = f" ({name}; once more: the next)" if len(parts) > 1 else ""
        self.notify(f"copied {len(text):,} letters{more}", markup=False)

    @work(group="dialog", exclusive=True)
    async def action_keep_example(self) -> None:
        exchange = self.selected
        if exchange is None or not any(answer.text for answer in exchange.answers):
            self.notify("there is no answer yet")
            return
        system = self.chat.settings_in(self.around).system_prompt
        opening = (Message("system", system),) if system else ()
        talk = self.chat.conversation
        earlier = {answer.voice: tuple(talk.messages_for(answer.voice, exchange.id)) for answer in exchange.answers}
        dialog = ExampleDialog(exchange, opening, earlier, example_file(self.around.settings.data.source))
        if path := await self.app.push_screen_wait(dialog):
            self.notify(f"added to {plain(str(path))}", markup=False)


def example_file(dataset: str) -> str:
    """The file that is suggested for an example: the dataset itself where it fits, else one in the working directory."""
    source = expanded(dataset)
    return str(source) if source.suffix == ".jsonl" and source.is_file() else str(Path.cwd() / "examples.jsonl")
