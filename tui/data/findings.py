"""What a look through a whole dataset says about it: figures, and findings with their places; plain values all through."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from tui.data.records import Record

Severity = Literal["blocking", "warning", "note"]
Kind = Literal[
    "unreadable-rows", "unusable-rows", "nothing-usable", "leaked", "control-characters", "damaged-characters", "duplicates",
    "near-duplicates", "ends-with-user", "empty-turns", "same-role", "late-system", "assistant-first", "short-answers",
    "repeated-answer", "mixed-languages", "all-masked", "nothing-to-learn", "double-bos", "no-end-token", "too-long",
    "tools-unwritten", "calls-unwritten", "thoughts-unwritten",
]  # fmt: skip
Mend = dict[str, bool | int | float | str | dict[str, str] | None]
PLACES_KEPT = 100
REASONS_KEPT = 40
"""Different reasons why rows cannot be used; more are counted together."""


@dataclass(frozen=True)
class Place:
    """A row that a finding is about."""

    number: int
    """As the record has it, counted from 1."""
    place: str
    """For people: ``train.jsonl, line 17``."""
    detail: str


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong, or odd, in some rows."""

    kind: Kind
    title: str
    severity: Severity
    count: int
    """Rows that have it."""
    places: tuple[Place, ...] = ()
    """The first of these rows."""
    advice: str = ""
    mend: Mend = field(default_factory=dict)
    """Changes of the session, by key, that would help; empty where only a person can tell."""


@dataclass(frozen=True)
class ColumnSeen:
    """A column and what lies in it."""

    name: str
    types: dict[str, int]
    """Rows by what they hold there: text, number, true or false, list, object, nothing."""


@dataclass(frozen=True)
class Lint:
    """What has been seen so far."""

    rows: int = 0
    usable: int = 0
    findings: tuple[Finding, ...] = ()
    """The gravest first."""
    characters: int = 0
    answer_characters: int = 0
    """Those of them that the assistant says; all of a plain text."""
    turns: dict[int, int] = field(default_factory=dict)
    """Conversations by their number of turns; above 16, by the next power of two."""
    roles: dict[str, int] = field(default_factory=dict)
    """Turns by who says them."""
    scripts: dict[str, int] = field(default_factory=dict)
    """Rows by the script that their answers are written in: Latin, Han, Cyrillic ..."""
    columns: tuple[ColumnSeen, ...] = ()
    compared_nearly: int = 0
    """Rows among which near duplicates have been looked for; these are the first ones."""
    held_out: int = 0
    """Examples of the held-out data that the rows have been compared with."""
    elapsed_s: float = 0.0
    done: bool = False
    """False while it goes on, and when it was cancelled."""

    @property
    def blocking(self) -> bool:
        """Whether training cannot start with this data."""
        return any(finding.severity == "blocking" for finding in self.findings)


@dataclass(frozen=True)
class Words:
    """How a kind of finding is put."""

    severity: Severity
    title: str
    advice: str
    mend: Mapping[str, Any] = field(default_factory=dict)


SKIP = {"data.skip_bad_rows": True}
WORDS: dict[Kind, Words] = {
    "unreadable-rows": Words("blocking", "Rows that cannot be read", "Mend these lines, or leave such rows out.", SKIP),
    "unusable-rows": Words("blocking", "Rows that cannot be used", "Mend these rows, or leave such rows out.", SKIP),
    "nothing-usable": Words(
        "blocking", "Not a single row can be used", "Choose how the rows are read: the format, the column or templates."
    ),
    "leaked": Words(
        "warning",
        "Rows that are in the held-out data too",
        "Take them out of one side: measured on them, the model seems better than it is.",
    ),
    "control-characters": Words(
        "warning", "Rows with control characters", "Take these out of the file; they are learned as they stand."
    ),
    "damaged-characters": Words(
        "warning",
        "Rows with damaged characters",
        "The text was decoded wrongly once: write the file anew from where it came from, as UTF-8.",
    ),
    "duplicates": Words(
        "warning", "Rows that say the same as an earlier one", "Leave one of each: what is repeated is learned by heart."
    ),
    "near-duplicates": Words(
        "note", "Rows that say nearly the same as an earlier one", "See whether they are meant to differ so little."
    ),
    "ends-with-user": Words(
        "warning",
        "Conversations that end with the user",
        "Nothing is learned from the last turn: add its answer or cut it off.",
    ),
    "empty-turns": Words("warning", "Conversations with a turn that says nothing", "Fill it in or take it out."),
    "same-role": Words(
        "warning",
        "Conversations with two turns of one role in a row",
        "Merge such turns; some chat templates refuse them.",
        {"data.merge_turns": True},
    ),
    "late-system": Words(
        "warning",
        "Conversations with a system prompt after the beginning",
        "Put it first or drop it; many chat templates refuse it.",
        {"data.system_prompts": "drop"},
    ),
    "assistant-first": Words(
        "note", "Conversations that begin with the assistant", "Some chat templates refuse this: begin with a question."
    ),
    "short-answers": Words("note", "Answers of one or two characters", "See whether these answers are whole."),
    "repeated-answer": Words("note", "Rows with the very same answer", "See whether it should be learned so often."),
    "mixed-languages": Words(
        "note", "Rows that are answered in another script than asked", "See whether the answer is in the right language."
    ),
}
"""How each kind is put; their order is that in which they are shown within a severity."""


class Found:
    """The places of one kind of finding, counted as they come."""

    def __init__(self) -> None:
        self.count = 0
        self.places: list[Place] = []
        self.mend: Mapping[str, Any] = {}

    def add(self, record: Record, detail: str, mend: Mapping[str, Any] | None = None) -> None:
        """Counts a row and keeps its place if it is among the first."""
        self.count += 1
        self.mend = self.mend or mend or {}
        if len(self.places) < PLACES_KEPT:
            self.places.append(Place(record.number, record.place, detail))

    def finding(self, kind: Kind, reason: str = "", skip: bool = False) -> Finding:
        """This as a finding; `skip`: bad rows are left out, so that they do not block."""
        put = WORDS[kind]
        said = put.title + (f": {reason}" if reason else "")
        severity = "warning" if skip and put.severity == "blocking" else put.severity
        mend = dict(self.mend or put.mend)
        if skip and mend == SKIP:
            mend = {}
        return Finding(kind, said, severity, self.count, tuple(self.places), put.advice, mend)
