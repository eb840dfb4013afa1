"""A conversation and how it is set, kept as it is changed, with the way back."""

from __future__ import annotations

from dataclasses import dataclass, replace

from tui.run import commands, conversation, events, saved_talks
from tui.run.conversation import Conversation
from tui.run.folder import RunFolder
from tui.run.partners import Around, Partner, partner_of
from tui.run.process import send
from tui.run.prompt_set import PromptSet
from tui.run.saved_talks import SavedTalk
from tui.session.sections.chat import ChatSection

UNDONE_KEPT = 50


@dataclass(frozen=True)
class ChatState:
    """Everything a screen may show of a chat, at one moment."""

    conversation: Conversation = Conversation()  # noqa: RUF009  (frozen)
    partner: Partner | None = None
    """Who was chosen to be talked to; None for the run that is watched, or the session's model."""
    beside: Partner | None = None
    """Whose adapter is heard beside the partner's."""
    settings: ChatSection | None = None
    """What was set here; None while the run's or the session's settings hold."""
    ready: events.ModelReady | None = None
    """What is in memory, as the engine said last."""
    shown_prompt: events.PromptShown | None = None
    prompt_set: PromptSet | None = None
    not_kept: str = ""
    """Why the conversation cannot be kept on disk."""

    def settings_in(self, around: Around) -> ChatSection:
        """The settings that hold."""
        return self.settings or around.settings.chat

    def partner_in(self, around: Around) -> Partner:
        """Who is talked to."""
        return self.partner or partner_of(around)


class TalkKeeper:
    """Holds one conversation, and who it is with. What stops an answer raises OSError."""

    def __init__(self) -> None:
        self.state = ChatState()
        self._earlier: list[Conversation] = []
        self._engine: RunFolder | None = None
        """Whoever was asked last."""
        self._system_prompt = ""

    def cancel(self) -> None:
        """Stop the answers that are being written and keep what came."""
        open_one, asked = self.state.conversation.open_exchange, self.state.prompt_set
        if self._engine:
            if open_one:
                send(self._engine, commands.Cancel(id=open_one.request))
            if asked and not asked.done:
                send(self._engine, commands.Cancel(id=asked.id))
        self.state = replace(self.state, conversation=conversation.cancelled(self.state.conversation))

    def clear(self) -> None:
        """Begin a new conversation."""
        self._change(Conversation())

    def begin_anew(self) -> None:
        """Begin a new conversation, with whoever the window looks at now."""
        self._change(Conversation())
        self.state = replace(self.state, partner=None, beside=None, settings=None)

    def open(self, talk: SavedTalk, around: Around) -> None:
        """Go on with another conversation."""
        self._change(talk.conversation)
        settings = self.state.settings_in(around).model_copy(update={"system_prompt": talk.system_prompt})
        self.state = replace(self.state, settings=settings)

    def turn_to(self, partner: Partner) -> None:
        """Talk to somebody else from now on; the conversation goes on with them."""
        beside = self.state.beside
        beside = beside if beside and beside.base == partner.base else None
        self.state = replace(self.state, partner=partner, beside=beside, ready=None)

    def hear_beside(self, partner: Partner | None) -> None:
        """Hear another adapter beside the one that is talked to."""
        self.state = replace(self.state, beside=partner)

    def set(self, settings: ChatSection) -> None:
        """Let other settings hold from the next answer on."""
        self.state = replace(self.state, settings=settings)

    def forget_oldest(self) -> None:
        """Tell the model the older half of the conversation no more, so that there is room again."""
        self._change(conversation.forgetting(self.state.conversation))

    def undo(self) -> bool:
        """Take the last change of the conversation back. Returns whether there was one."""
        if not self._earlier:
            return False
        self.cancel()
        self.state = replace(self.state, conversation=self._earlier.pop())
        self._keep()
        return True

    def _change(self, talk: Conversation) -> None:
        self.cancel()
        if self.state.conversation.exchanges:
            self._remember()
        self.state = replace(self.state, conversation=talk)

    def _remember(self) -> None:
        talk = self.state.conversation
        if talk.open_exchange:  # nobody will hear the rest of it
            talk = conversation.given_up(talk, talk.open_exchange.asked_of, "it was left while it was being written")
        self._earlier = [*self._earlier[-UNDONE_KEPT:], talk]

    def _keep(self) -> None:
        """Write the conversation to its file; that it does not work is told and keeps nobody from talking."""
        talk = self.state.conversation
        if not talk.name or not talk.exchanges:
            return
        try:
            saved_talks.keep(SavedTalk(talk, self._system_prompt))
        except OSError as error:
            self.state = replace(self.state, not_kept=f"the conversation cannot be kept: {error.strerror or error}")
