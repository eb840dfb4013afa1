"""What the Chat place tells the window."""

from __future__ import annotations

from dataclasses import dataclass

from textual.message import Message

from tui.run.chat_commands import PromptSource
from tui.run.chat_events import Voice
from tui.run.partners import Partner
from tui.run.saved_talks import SavedTalk
from tui.session.sections.chat import ChatSection


@dataclass
class PromptSent(Message):
    """Something was said to the model."""

    text: str
    voices: tuple[Voice, ...]
    instead_of: str = ""
    """The id of the exchange in whose place it was said, and all that came after it."""


@dataclass
class AnswerContinued(Message):
    """The last answers are to be gone on with."""


@dataclass
class AnswerCancelled(Message):
    """What is being written is not wanted any more."""


@dataclass
class TurnTakenBack(Message):
    """The last change of the conversation is to be undone."""


@dataclass
class ConversationCleared(Message):
    """A new conversation was begun."""


@dataclass
class ConversationOpened(Message):
    """An earlier conversation is to be gone on with."""

    talk: SavedTalk


@dataclass
class OldestForgotten(Message):
    """The oldest turns are not to be told to the model any more."""


@dataclass
class PartnerChosen(Message):
    """Somebody else is talked to from now on, or heard beside."""

    partner: Partner
    beside: bool = False


@dataclass
class SettingsChosen(Message):
    """How the model answers was set."""

    settings: ChatSection


@dataclass
class RawPromptWanted(Message):
    """What the model reads up to the end of an exchange is to be shown."""

    id: str


@dataclass
class PromptSetSent(Message):
    """A set of prompts is to be answered."""

    source: PromptSource
    file: str
    count: int
    voices: tuple[Voice, ...]
