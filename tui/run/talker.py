"""The window's side of a chat: what it asks of engines, and what it knows of their answers."""

from __future__ import annotations

import random
import uuid
from collections.abc import Callable, Sequence
from dataclasses import replace

from tui.run import commands, conversation, events, prompt_set, saved_talks
from tui.run.chat_commands import PromptSource
from tui.run.conversation import Conversation
from tui.run.folder import RunFolder
from tui.run.partners import Around, Partner, in_memory
from tui.run.process import send
from tui.run.prompt_set import PromptSet
from tui.run.talk import opening, sampling_of
from tui.run.talk_keeper import TalkKeeper
from tui.session import file


class Talker(TalkKeeper):
    """Asks engines, and hears them. Not thread-safe: one thread calls it. What asks something raises OSError."""

    def __init__(self, open_workbench: Callable[[str], RunFolder]) -> None:
        """`open_workbench` gives the engine that loads models on a device."""
        super().__init__()
        self._open_workbench = open_workbench

    # ---- what is heard

    def hear(self, event: events.Event, engine: RunFolder) -> None:
        """Take in what an engine says."""
        talk, before = self.state.conversation, self.state
        match event:
            case events.Replied():
                self.state = replace(before, conversation=conversation.fold_reply(talk, event))
                if talk.open_exchange and not self.state.conversation.open_exchange:
                    self._keep()
            case events.ModelReady():
                self.state = replace(before, ready=event)
            case events.PromptShown() if before.shown_prompt and event.id == before.shown_prompt.id:
                self.state = replace(before, shown_prompt=event)
            case events.Answered() if before.prompt_set:
                self.state = replace(before, prompt_set=prompt_set.fold_answered(before.prompt_set, event))
            case events.Failed(text=text) | events.EngineSeen(alive=False, reason=text):
                self.lost(engine.name, text)

    def lost(self, engine: str, why: str) -> None:
        """An engine will not answer any more: what came is kept."""
        before = self.state
        talk = conversation.given_up(before.conversation, engine, why)
        asked = before.prompt_set
        if asked and not asked.done and asked.asked_of == engine:
            asked = replace(asked, done=True, error=why)
        ready = None if self._engine and self._engine.name == engine else before.ready
        self.state = replace(before, conversation=talk, prompt_set=asked, ready=ready)
        if talk is not before.conversation:
            self._keep()

    # ---- what is said

    def say(self, text: str, voices: Sequence[events.Voice], around: Around) -> None:
        """Say something to whoever is talked to."""
        self._say(self.state.conversation, text, voices, around)

    def say_again(self, id: str, text: str, voices: Sequence[events.Voice], around: Around) -> None:
        """Say something else, or the same anew, in the place of an exchange and all that came after it."""
        self._say(conversation.before(self.state.conversation, id), text, voices, around)

    def _say(self, talk: Conversation, text: str, voices: Sequence[events.Voice], around: Around) -> None:
        turn = commands.Message("user", text)
        request, engine = self._ask(voices, lambda voice: [*talk.messages_for(voice), turn], around)
        self._remember()
        partner, beside = self.state.partner_in(around), self.state.beside
        other = beside.title if beside and "other" in voices else ""
        told = conversation.asked(talk, request, text, voices, engine.name, partner.title, other)
        self.state = replace(self.state, conversation=replace(told, name=talk.name or saved_talks.new_name()))
        self._keep()  # the engine may take long to answer, or end before it does

    def go_on(self, around: Around) -> None:
        """Let the last answers be gone on with from where they ended."""
        talk = self.state.conversation
        if not talk.exchanges or talk.open_exchange:
            return
        last = talk.exchanges[-1]

        def messages(voice: events.Voice) -> list[commands.Message]:
            own = next(answer.text for answer in last.answers if answer.voice == voice)
            begun = [commands.Message("assistant", own)] if own else []
            return [*talk.messages_for(voice, last.id), commands.Message("user", last.prompt), *begun]

        request, engine = self._ask([answer.voice for answer in last.answers], messages, around)
        self._remember()
        self.state = replace(self.state, conversation=conversation.gone_on(talk, request, engine.name))

    def show_prompt(self, id: str, around: Around) -> None:
        """Ask what the model reads of the conversation up to the end of an exchange."""
        talk = self.state.conversation
        exchange = talk.find(id)
        if exchange is None:
            return
        voice = exchange.answers[0].voice
        partner, engine = self._engine_for(around)
        wanted = commands.ShowPrompt(
            id=uuid.uuid4().hex,
            messages=(
                *opening(self.state.settings_in(around)),
                *talk.messages_for(voice, id),
                commands.Message("user", exchange.prompt),
            ),
            model=partner.model if engine != around.run else "",
            load_in_4bit=partner.load_in_4bit,
        )
        self.state = replace(self.state, shown_prompt=events.PromptShown(id=wanted.id))
        send(engine, wanted)

    def ask_set(self, source: PromptSource, path: str, count: int, voices: Sequence[events.Voice], around: Around) -> None:
        """Let each voice answer a set of prompts."""
        partner, engine = self._engine_for(around)
        wanted = commands.AnswerSet(
            id=uuid.uuid4().hex,
            session=file.dumps(around.settings),
            source=source,
            file=path,
            count=count,
            voices=tuple(voices),
            adapter=self._beside(voices),
            model=partner.model if engine != around.run else "",
            load_in_4bit=partner.load_in_4bit,
            sampling=sampling_of(self.state.settings_in(around)),
        )
        beside = f", other: {self.state.beside.title}" if self.state.beside and "other" in voices else ""
        asked = PromptSet(wanted.id, tuple(voices), f"{partner.title}{beside}", engine.name)
        self.state = replace(self.state, prompt_set=asked)
        send(engine, wanted)

    # ---- asking

    def _engine_for(self, around: Around) -> tuple[Partner, RunFolder]:
        """Who is talked to, and the engine that has them or can load them."""
        partner = self.state.partner_in(around)
        engine = around.run if around.run and in_memory(partner, around) else self._open_workbench(partner.device)
        self._engine = engine
        return partner, engine

    def _beside(self, voices: Sequence[events.Voice]) -> str:
        return self.state.beside.adapter if self.state.beside and "other" in voices else ""

    def _ask(
        self, voices: Sequence[events.Voice], messages: Callable[[events.Voice], list[commands.Message]], around: Around
    ) -> tuple[str, RunFolder]:
        """Send a chat command. Returns its id, and the engine it went to."""
        partner, engine = self._engine_for(around)
        chat = self.state.settings_in(around)
        self._system_prompt = chat.system_prompt
        sampling = sampling_of(chat)
        if len(voices) > 1 and sampling.seed is None:  # else chance would be a part of what they differ in
            sampling = replace(sampling, seed=random.randrange(2**31))
        speakers = tuple(
            commands.Speaker(voice, (*opening(chat), *messages(voice)), self._beside([voice])) for voice in voices
        )
        wanted = commands.Chat(
            id=uuid.uuid4().hex,
            speakers=speakers,
            model=partner.model if engine != around.run else "",
            load_in_4bit=partner.load_in_4bit,
            sampling=sampling,
        )
        send(engine, wanted)
        return wanted.id, engine
