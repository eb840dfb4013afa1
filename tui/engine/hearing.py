"""Hears an answer token by token: its text, what ends it, how fast it is, and when a piece of it is handed on."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import torch
from transformers import StoppingCriteria
from transformers.generation.streamers import BaseStreamer

from tui.engine.pieces import Characters, StopTexts
from tui.engine.writing import Writer
from tui.run.commands import Sampling
from tui.run.events import Ending

PIECE_S = 0.05
"""Tokens that come within this time travel together."""


class Answer:
    """One answer as it comes: its text, what ends it, and how fast it is. Times are of time.monotonic()."""

    def __init__(self, writer: Writer, wanted: Sampling, ends: frozenset[int], room: int) -> None:
        self.characters, self.stops = Characters(writer.decode), StopTexts(wanted.stop)
        self.ends, self.limit = ends, max(0, min(wanted.max_new_tokens, room))
        self.at_limit: Ending = "length" if wanted.max_new_tokens <= room else "full"
        self.ending: Ending = ""
        self.tokens = 0
        self.text = ""
        self.began = time.monotonic()
        self.first = self.last = 0.0

    @property
    def first_token_s(self) -> float:
        return self.first - self.began if self.tokens else 0.0

    @property
    def tokens_per_s(self) -> float:
        """Rate from the first token to the last, without the reading of the prompt."""
        return (self.tokens - 1) / (self.last - self.first) if self.tokens > 1 and self.last > self.first else 0.0

    def add(self, token: int) -> None:
        """Hear one more token; after its end nothing is heard any more."""
        if self.ending:
            return
        self.tokens += 1
        self.last = time.monotonic()
        if self.tokens == 1:
            self.first = self.last
        if token in self.ends:
            self.finish("end")
            return
        self.text += self.stops.add(self.characters.add(token))
        if self.stops.found:
            self.ending = "stop"
        elif self.tokens >= self.limit:
            self.finish(self.at_limit)

    def finish(self, ending: Ending) -> None:
        """End it, with what was held back until it was clear what it is."""
        if not self.ending:
            self.text += self.stops.add(self.characters.rest())
            self.text += self.stops.rest()
            self.ending = "stop" if self.stops.found else ending


class Pieces:
    """Hands an answer on while it comes, not too often."""

    def __init__(self, answer: Answer, hand_on: Callable[[str], None]) -> None:
        self.answer, self.hand_on = answer, hand_on
        self.told = 0
        self.sent = 0.0

    def look(self) -> None:
        """Hand on what is new, if it is time."""
        now = time.monotonic()
        if len(self.answer.text) > self.told and now - self.sent >= PIECE_S and not self.answer.ending:
            self.hand_on(self.rest())
            self.sent = now

    def rest(self) -> str:
        """What was not handed on yet."""
        text = self.answer.text[self.told :]
        self.told = len(self.answer.text)
        return text


class Listener(BaseStreamer):  # type: ignore[misc]
    """Hears every token of every row; as a streamer of ``generate`` it is told the prompts first."""

    def __init__(self, answers: Sequence[Answer], pieces: Pieces | None, cancelled: Callable[[], bool]) -> None:
        self.answers, self.pieces, self.cancelled = answers, pieces, cancelled
        self.asked = False

    def hear(self, tokens: list[int]) -> bool:
        """Hear the next token of each row; whether that is enough."""
        for answer, token in zip(self.answers, tokens, strict=True):
            answer.add(token)
        if self.pieces:
            self.pieces.look()
        return self.cancelled() or all(answer.ending for answer in self.answers)

    def put(self, value: torch.Tensor) -> None:
        """Called by ``generate``."""
        if self.asked:
            self.hear(value.flatten().tolist())
        self.asked = True

    def end(self) -> None:
        """Everything was heard."""


class Enough(StoppingCriteria):  # type: ignore[misc]
    """Tells ``generate`` which rows have ended."""

    def __init__(self, listener: Listener) -> None:
        self.listener = listener
        self.none: torch.Tensor | None = None

    def __call__(self, input_ids: torch.Tensor, scores: Any, **_: Any) -> torch.Tensor:
        over = self.listener.cancelled()
        ended = [over or bool(answer.ending) for answer in self.listener.answers]
        if self.none is None:
            self.none = torch.zeros(len(ended), dtype=torch.bool, device=input_ids.device)
        return torch.tensor(ended, device=input_ids.device) if any(ended) else self.none
