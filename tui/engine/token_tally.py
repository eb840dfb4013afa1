"""Counts what tokenising finds, batch by batch."""

from __future__ import annotations

from typing import Any

import numpy as np

from tui.data.token_report import TokenReport
from tui.engine.token_table import Batch
from tui.engine.tokenising import Tokens

STEPS = (1 / 16, 1 / 8, 1 / 4, 3 / 8, 1 / 2, 5 / 8, 3 / 4, 7 / 8, 1, 1.5, 2, 4, 8)
"""Where the bars of the histogram end, in `max_seq_length`; a last one has all that is longer."""

SUMS = (
    "bad_rows", "examples", "used", "nothing_to_learn", "too_long", "training_rows", "tokens", "learned", "cut_tokens",
    "double_bos", "end_present", "end_learned", "tools_unwritten", "calls_unwritten", "thoughts_unwritten",
)  # fmt: skip
"""Fields of a report that are sums over the batches."""
NAMED = 20
"""Rows that are named of a kind."""


class Tally:
    """The sums so far."""

    def __init__(self, tokens: Tokens) -> None:
        self._tokens = tokens
        length = tokens.max_seq_length
        self._edges = np.unique([max(1, round(length * step)) for step in STEPS])
        self._histogram = np.zeros(len(self._edges) + 1, np.int64)
        self._longest = 0
        self._extremes: dict[str, list[tuple[int, int]]] = {"longest_rows": [], "shortest_rows": []}
        self._first: dict[str, list[int]] = {"too_long_rows": [], "nothing_to_learn_rows": []}
        self.sums = dict.fromkeys(SUMS, 0)

    def add(self, batch: Batch) -> None:
        """Count one batch."""
        columns = {name: batch.examples.column(name).to_numpy(zero_copy_only=False) for name in batch.examples.schema.names}
        lengths, rows = columns["tokens"], columns["rows"]
        too_long = lengths > self._tokens.max_seq_length
        left_out = too_long if self._tokens.data.overlong == "drop" else np.zeros_like(too_long)
        cut = too_long if self._tokens.data.overlong != "split" else np.zeros_like(too_long)
        nothing = (rows == 0) & ~left_out
        found: dict[str, Any] = {
            "bad_rows": len(batch.problems),
            "examples": len(lengths),
            "used": (rows > 0).sum(),
            "nothing_to_learn": nothing.sum(),
            "too_long": too_long.sum(),
            "training_rows": rows.sum(),
            "tokens": columns["kept"].sum(),
            "learned": columns["learned"].sum(),
            "cut_tokens": (lengths - np.where(left_out, 0, self._tokens.max_seq_length))[cut].sum(),
        }
        found |= {name: columns[name].sum() for name in SUMS[SUMS.index("double_bos") :]}
        for name, value in found.items():
            self.sums[name] += int(value)
        numbers = columns["example"] + 1
        self._name("longest_rows", -lengths.astype(np.int64), numbers)
        self._name("shortest_rows", lengths, numbers)
        for name, chosen in (("too_long_rows", too_long), ("nothing_to_learn_rows", nothing)):
            self._first[name] += numbers[chosen][: NAMED - len(self._first[name])].tolist()
        self._longest = max(self._longest, int(lengths.max(initial=0)))
        self._histogram += np.bincount(np.searchsorted(self._edges, lengths), minlength=len(self._histogram))

    def _name(self, name: str, order: np.ndarray, numbers: np.ndarray) -> None:
        first = np.argsort(order, kind="stable")[:NAMED]
        found = zip(order[first].tolist(), numbers[first].tolist(), strict=True)
        self._extremes[name] = sorted([*self._extremes[name], *found])[:NAMED]

    @property
    def done(self) -> int:
        """Records counted so far."""
        return self.sums["examples"] + self.sums["bad_rows"]

    def report(self) -> TokenReport:
        """All of it so far."""
        named = {name: tuple(number for _, number in rows) for name, rows in self._extremes.items()}
        named |= {name: tuple(rows) for name, rows in self._first.items()}
        sums: dict[str, Any] = self.sums | named
        return TokenReport(
            rows_read=self.done,
            overlong=self._tokens.data.overlong,
            max_seq_length=self._tokens.max_seq_length,
            longest=self._longest,
            histogram=tuple(map(int, self._histogram)),
            edges=tuple(map(int, self._edges)),
            end_token=self._tokens.inner.eos_token or "",
            **sums,
        )
