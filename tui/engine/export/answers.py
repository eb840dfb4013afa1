"""An answer with its logits, and where two of them part."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tui.run.exports import Asked, Difference

Logits = NDArray[np.float32]
TOKENS = 48
"""The longest answer that is compared."""


@dataclass(frozen=True)
class Answer:
    """What a model says, and goes on to say where it would have ended: short answers alone would prove little."""

    tokens: list[int]
    logits: Logits
    """Of shape (tokens, vocabulary)."""
    length: int
    """Tokens up to the end of the answer."""
    ends: frozenset[int]
    """The tokens that end an answer."""

    @property
    def spoken(self) -> list[int]:
        """The answer alone."""
        return self.tokens[: self.length]


@dataclass(frozen=True)
class Reference:
    """What the run itself says."""

    tokenizer: Any
    prompts: list[str]
    ids: list[list[int]]
    answers: list[Answer]


def ended(tokens: list[int], logits: Logits, ends: frozenset[int]) -> Answer:
    """The answer with these tokens, which is over where an end would have been the likeliest."""
    likeliest = logits.argmax(axis=1).tolist()
    return Answer(tokens, logits, next((at for at, token in enumerate(likeliest) if token in ends), len(likeliest)), ends)


def compared(tokenizer: Any, prompt: str, expected: Answer, found: Answer) -> Asked:
    """Two answers beside each other, with the logits where they part."""
    same = same_tokens(expected.tokens, found.tokens)
    difference = None
    if same < min(len(expected.tokens), len(found.tokens)):
        one, other = expected.tokens[same], found.tokens[same]
        difference = Difference(
            at=same + 1,
            expected=tokenizer.decode([one]),
            found=tokenizer.decode([other]),
            logits=(float(expected.logits[same, one]), float(expected.logits[same, other])),
            logits_found=(float(found.logits[same, one]), float(found.logits[same, other])),
        )
    said = [tokenizer.decode(it.spoken, skip_special_tokens=True) for it in (expected, found)]
    return Asked(prompt, said[0], said[1], same, len(expected.tokens), difference)


def same_tokens(one: Sequence[int], other: Sequence[int]) -> int:
    """How many tokens from the first on are the same."""
    return next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
