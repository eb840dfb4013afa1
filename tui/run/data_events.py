"""What an engine says of a dataset that it looks into."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tui.data.findings import Lint
from tui.data.token_report import TokenReport
from tui.run.happened import Happened


@dataclass(frozen=True, kw_only=True)
class Previewed(Happened):
    """One row as it lies in the data, as a conversation, and as it will be trained on."""

    kind: Literal["preview"] = "preview"
    id: str
    row: int = 0
    """Counted from 0."""
    place: str = ""
    """Where the row stands: ``train.jsonl, line 17``."""
    source: str = ""
    """The row as JSON; a long one is cut."""
    turns: tuple[tuple[str, str], ...] = ()
    """Who says what; one without a name is plain text."""
    text: str = ""
    """What is tokenised."""
    tokens: int = 0
    """Of the whole text, before anything is cut off."""
    pieces: tuple[str, ...] = ()
    """The text of each token, or of a few that are one character together; a very long row is cut."""
    marks: str = ""
    """For each piece: ``l`` learned, ``.`` only seen, ``x`` cut off; ``L``, ``:``, ``X`` where it is a special token."""
    learned: int = 0
    """Tokens that are learned."""
    cut: int = 0
    """Tokens that are cut off."""
    error: str = ""
    """Why the row cannot be used, or its tokens cannot be shown."""


@dataclass(frozen=True, kw_only=True)
class Inspected(Happened):
    """What a look through a whole dataset has found so far."""

    kind: Literal["inspected"] = "inspected"
    id: str
    lint: Lint | None = None
    tokens: TokenReport | None = None
    """None until its tokens are counted, and without a model."""
    done: bool = False
    error: str = ""
    """Why it cannot be looked through, or when the rows could be, their tokens."""
