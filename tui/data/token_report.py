"""What tokenising a dataset found: how much of it is learned, and how much is cut or left out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Part = Literal["tools", "calls", "thoughts"]
"""Of a conversation, beside what is said."""


@dataclass(frozen=True, kw_only=True)
class TokenReport:
    """Counts over all examples of one dataset, held-out ones included; plain values, so that it can travel as JSON."""

    rows_read: int
    bad_rows: int = 0
    """Left out because they cannot be read or used."""
    examples: int
    """Rows that became an example."""
    used: int
    """Examples of which something is learned."""
    nothing_to_learn: int = 0
    """Examples left out because none of their tokens is learned; those that are left out as too long are not among them."""
    too_long: int = 0
    """Examples longer than `max_seq_length`."""
    overlong: Literal["truncate", "drop", "split"] = "truncate"
    """What happened to those."""
    max_seq_length: int
    training_rows: int
    """Rows that the trainer gets: as many as examples are used, and more where some are split."""
    tokens: int
    """In the rows that the trainer gets."""
    learned: int
    """Of these."""
    cut_tokens: int = 0
    """Tokens of examples that are cut off or left out as too long."""
    longest: int
    """Tokens of the longest example, before anything is cut."""
    histogram: tuple[int, ...] = ()
    """Examples by length before anything is cut: as many as have up to `edges[i]` tokens and more than `edges[i - 1]`."""
    edges: tuple[int, ...] = ()
    double_bos: int = 0
    """Used examples that begin with the begin token twice."""
    end_token: str = ""
    end_present: int = 0
    """Used examples with the model's end token in them."""
    end_learned: int = 0
    """Used examples of which the model learns its end token."""
    tools_unwritten: int = 0
    """Examples with tools that the chat template leaves out."""
    calls_unwritten: int = 0
    """With calls of tools that it leaves out."""
    thoughts_unwritten: int = 0
    """With thinking of which it writes none."""

    longest_rows: tuple[int, ...] = ()
    """The longest examples, by the number of their row counted from 1, the longest first."""
    shortest_rows: tuple[int, ...] = ()
    """The shortest, the shortest first."""
    too_long_rows: tuple[int, ...] = ()
    """The first that are too long."""
    nothing_to_learn_rows: tuple[int, ...] = ()
    """The first of which nothing is learned."""

    @property
    def learned_share(self) -> float:
        """Learned tokens of all that the trainer gets, 0 to 1."""
        return self.learned / self.tokens if self.tokens else 0.0

    @property
    def end_share(self) -> float:
        """Used examples of which the end token is learned, 0 to 1."""
        return self.end_learned / self.used if self.used else 0.0
