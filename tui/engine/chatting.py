"""Answers: one conversation piece by piece, or many prompts at once."""

from __future__ import annotations

import unsloth  # noqa: F401  # isort: skip  (must come before transformers and trl)

import gc
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import groupby
from typing import Any

import torch
from transformers import StoppingCriteriaList
from unsloth import FastLanguageModel

from tui.engine.choosing import processors
from tui.engine.decoding import PLAIN, decode
from tui.engine.emit import Emit
from tui.engine.hearing import Answer, Enough, Listener, Pieces
from tui.engine.loading import Loaded
from tui.engine.remembering import Memory, watching
from tui.engine.writing import Turn, Writer
from tui.run.commands import Chat, Sampling, Speaker
from tui.run.events import Replied, Voice

BATCH = 16

NO_BASE = "there is no base model to hear: this model has no adapter that could be switched off and leave it unchanged"
NO_OTHER = "no other adapter is loaded beside this model"


def answer(loaded: Loaded, chat: Chat, emit: Emit, cancelled: Callable[[], bool], memory: Memory | None = None) -> None:
    """Answer a conversation in every voice it asks for, as `Replied` events; `memory` has what the voices have read.

    One voice after the other: Unsloth's fast decoding takes the adapter from the layers itself, so that PEFT's batches with
    several adapters (``adapter_names``) would all speak with one voice.
    """
    FastLanguageModel.for_inference(loaded.model)
    for speaker in chat.speakers:
        if refusal := why_silent(loaded, speaker.voice):
            emit(Replied(id=chat.id, voice=speaker.voice, done=True, error=refusal))
        elif cancelled():
            emit(Replied(id=chat.id, voice=speaker.voice, done=True, ending="cancelled"))
        else:
            _answer_as(speaker, loaded, chat, emit, cancelled, memory or Memory())


def why_silent(loaded: Loaded, voice: Voice) -> str:
    """Why a model cannot speak with this voice; empty when it can."""
    if voice == "base" and loaded.tuned and not loaded.has_adapter:
        return NO_BASE
    return NO_OTHER if voice == "other" and not loaded.other else ""


def answer_all(
    loaded: Loaded, prompts: Sequence[list[Turn]], voice: Voice, max_new_tokens: int, cancelled: Callable[[], bool]
) -> Iterator[dict[int, str]]:
    """The likeliest answers to many prompts, batch by batch, as position to answer, until cancelled."""
    greedy = Sampling(temperature=0, max_new_tokens=max_new_tokens)
    for batch in answer_together(loaded, prompts, voice, greedy, cancelled):
        yield {at: made.text for at, made in batch.items()}


def answer_together(
    loaded: Loaded, prompts: Sequence[list[Turn]], voice: Voice, wanted: Sampling, cancelled: Callable[[], bool]
) -> Iterator[dict[int, Answer]]:
    """The answers of a voice to many prompts, batch by batch, as position to answer, until cancelled. Raises DataError.

    Prompts of one length are answered together: without padding an answer does not depend on its neighbours. Of one that
    does not fit there is an answer without text.
    """
    FastLanguageModel.for_inference(loaded.model)
    writer, memory = loaded.writer, Memory()
    ids = [writer.ids(prompt) for prompt in prompts]
    for length, group in groupby(sorted(range(len(ids)), key=lambda at: len(ids[at])), key=lambda at: len(ids[at])):
        members = list(group)
        for start in range(0, len(members), BATCH):
            if cancelled():
                return
            batch = members[start : start + BATCH]
            answers = {at: Answer(writer, wanted, ends_of(loaded, writer), loaded.context_tokens - length) for at in batch}
            if length < loaded.context_tokens:
                made, rows = [*answers.values()], [ids[at] for at in batch]
                _once_more(partial(_generate, loaded, voice, rows, made, wanted, cancelled, memory), made[0], memory)
            if cancelled():  # these were cut short
                return
            yield answers


