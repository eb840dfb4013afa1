"""Looks through a whole dataset once, row by row, for what would spoil a training."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Callable, Iterable
from itertools import islice

from tui.data.converting import examples
from tui.data.duplicates import MOST_WORDS, NearlySeen, Seen
from tui.data.examples import Example
from tui.data.findings import REASONS_KEPT, WORDS, ColumnSeen, Finding, Found, Kind, Lint, Place, Severity
from tui.data.oddities import SHORT, of_text, of_turns, question, whole
from tui.data.reading import Reading
from tui.data.records import DataError, Record, Row
from tui.data.scripts import script
from tui.data.shown import plain, shown
from tui.session.sections.data import DataSection

__all__ = ["ColumnSeen", "Finding", "Lint", "Place", "lint"]

ROWS_BETWEEN_LOOKS = 32
"""After so many rows it is seen whether it is time to report, or to stop."""
COLUMNS_KEPT = 200
ANSWERS_KEPT = 50_000
OFTEN = 0.05
"""Share of the rows from which on the same answer is worth a word."""
OFTEN_IF_SHORT = 0.9
"""The same for a label or a yes, which may be what is to be learned."""
LEAST_OFTEN = 10
LONG_ANSWER = 12
MINORITY = 0.2
"""Up to this share of the rows something counts as odd; above, it is how this data is."""
_GRAVITY: dict[Severity, int] = {"blocking": 0, "warning": 1, "note": 2}
_TYPES = {
    str: "text",
    bool: "true or false",
    int: "number",
    float: "number",
    list: "list",
    dict: "object",
    type(None): "nothing",
}


def _never() -> bool:
    return False


def _unheard(_: Lint) -> None:
    return None


def lint(
    records: Iterable[Record],
    reading: Reading,
    data: DataSection,
    held_out: Iterable[Record] = (),
    report: Callable[[Lint], None] = _unheard,
    every_s: float = 0.3,
    cancelled: Callable[[], bool] = _never,
) -> Lint:
    """What is in these records. `report` gets what is known so far, every so many seconds.

    `held_out` is gone through first; rows that are in it too are findings. Ten million rows take some 300 MB: 12 bytes for
    each place of a table that is up to two thirds full.
    """
    pass_ = _Pass(reading, data)
    pass_.remember(held_out, cancelled)
    reported = time.monotonic()
    for record, found in examples(records, reading, data):
        pass_.take(record, found)
        if pass_.rows % ROWS_BETWEEN_LOOKS:
            continue
        if cancelled():
            return pass_.seen(done=False)
        if time.monotonic() - reported >= every_s:
            report(pass_.seen(done=False))
            reported = time.monotonic()
    if cancelled():
        return pass_.seen(done=False)
    pass_.finish()
    told = pass_.seen(done=True)
    report(told)
    return told


class _Pass:
    """What is remembered while the rows go by."""

    def __init__(self, reading: Reading, data: DataSection) -> None:
        self.reading, self.data = reading, data
        self.started = time.monotonic()
        self.rows = self.usable = self.characters = self.answer_characters = 0
        self.found: dict[Kind, Found] = {}
        self.unusable: dict[str, Found] = {}
        self.turns: Counter[int] = Counter()
        self.roles: Counter[str] = Counter()
        self.scripts: Counter[str] = Counter()
        self.columns: dict[str, Counter[str]] = {}
        self.seen_rows, self.held_out = Seen(), Seen()
        self.nearly = NearlySeen()
        self.waiting: dict[int, Record] = {}
        self.answers = Answers()

    def remember(self, held_out: Iterable[Record], cancelled: Callable[[], bool]) -> None:
        """Takes in what is held out, to find it again among the rows."""
        for number, (_, found) in enumerate(examples(held_out, self.reading, self.data), 1):
            if isinstance(found, Example):
                self.held_out.first(_key(found)[0], number)
            if number % ROWS_BETWEEN_LOOKS == 0 and cancelled():
                return

    def take(self, record: Record, found: Example | DataError) -> None:
        """One row."""
        self.rows += 1
        if record.row is None:
            self._add("unreadable-rows", record, record.problem)
            return
        self._see_columns(record.row)
        if isinstance(found, DataError):
            self._refuse(record, found)
            return
        self.usable += 1
        self._see_repeats(record, found)
        if not found.tokens:
            self._see_text(record, found)
        if found.turns:
            self._see_turns(record, found)

    def finish(self) -> None:
        """What is only known at the end."""
        self._add_alike(self.nearly.flush())

    def seen(self, done: bool) -> Lint:
        """All of this as it stands."""
        return Lint(
            rows=self.rows,
            usable=self.usable,
            findings=self._findings(),
            characters=self.characters,
            answer_characters=self.answer_characters,
            turns=dict(sorted(self.turns.items())),
            roles=dict(self.roles.most_common()),
            scripts=dict(self.scripts.most_common()),
            columns=tuple(ColumnSeen(name, dict(types.most_common())) for name, types in self.columns.items()),
            compared_nearly=self.nearly.compared,
            held_out=len(self.held_out),
            elapsed_s=round(time.monotonic() - self.started, 3),
            done=done,
        )

    def _add(self, kind: Kind, record: Record, detail: str) -> None:
        self.found.setdefault(kind, Found()).add(record, detail)

    def _refuse(self, record: Record, error: DataError) -> None:
        reason = re.sub(r"\bturn \d+", "a turn", str(error))
        if reason not in self.unusable and len(self.unusable) >= REASONS_KEPT:
            reason = "other reasons"
        self.unusable.setdefault(reason, Found()).add(record, str(error), error.mend)

    def _see_columns(self, row: Row) -> None:
        for name, value in islice(row.items(), COLUMNS_KEPT):
            types = self.columns.get(name)
            if types is None:
                if len(self.columns) >= COLUMNS_KEPT:
                    continue
                types = self.columns[name] = Counter()
            types[_TYPES.get(type(value), "other")] += 1

    def _see_repeats(self, record: Record, example: Example) -> None:
        key, words = _key(example)
        if len(self.held_out) and (there := self.held_out.get(key)):
            self._add("leaked", record, f"it is held-out example {there}")
        if earlier := self.seen_rows.first(key, record.number):
            self._add("duplicates", record, f"it says the same as row {earlier}")
        elif words and not self.nearly.full:
            self.waiting[record.number] = Record(record.number, record.place, None)
            self._add_alike(self.nearly.add(record.number, words))

    def _add_alike(self, pairs: list[tuple[int, int]]) -> None:
        for row, earlier in pairs:
            self._add("near-duplicates", self.waiting[row], f"it says nearly the same as row {earlier}")
        if self.nearly.is_empty:
            self.waiting.clear()

    def _see_text(self, record: Record, example: Example) -> None:
        text = whole(example)
        self.characters += len(text)
        for kind, detail in of_text(text):
            self._add(kind, record, detail)
        if not example.turns:
            self.answer_characters += len(text)
            self.scripts[script(text) or "none"] += 1

    def _see_turns(self, record: Record, example: Example) -> None:
        turns = example.turns
        self.turns[len(turns) if len(turns) <= 16 else 1 << (len(turns) - 1).bit_length()] += 1
        self.roles.update([turn.role for turn in turns])
        self.answer_characters += sum([len(turn.content) for turn in turns if turn.role == "assistant"])
        for kind, detail in of_turns(turns):
            self._add(kind, record, detail)
        answer = example.answer
        written, asked = script(answer), script(question(example))
        self.scripts[written or "none"] += 1
        if asked and written and asked != written:
            self._add("mixed-languages", record, f"asked in {asked}, answered in {written}")
        short = answer.strip()
        if 0 < len(short) < SHORT:
            self._add("short-answers", record, f"the answer is {shown(short)}")
        if short:
            self.answers.add(short)

    def _findings(self) -> tuple[Finding, ...]:
        skip = self.data.skip_bad_rows
        told = [found.finding(kind, skip=skip) for kind, found in self.found.items() if self._is_odd(kind, found)]
        told += [found.finding("unusable-rows", reason, skip) for reason, found in self.unusable.items()]
        told += self.answers.findings(self.usable)
        if self.rows and not self.usable:
            put = WORDS["nothing-usable"]
            told.append(Finding("nothing-usable", put.title, put.severity, self.rows, (), put.advice))
        order = list(WORDS)
        return tuple(sorted(told, key=lambda each: (_GRAVITY[each.severity], order.index(each.kind), -each.count)))

    def _is_odd(self, kind: Kind, found: Found) -> bool:
        if kind == "mixed-languages":
            return found.count <= MINORITY * self.usable
        return kind != "short-answers" or 2 * found.count < self.usable


class Answers:
    """Counts the answers that come most often, in bounded memory (Misra and Gries 1982): never more than there are."""

    def __init__(self) -> None:
        self._counts: dict[int, int] = {}
        self._texts: dict[int, tuple[str, int]] = {}

    def add(self, answer: str) -> None:
        """One more answer."""
        key = hash(answer)
        count = self._counts[key] = self._counts.get(key, 0) + 1
        if count == 2:
            self._texts[key] = (plain(answer), len(answer))
        if len(self._counts) > ANSWERS_KEPT:
            self._counts = {key: count - 1 for key, count in self._counts.items() if count > 1}
            self._texts = {key: text for key, text in self._texts.items() if key in self._counts}

    def findings(self, rows: int) -> list[Finding]:
        """The answers that are given too often."""
        told = []
        for key, (text, length) in self._texts.items():
            count = self._counts.get(key, 0)
            often = OFTEN if length >= LONG_ANSWER else OFTEN_IF_SHORT
            if count >= LEAST_OFTEN and count > often * rows:
                put = WORDS["repeated-answer"]
                told.append(Finding("repeated-answer", f"{put.title}, '{text}'", put.severity, count, (), put.advice))
        return sorted(told, key=lambda each: -each.count)[:5]


def _key(example: Example) -> tuple[int, list[bytes]]:
    """What an example says, without case and spacing, as a hash; and its words, or letters where no spaces are written."""
    if example.tokens:
        return hash(example.tokens), []
    if example.turns:
        said = "\n".join([f"{turn.role} {turn.reasoning} {turn.content} {turn.tool_calls or ''}" for turn in example.turns])
    else:
        said = example.text
    words = said.casefold().encode().split()
    key = hash(b" ".join(words))
    if len(words) * 24 < len(said):
        words = [letter.encode() for letter in said[:MOST_WORDS]]
    return key, words
