"""What the Chat place says in its two lines: who answers and where, and how the last answer went."""

from __future__ import annotations

from collections.abc import Sequence

from tui import words
from tui.machine.readings import GpuReading, HostReading
from tui.run.chat_events import ModelReady, Voice
from tui.run.chat_presets import sampling_words
from tui.run.conversation import Answer, Exchange
from tui.run.events import PhaseChanged
from tui.run.partners import Around, Partner, in_memory
from tui.run.talk_keeper import ChatState
from tui.session.sections.chat import ChatSection

Voices = tuple[Voice, ...]
LOADING = "loaded first: half a minute"
STARTING = "starting the engine that loads it"
WHY = {
    "end": "end token",
    "length": "longest answer",
    "stop": "stop text",
    "cancelled": "stopped by you",
    "full": "context full",
}


def voices_for(state: ChatState, partner: Partner) -> tuple[Voices, ...]:
    """Who can answer: one or two at once."""
    has_base = partner.has_base and not (state.ready and not state.ready.has_base and state.ready.model == partner.model)
    alone: tuple[Voices, ...] = (("tuned", "base"), ("tuned",), ("base",)) if has_base else (("tuned",),)
    if state.beside and has_base:
        return (("tuned", "other"), *alone, ("other",))
    return alone


def who(voices: Voices, state: ChatState, partner: Partner) -> str:
    """Who answers, in words."""
    if not partner.has_base:
        return "this model"
    other = beside_words(state.beside, partner) if state.beside else "the other one"
    names: dict[Voice, str] = {"tuned": "the tuned model", "base": "the base model", "other": other}
    return "tuned and base model" if voices == ("tuned", "base") else " and ".join(names[voice] for voice in voices)


def beside_words(beside: Partner, partner: Partner) -> str:
    """Who is heard beside somebody: of the same run only what it is there."""
    run = partner.title.partition(" ")[0]
    return f"the one {beside.title.removeprefix(run).strip()}" if beside.title.startswith(f"{run} ") else beside.title


def who_line(state: ChatState, around: Around, voices: Voices, phase: PhaseChanged | None) -> str:
    """Who will answer, what is being done, or why nobody can."""
    partner = state.partner_in(around)
    if partner.problem:
        return partner.problem
    is_loaded = in_memory(partner, around) or (state.ready is not None and state.ready.model == partner.model)
    if waits(state) and (phase.phase != "ready" if phase else not is_loaded):
        return f"{partner.title}: {phase.text if phase else STARTING} …"
    return f"{partner.title}: {who(voices, state, partner)} will answer" + ("" if is_loaded else f" ({LOADING})")


def waits(state: ChatState) -> bool:
    """Whether something was asked and nothing has come yet."""
    open_one = state.conversation.open_exchange
    asked = state.prompt_set
    nothing = open_one is not None and not any(answer.text or answer.done for answer in open_one.answers)
    return nothing or (asked is not None and not asked.done and not asked.answered)


def place_line(ready: ModelReady | None, loading: bool, gpus: Sequence[GpuReading], host: HostReading | None) -> str:
    """Where the model is and what it takes; while it is loaded, what is used of the memory."""
    if loading and gpus:
        return f"GPU {words.size(gpus[0].memory_used_bytes)} of {words.size(gpus[0].memory_total_bytes)} used"
    if loading and host:
        return f"memory {words.size(host.memory_used_bytes)} of {words.size(host.memory_total_bytes)} used"
    if ready is None:
        return ""
    parts = [ready.device, words.size(ready.used_bytes) if ready.used_bytes else "", "4-bit" if ready.four_bit else ""]
    if not ready.has_template:
        parts.append("without a chat template: turns as the mapping writes them")
    return " · ".join(part for part in parts if part)


def settings_line(chat: ChatSection) -> str:
    """How the model answers."""
    stops = f", {len(chat.stop)} stop text{'s' * (len(chat.stop) > 1)}" if chat.stop else ""
    system = ", system prompt" if chat.system_prompt else ""
    return f"{sampling_words(chat)}, up to {chat.max_new_tokens:,} tokens{stops}{system}"


def figures_line(exchange: Exchange | None) -> str:
    """How the answer goes that is being written, or went that was written last."""
    if exchange is None:
        return ""
    answer = next((answer for answer in exchange.answers if not answer.done), exchange.answers[-1])
    if not answer.text and exchange.answers[0].done:
        answer = exchange.answers[0]
    return " · ".join(_figures(answer))


def _figures(answer: Answer) -> list[str]:
    told = [f"{answer.tokens_per_s:.1f} tokens/s"] if answer.tokens_per_s else []
    if first := answer.first_token_s:
        told.append(f"first {first:.2g} s" if first < 10 else f"first {words.seconds(first)}")
    if answer.context_used and answer.context_tokens:
        share = words.share(answer.context_used / answer.context_tokens)
        told.append(f"context {answer.context_used:,}/{answer.context_tokens:,}, {share}")
    told += [WHY[answer.ending]] if answer.ending else []
    return told
