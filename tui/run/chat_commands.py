"""What is asked of an engine to talk to a model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tui.run.asked import Asked
from tui.run.chat_events import Voice

PromptSource = Literal["session", "held-out", "file"]


@dataclass(frozen=True)
class Message:
    """One turn of a conversation."""

    role: Literal["system", "user", "assistant"]
    content: str


@dataclass(frozen=True)
class Speaker:
    """Somebody who is to answer, with the conversation as they know it."""

    voice: Voice
    messages: tuple[Message, ...]
    adapter: str = ""
    """For the voice `other`: the folder of another adapter for the same base model."""


@dataclass(frozen=True)
class Sampling:
    """How tokens are chosen, and when it is enough. The names and meanings are those of ``generate``."""

    temperature: float = 0.7
    """0 takes the likeliest token each time."""
    top_p: float = 1.0
    top_k: int = 0
    """0 for all tokens."""
    min_p: float = 0.1
    repetition_penalty: float = 1.0
    max_new_tokens: int = 512
    seed: int | None = None
    stop: tuple[str, ...] = ()
    """Texts before which an answer is cut off."""


@dataclass(frozen=True, kw_only=True)
class Chat(Asked):
    """Let each speaker answer, piece by piece."""

    kind: Literal["chat"] = "chat"
    id: str
    speakers: tuple[Speaker, ...]
    """In this order. An assistant's message that stands last is gone on with."""
    model: str = ""
    """The run folder, adapter, checkpoint, model folder or hub name to talk to; empty for what is loaded already."""
    load_in_4bit: bool | None = None
    """How it is loaded; None for the run's own setting, and for a plain model the default."""
    sampling: Sampling = Sampling()


@dataclass(frozen=True, kw_only=True)
class ShowPrompt(Asked):
    """Show what a model would read of a conversation."""

    kind: Literal["show_prompt"] = "show_prompt"
    id: str
    messages: tuple[Message, ...]
    model: str = ""
    load_in_4bit: bool | None = None


@dataclass(frozen=True, kw_only=True)
class AnswerSet(Asked):
    """Let each voice answer a set of prompts."""

    kind: Literal["answer_set"] = "answer_set"
    id: str
    session: str
    """As TOML: whose sample prompts or held-out examples, and how the rows of a file are read."""
    source: PromptSource
    file: str = ""
    """For the source `file`: a dataset in any form that can be read, or a text file with a prompt on each line."""
    count: int = 20
    """The most prompts that are asked."""
    voices: tuple[Voice, ...] = ("base", "tuned")
    adapter: str = ""
    """For the voice `other`: the folder of another adapter for the same base model."""
    model: str = ""
    load_in_4bit: bool | None = None
    sampling: Sampling = Sampling()
