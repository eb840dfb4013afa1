"""A conversation as a screen shows it, folded from what was asked and what an engine replied."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from tui.run.chat_commands import Message
from tui.run.chat_events import Ending, Replied, Voice


@dataclass(frozen=True)
class Answer:
    """What one voice said to one prompt, and the figures of it (as in `Replied`)."""

    voice: Voice
    text: str = ""
    done: bool = False
    tokens: int = 0
    earlier_tokens: int = 0
    """Made before the answer was gone on with."""
    tokens_per_s: float = 0.0
    first_token_s: float = 0.0
    prompt_tokens: int = 0
    kept_tokens: int = 0
    context_tokens: int = 0
    ending: Ending = ""
    error: str = ""
    offers: tuple[str, ...] = ()

    @property
    def context_used(self) -> int:
        """Tokens of prompt and answer together; 0 where the engine does not say."""
        return self.prompt_tokens + self.tokens if self.prompt_tokens else 0


@dataclass(frozen=True)
class Exchange:
    """One prompt and the answers to it."""

    id: str
    prompt: str
    answers: tuple[Answer, ...]
    asked_of: str = ""
    """The name of the folder whose engine answers."""
    cancelled: bool = False
    request: str = ""
    """The id of the command that is being answered; it is another one each time the answer is gone on with."""
    model: str = ""
    """Who was asked, for people."""
    other: str = ""
    """Who spoke with the voice `other`, for people."""

    @property
    def done(self) -> bool:
        return all(answer.done for answer in self.answers)

    @property
    def offers(self) -> tuple[str, ...]:
        """How, or where, a model would fit that did not; see `Replied.offers`."""
        return next((answer.offers for answer in self.answers if answer.offers), ())

    @property
    def full(self) -> bool:
        """Whether an answer ended because prompt and answer fill the context."""
        return any(answer.ending == "full" for answer in self.answers)


@dataclass(frozen=True)
class Conversation:
    """Everything said so far."""

    exchanges: tuple[Exchange, ...] = ()
    forgotten: int = 0
    """So many of the oldest exchanges are not told to a model any more."""
    name: str = ""
    """Of its file; empty until something was said."""

    @property
    def open_exchange(self) -> Exchange | None:
        """The one that is still being answered."""
        last = self.exchanges[-1] if self.exchanges else None
        return last if last and not last.done else None

    def find(self, id: str) -> Exchange | None:
        """The exchange of that id."""
        return next((exchange for exchange in self.exchanges if exchange.id == id), None)

    def messages_for(self, voice: Voice, before: str = "") -> list[Message]:
        """The history as one voice knows it: every prompt with what that voice, or else the first, answered.

        With the id of an exchange, only what was said before it.
        """
        history = []
        for exchange in self.exchanges[self.forgotten :]:
            if before and exchange.id == before:
                break
            said = [answer for answer in exchange.answers if answer.text]
            if said:
                own = next((answer for answer in said if answer.voice == voice), said[0])
                history += [Message("user", exchange.prompt), Message("assistant", own.text)]
        return history


def asked(
    conversation: Conversation,
    id: str,
    prompt: str,
    voices: Sequence[Voice],
    asked_of: str,
    model: str = "",
    other: str = "",
) -> Conversation:
    """The conversation once a prompt is on its way to an engine."""
    answers = tuple(Answer(voice) for voice in voices)
    exchange = Exchange(id, prompt, answers, asked_of, request=id, model=model, other=other)
    return replace(conversation, exchanges=(*conversation.exchanges, exchange))


def before(conversation: Conversation, id: str) -> Conversation:
    """The conversation as it was before an exchange; unchanged where there is none of that id."""
    ids = [exchange.id for exchange in conversation.exchanges]
    kept = conversation.exchanges[: ids.index(id)] if id in ids else conversation.exchanges
    return replace(conversation, exchanges=kept, forgotten=min(conversation.forgotten, len(kept)))


def gone_on(conversation: Conversation, request: str, asked_of: str) -> Conversation:
    """The conversation once its last answers are being gone on with."""
    *earlier, last = conversation.exchanges
    answers = tuple(
        replace(
            a,
            done=False,
            error="",
            ending="",
            tokens=0,
            earlier_tokens=a.earlier_tokens + a.tokens,
            prompt_tokens=a.context_used,
        )
        for a in last.answers
    )
    opened = replace(last, answers=answers, request=request, asked_of=asked_of, cancelled=False)
    return replace(conversation, exchanges=(*earlier, opened))


def forgetting(conversation: Conversation, share: float = 0.5) -> Conversation:
    """The conversation without its oldest turns for the model; the last exchange is always told."""
    told = len(conversation.exchanges) - conversation.forgotten
    dropped = min(max(1, round(told * share)), max(0, told - 1))
    return replace(conversation, forgotten=conversation.forgotten + dropped)


def fold_reply(conversation: Conversation, reply: Replied) -> Conversation:
    """The conversation after one more piece; replies to others' prompts change nothing."""
    open_one = conversation.open_exchange
    if open_one is None or open_one.request != reply.id:
        return conversation
    grown = replace(open_one, answers=tuple(_grown(answer, reply) for answer in open_one.answers))
    return replace(conversation, exchanges=(*conversation.exchanges[:-1], grown))


def cancelled(conversation: Conversation) -> Conversation:
    """The conversation once the answer that is being written is not wanted any more."""
    if conversation.open_exchange is None:
        return conversation
    stopped = replace(conversation.open_exchange, cancelled=True)
    return replace(conversation, exchanges=(*conversation.exchanges[:-1], stopped))


def given_up(conversation: Conversation, asked_of: str, why: str) -> Conversation:
    """The conversation once one engine will not answer any more; what came is kept."""
    if all(exchange.done or exchange.asked_of != asked_of for exchange in conversation.exchanges):
        return conversation
    exchanges = tuple(
        replace(it, answers=tuple(a if a.done else replace(a, done=True, error=why) for a in it.answers))
        if it.asked_of == asked_of
        else it
        for it in conversation.exchanges
    )
    return replace(conversation, exchanges=exchanges)


def _grown(answer: Answer, reply: Replied) -> Answer:
    if answer.done or answer.voice != reply.voice:
        return answer
    return replace(
        answer,
        text=answer.text + reply.text,
        done=reply.done,
        tokens=reply.tokens or answer.tokens,
        tokens_per_s=reply.tokens_per_s or answer.tokens_per_s,
        first_token_s=reply.first_token_s or answer.first_token_s,
        prompt_tokens=reply.prompt_tokens or answer.prompt_tokens,
        kept_tokens=reply.kept_tokens or answer.kept_tokens,
        context_tokens=reply.context_tokens or answer.context_tokens,
        ending=reply.ending,
        error=reply.error,
        offers=reply.offers,
    )
