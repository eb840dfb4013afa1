"""Answers: one conversation piece by piece, or many held-out prompts at once."""

from __future__ import annotations

import unsloth  # noqa: F401  # isort: skip  (must come before transformers and trl)

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from itertools import groupby
from typing import Any

import torch
from transformers import StoppingCriteria, StoppingCriteriaList, TextStreamer
from unsloth import FastLanguageModel

from tui.engine.emit import Emit
from tui.engine.loading import Loaded
from tui.run.commands import Chat, Speaker
from tui.run.events import Replied, Voice

Turn = dict[str, Any]
"""What a chat template takes: role, content, and whatever else it knows."""
PIECE_S = 0.05
"""Tokens that come within this time travel together."""
BATCH = 16


def answer(loaded: Loaded, chat: Chat, emit: Emit, cancelled: Callable[[], bool]) -> None:
    """Answer a conversation in every voice it asks for, as `Replied` events."""
    FastLanguageModel.for_inference(loaded.model)
    for speaker in chat.speakers:
        voice = speaker.voice
        if voice == "base" and loaded.tuned and not loaded.has_adapter:
            text = (
                "there is no base model to hear: this model has no adapter that could be switched off and leave it unchanged"
            )
            emit(Replied(id=chat.id, voice=voice, done=True, error=text))
        else:
            _answer_as(speaker, loaded, chat, emit, cancelled)


def answer_all(
    loaded: Loaded, prompts: Sequence[list[Turn]], voice: Voice, max_new_tokens: int, cancelled: Callable[[], bool]
) -> Iterator[dict[int, str]]:
    """The likeliest answers to many prompts, batch by batch, as position to answer, until cancelled.

    Prompts of one length are answered together: without padding an answer does not depend on its neighbours.
    """
    FastLanguageModel.for_inference(loaded.model)
    encode = _encode if getattr(loaded.tokenizer, "chat_template", None) else _plain
    encoded = [encode(loaded, prompt) for prompt in prompts]
    stopping = StoppingCriteriaList([_Cancelled(cancelled)])
    order = sorted(range(len(encoded)), key=lambda at: encoded[at].shape[1])
    for length, group in groupby(order, key=lambda at: encoded[at].shape[1]):
        members = list(group)
        for start in range(0, len(members), BATCH):
            if cancelled():
                return
            batch = members[start : start + BATCH]
            ids = torch.cat([encoded[at] for at in batch]).to(loaded.model.device)
            made = _generate(loaded, voice, ids, max_new_tokens=max_new_tokens, do_sample=False, stopping_criteria=stopping)
            if cancelled():  # these were cut short
                return
            yield {
                at: loaded.tokenizer.decode(row[length:], skip_special_tokens=True)
                for at, row in zip(batch, made, strict=True)
            }


def _answer_as(speaker: Speaker, loaded: Loaded, chat: Chat, emit: Emit, cancelled: Callable[[], bool]) -> None:
    voice, wanted = speaker.voice, chat.sampling
    if wanted.seed is not None:
        torch.manual_seed(wanted.seed)
    sampling = {"temperature": wanted.temperature, "top_p": wanted.top_p, "top_k": wanted.top_k, "min_p": wanted.min_p}
    chosen = {"do_sample": True, **sampling} if wanted.temperature > 0 else {"do_sample": False}
    pieces = _Pieces(loaded.tokenizer, lambda text: emit(Replied(id=chat.id, voice=voice, text=text)))
    ids = _encode(loaded, [{"role": turn.role, "content": turn.content} for turn in speaker.messages])
    _generate(
        loaded,
        voice,
        ids.to(loaded.model.device),
        max_new_tokens=wanted.max_new_tokens,
        repetition_penalty=wanted.repetition_penalty,
        streamer=pieces,
        stopping_criteria=StoppingCriteriaList([_Cancelled(cancelled)]),
        **chosen,
    )
    emit(Replied(id=chat.id, voice=voice, done=True, tokens=pieces.tokens, tokens_per_s=pieces.tokens_per_s))


def _encode(loaded: Loaded, messages: list[Turn]) -> torch.Tensor:
    """Token ids of shape (1, length), ready for the answer."""
    return loaded.tokenizer.apply_chat_template(  # type: ignore[no-any-return]
        messages, add_generation_prompt=True, tokenize=True, return_tensors="pt", return_dict=True
    )["input_ids"]


def _plain(loaded: Loaded, messages: list[Turn]) -> torch.Tensor:
    """Token ids of shape (1, length) of a text to be gone on with, for a model without turns."""
    text = "\n".join(turn["content"] for turn in messages)
    return loaded.tokenizer(text, return_tensors="pt")["input_ids"]  # type: ignore[no-any-return]


def _generate(loaded: Loaded, voice: Voice, ids: torch.Tensor, **chosen: Any) -> torch.Tensor:
    quiet = loaded.model.disable_adapter() if voice == "base" and loaded.has_adapter else nullcontext()
    with quiet, torch.inference_mode():
        return loaded.model.generate(  # type: ignore[no-any-return]
            input_ids=ids, attention_mask=torch.ones_like(ids), pad_token_id=_pad(loaded.tokenizer), **chosen
        )


def _pad(tokenizer: Any) -> int:
    return int(tokenizer.eos_token_id if tokenizer.pad_token_id is None else tokenizer.pad_token_id)


class _Cancelled(StoppingCriteria):  # type: ignore[misc]
    def __init__(self, cancelled: Callable[[], bool]) -> None:
        self.cancelled = cancelled

    def __call__(self, input_ids: torch.Tensor, scores: Any, **_: Any) -> torch.Tensor:
        return torch.full((input_ids.shape[0],), self.cancelled(), dtype=torch.bool, device=input_ids.device)


class _Pieces(TextStreamer):  # type: ignore[misc]
    """Hands text on in pieces, and counts tokens."""

    def __init__(self, tokenizer: Any, hand_on: Callable[[str], None]) -> None:
        super().__init__(tokenizer, skip_prompt=True, skip_special_tokens=True)
        self.hand_on = hand_on
        self.tokens = -1  # the first piece is the prompt
        self.waiting = ""
        self.first = self.last = self.sent = time.monotonic()

    @property
    def tokens_per_s(self) -> float:
        """Rate from the first token to the last, without the reading of the prompt."""
        return (self.tokens - 1) / (self.last - self.first) if self.tokens > 1 and self.last > self.first else 0.0

    def put(self, value: Any) -> None:
        self.tokens += 1
        self.last = time.monotonic()
        if self.tokens == 1:
            self.first = self.last
        super().put(value)

    def on_finalized_text(self, text: str, stream_end: bool = False) -> None:
        self.waiting += text
        now = time.monotonic()
        if self.waiting and (stream_end or now - self.sent >= PIECE_S):
            self.hand_on(self.waiting)
            self.waiting, self.sent = "", now
