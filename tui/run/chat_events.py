"""What an engine says when it is talked to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tui.run.happened import Happened

Voice = Literal["tuned", "base", "other"]
"""Who answers: the model as it was asked for, the same without its adapter, or with another adapter."""
Ending = Literal["", "end", "length", "stop", "cancelled", "full"]
"""Why an answer is over: the model's end token, the most tokens that were asked for, a stop text, somebody stopped it,
or the context is full; empty while it goes on and after an error, but ``full`` where the conversation alone is too long."""


@dataclass(frozen=True, kw_only=True)
class ModelReady(Happened):
    """A model is in memory and can be talked to."""

    kind: Literal["model"] = "model"
    model: str
    """The folder or hub name that was asked for; the run folder where an engine keeps what it has trained."""
    device: str = ""
    """The name of the GPU, or ``CPU``."""
    used_bytes: int = 0
    """Reserved by torch on a GPU; resident memory of the engine on a CPU."""
    total_bytes: int = 0
    context_tokens: int = 0
    """The most tokens that prompt and answer together may have (``max_seq_length``)."""
    has_base: bool = False
    """Whether it has an adapter that can be switched off."""
    has_template: bool = True
    """Whether turns are written by a chat template; where the tokenizer has none, or the model has learned from texts, they
    are written as the run's data mapping does."""
    four_bit: bool = False


@dataclass(frozen=True, kw_only=True)
class Replied(Happened):
    """A piece of a chat answer."""

    kind: Literal["reply"] = "reply"
    id: str
    voice: Voice = "tuned"
    text: str = ""
    done: bool = False
    """Whether this was the last piece of this voice."""
    tokens: int = 0
    """Made so far."""
    tokens_per_s: float = 0.0
    """From the first token to the last, without the reading of the prompt."""
    prompt_tokens: int = 0
    """Length of what was read: the whole conversation with its template."""
    kept_tokens: int = 0
    """How many of these were still in memory from the turn before, and were not read again."""
    first_token_s: float = 0.0
    """From the moment the engine took the question up to the first token, without loading."""
    context_tokens: int = 0
    """The most that prompt and answer together may have."""
    ending: Ending = ""
    error: str = ""
    """Why there is no answer, in one sentence; empty when there is one."""
    offers: tuple[str, ...] = ()
    """Of a model that does not fit: how it would, ``4-bit``, or where, as `tui.run.talk.open_workbench` names devices."""


@dataclass(frozen=True, kw_only=True)
class PromptShown(Happened):
    """What a model reads: a conversation written with its template, special tokens and all."""

    kind: Literal["prompt"] = "prompt"
    id: str
    text: str = ""
    tokens: int = 0
    pieces: tuple[str, ...] = ()
    """The text of each token, or of a few that are one character together; a very long prompt is cut."""
    marks: str = ""
    """For each piece: ``.``, or ``:`` where it is a special token."""
    error: str = ""


@dataclass(frozen=True, kw_only=True)
class Answered(Happened):
    """One answer to one of many prompts; the last event of a set has `done` and no answer."""

    kind: Literal["answered"] = "answered"
    id: str
    at: int = 0
    """Which prompt of the set, counted from 0."""
    of: int = 0
    """How many there are."""
    voice: Voice = "tuned"
    prompt: str = ""
    """The last turn that was asked."""
    reference: str = ""
    """The answer in the data; empty where none is known."""
    text: str = ""
    tokens: int = 0
    seconds: float = 0.0
    """What it took; of prompts that were answered together, an equal part of their time."""
    done: bool = False
    error: str = ""
    """Why the set ended early."""