def _answer_as(
    speaker: Speaker, loaded: Loaded, chat: Chat, emit: Emit, cancelled: Callable[[], bool], memory: Memory
) -> None:
    began = time.monotonic()
    context, writer = loaded.context_tokens, loaded.writer
    ids = writer.ids([{"role": turn.role, "content": turn.content} for turn in speaker.messages])
    told: dict[str, Any] = {"id": chat.id, "voice": speaker.voice, "prompt_tokens": len(ids), "context_tokens": context}
    if len(ids) >= context:
        last = writer.ids([{"role": turn.role, "content": turn.content} for turn in speaker.messages[-1:]])
        older = len(speaker.messages) > 1 and len(last) < context
        text = (
            f"the conversation has {len(ids):,} tokens, and with the answer there may be {context:,} "
            f"(model.max_seq_length); {'leave out its oldest turns' if older else 'shorten it'}"
        )
        emit(Replied(**told, done=True, ending="full", error=text))
        return
    made = Answer(writer, chat.sampling, ends_of(loaded, writer), context - len(ids))
    made.began = began
    pieces = Pieces(made, lambda text: emit(Replied(**told, text=text, **_figures(made))))
    generate = partial(_generate, loaded, speaker.voice, [ids], [made], chat.sampling, cancelled, memory, pieces)
    told["kept_tokens"] = _once_more(generate, made, memory)
    emit(Replied(**told, done=True, text=pieces.rest(), ending=made.ending, **_figures(made)))


def _once_more(generate: Callable[[], int], made: Answer, memory: Memory) -> int:
    """Generate, and if that fails before the first token, generate without anything kept and in the usual way."""
    try:
        return generate()
    except Exception as error:
        if made.tokens or not memory.gives_way(error):
            raise
    gc.collect()  # what the error held on to
    torch.cuda.empty_cache()
    return generate()


def _figures(made: Answer) -> dict[str, Any]:
    return {"tokens": made.tokens, "tokens_per_s": made.tokens_per_s, "first_token_s": made.first_token_s}


def ends_of(loaded: Loaded, writer: Writer) -> frozenset[int]:
    """Every token that ends an answer: the model's, the tokenizer's, and what the chat template puts after one."""
    told = getattr(loaded.model.generation_config, "eos_token_id", None)
    found = {*(told if isinstance(told, list | tuple) else [told]), writer.inner.eos_token_id, writer.turn_end}
    return frozenset(token for token in found if token is not None)


def _generate(
    loaded: Loaded,
    voice: Voice,
    rows: list[list[int]],
    answers: Sequence[Answer],
    wanted: Sampling,
    cancelled: Callable[[], bool],
    memory: Memory,
    pieces: Pieces | None = None,
) -> int:
    """Let a voice go on with rows of one length until each answer has ended; how many tokens were known from before."""
    model = loaded.model
    kept, past = memory.known(voice, rows[0]) if len(rows) == 1 else (0, None)
    ids = torch.tensor(rows, device=model.device)
    listener = Listener(answers, pieces, cancelled)
    if model.config.model_type in PLAIN and not memory.refused:
        chosen: dict[str, Any] = {"custom_generate": decode, "hear": listener.hear}
    else:
        chosen = {"streamer": listener, "stopping_criteria": StoppingCriteriaList([Enough(listener)])}
    if past is not None:
        chosen["past_key_values"] = past
    with _speaking(loaded, voice), watching(model) as seen, torch.inference_mode():
        made = model.generate(
            input_ids=ids,
            attention_mask=torch.ones_like(ids),
            max_new_tokens=max(answer.limit for answer in answers),
            do_sample=False,  # what is drawn is drawn by the last of the processors
            logits_processor=processors(wanted, len(rows), model.device),
            repetition_penalty=wanted.repetition_penalty,
            eos_token_id=sorted(answers[0].ends),
            pad_token_id=_pad(loaded.tokenizer),
            **chosen,
        )
        if len(rows) == 1:
            memory.keep(voice, model, made[0].tolist(), seen.past)
    for answer in answers:
        answer.finish("cancelled")
    return kept


@contextmanager
def _speaking(loaded: Loaded, voice: Voice) -> Iterator[None]:
    """The model with the adapter of a voice, or without one."""
    if voice == "base" and loaded.has_adapter:
        with loaded.model.disable_adapter():
            yield
    elif voice == "other":
        loaded.model.set_adapter("other")
        try:
            yield
        finally:
            loaded.model.set_adapter("default")
    else:
        yield


def _pad(tokenizer: Any) -> int:
    inner = getattr(tokenizer, "tokenizer", tokenizer)
    return int(inner.eos_token_id if inner.pad_token_id is None else inner.pad_token_id)
