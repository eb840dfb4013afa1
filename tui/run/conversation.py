"""A conversation as a screen shows it, folded from what was asked and what an engine replied."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from tui.run.commands import Message
from tui.run.events import Replied, Voice


@dataclass(frozen=True)
class Answer:
    """What one voice said to one prompt."""

    voice: Voice
    text: str = ""
    done: bool = False
    tokens: int = 0
    tokens_per_s: float = 0.0
    error: str = ""


@dataclass(frozen=True)
class Exchange:
    """One prompt and the answers to it."""

    id: str
    prompt: str
    answers: tuple[Answer, ...]
    asked_of: str = ""
    """The name of the folder whose engine answers."""
    cancelled: bool = False

    @property
    def done(self) -> bool:
        return all(answer.done for answer in self.answers)


@dataclass(frozen=True)
class Conversation:
    """Everything said so far."""

    exchanges: tuple[Exchange, ...] = ()

    @property
    def open_exchange(self) -> Exchange | None:
        """The one that is still being answered."""
        last = self.exchanges[-1] if self.exchanges else None
        return last if last and not last.done else None

    def messages_for(self, voice: Voice) -> list[Message]:
        """The history as one voice knows it: every prompt with what that voice, or else the first, answered."""
        history = []
        for exchange in self.exchanges:
            said = [answer for answer in exchange.answers if answer.text and not answer.error]
            if said:
                own = next((answer for answer in said if answer.voice == voice), said[0])
                history += [Message("user", exchange.prompt), Message("assistant", own.text)]
        return history


def asked(conversation: Conversation, id: str, prompt: str, voices: Sequence[Voice], asked_of: str) -> Conversation:
    """The conversation once a prompt is on its way to an engine."""
    exchange = Exchange(id, prompt, tuple(Answer(voice) for voice in voices), asked_of)
    return Conversation((*conversation.exchanges, exchange))


def fold_reply(conversation: Conversation, reply: Replied) -> Conversation:
    """The conversation after one more piece; replies to others' prompts change nothing."""
    return Conversation(
        tuple(
            replace(exchange, answers=tuple(_grown(answer, reply) for answer in exchange.answers))
            if exchange.id == reply.id
            else exchange
            for exchange in conversation.exchanges
        )
    )


def cancelled(conversation: Conversation) -> Conversation:
    """The conversation once the answer that is being written is not wanted any more."""
    return Conversation(
        tuple(exchange if exchange.done else replace(exchange, cancelled=True) for exchange in conversation.exchanges)
    )


def given_up(conversation: Conversation, asked_of: str, why: str) -> Conversation:
    """The conversation once one engine will not answer any more."""
    return Conversation(
        tuple(
            replace(
                exchange,
                answers=tuple(a if a.done else replace(a, done=True, error=why) for a in exchange.answers),
            )
            if exchange.asked_of == asked_of
            else exchange
            for exchange in conversation.exchanges
        )
    )


def _grown(answer: Answer, reply: Replied) -> Answer:
    if answer.done or answer.voice != reply.voice:
        return answer
    return replace(
        answer,
        text=answer.text + reply.text,
        done=reply.done,
        tokens=reply.tokens or answer.tokens,
        tokens_per_s=reply.tokens_per_s or answer.tokens_per_s,
        error=reply.error,
    )
