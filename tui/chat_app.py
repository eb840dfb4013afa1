"""The part of the window that talks to models: it hands what the Chat place asks for to the talker."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

from textual.reactive import var

from tui.guide_app import GuideApp
from tui.run.client import Client, View
from tui.run.partners import Around
from tui.run.talk_keeper import ChatState
from tui.screens import chat_messages
from tui.session.schema import Session


class ChatApp(GuideApp):
    """Holds the client, and answers what comes from the Chat place."""

    chat: var[ChatState] = var(ChatState)

    def __init__(self, session: Session | None, path: Path | None) -> None:
        super().__init__(session, path)
        self.client = Client()

    def show(self, view: View) -> None:
        """Hand a view to the screens."""
        for field in fields(view):
            setattr(self, field.name, getattr(view, field.name))

    def ask(self, do: Callable[[], object]) -> bool:
        """Do something that writes to disk, and show what came of it. Returns whether it worked."""
        worked = self.try_to(do)
        self.show(self.client.view)
        return worked

    def talk(self, do: Callable[..., Any], *arguments: object) -> None:
        """Let the talker do something, and show what came of it."""
        self.try_to(lambda: do(*arguments))
        self.chat = self.client.talker.state

    @property
    def around(self) -> Around:
        return self.client.around(self.session)

    def on_prompt_sent(self, event: chat_messages.PromptSent) -> None:
        talker = self.client.talker
        if event.instead_of:
            self.talk(talker.say_again, event.instead_of, event.text, event.voices, self.around)
        else:
            self.talk(talker.say, event.text, event.voices, self.around)

    def on_answer_continued(self) -> None:
        self.talk(self.client.talker.go_on, self.around)

    def on_answer_cancelled(self) -> None:
        self.talk(self.client.talker.cancel)

    def on_turn_taken_back(self) -> None:
        self.talk(self.client.talker.undo)

    def on_conversation_cleared(self) -> None:
        self.talk(self.client.talker.clear)

    def on_conversation_opened(self, event: chat_messages.ConversationOpened) -> None:
        self.talk(self.client.talker.open, event.talk, self.around)

    def on_oldest_forgotten(self) -> None:
        self.talk(self.client.talker.forget_oldest)

    def on_partner_chosen(self, event: chat_messages.PartnerChosen) -> None:
        talker = self.client.talker
        self.talk(talker.hear_beside if event.beside else talker.turn_to, event.partner)

    def on_settings_chosen(self, event: chat_messages.SettingsChosen) -> None:
        self.talk(self.client.talker.set, event.settings)

    def on_raw_prompt_wanted(self, event: chat_messages.RawPromptWanted) -> None:
        self.talk(self.client.talker.show_prompt, event.id, self.around)

    def on_prompt_set_sent(self, event: chat_messages.PromptSetSent) -> None:
        self.talk(self.client.talker.ask_set, event.source, event.file, event.count, event.voices, self.around)
