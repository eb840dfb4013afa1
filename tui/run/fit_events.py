"""What an engine says when it measures which settings are fastest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tui.run.happened import Happened

Kind = Literal["own", "same", "precision", "packing"]
"""The session as it is; one that learns the very same, in other portions; one with other weights; one with other rows."""
Verdict = Literal["measured", "out-of-memory", "refused"]


@dataclass(frozen=True)
class Trial:
    """One setting, and what it came to."""

    changes: dict[str, bool | int | float | str | None]
    """Settings that are others than in the session, by key; none for the session as it is."""
    kind: Kind
    name: str
    """The setting in words: ``16-bit, 8 × 1, nothing recomputed``."""
    consequence: str = ""
    """What it changes for the training, in a sentence; empty where that learns the same."""
    verdict: Verdict = "measured"
    why: str = ""
    """Why it was refused, in a sentence."""
    tokens_per_s: float = 0.0
    """Without padding, in the update in the middle of those that were timed."""
    seconds: float = 0.0
    """Of the update in the middle."""
    first_s: float = 0.0
    """Of the first update, on the longest rows, in which things are compiled."""
    examples: float = 0.0
    """Examples that an update sees."""
    epoch_s: float = 0.0
    """How long one epoch would take."""
    peak_bytes: int = 0
    """What torch had reserved at most, on the longest rows; 0 on a CPU."""
    share: float | None = None
    """Of the speed at which this card multiplied two large matrices just before, 0 to 1."""
    updates: int = 0
    """How many were timed."""


@dataclass(frozen=True, kw_only=True)
class Fitted(Happened):
    """What measuring settings has found so far."""

    kind: Literal["fitted"] = "fitted"
    id: str
    trials: tuple[Trial, ...] = ()
    """In the order in which they were measured."""
    text: str = ""
    """What is being measured now."""
    fraction: float | None = None
    """How much of its time it has taken, 0 to 1."""
    device: str = ""
    matrix_tflops: float | None = None
    """What the device did on a large product in the training's number format."""
    mean_tokens: float = 0.0
    """Of an example."""
    examples: int = 0
    """In the training data."""
    done: bool = False
    error: str = ""
    """Why nothing can be measured, in one sentence."""
