"""What the Data place says in words: cells of the table, a row, and what a look through everything has found."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

from tui import words
from tui.data.findings import Finding
from tui.data.records import DataError, Record
from tui.data.token_report import TokenReport
from tui.run.events import Inspected
from tui.screens.data_looks import Look, example_of
from tui.session.facts import Facts
from tui.session.outlook import outlook
from tui.session.schema import Session

MOST_COLUMNS = 12
LEAST_WIDTH = 16
PADDING = 2
"""Of a cell of a table."""
MOST_SHOWN = 20_000
"""Characters of one row."""
SIGNS = {"blocking": "✗", "warning": "!", "note": "·"}
BARS = " ▁▂▃▄▅▆▇█"


def table_of(look: Look) -> tuple[list[str], list[tuple[Record, list[str]]]]:
    """The columns and the cells of the first rows: what is asked and answered, or as it lies in the file."""
    if look.reading and look.reading.format not in ("text", "tokens"):
        return ["asked", "answered"], [(record, asked_and_answered(record, look)) for record in look.records]
    rows = [record.row or {} for record in look.records]
    columns = list(dict.fromkeys(str(column) for row in rows for column in row))[:MOST_COLUMNS] or [""]
    return columns, [(record, _cells(record, columns)) for record in look.records]


def shared_out(room: int, rows: Sequence[Sequence[str]]) -> list[int]:
    """The widths of columns: what each needs, as long as all of them fit; then no more than a share of what is left."""
    needs = [max(map(len, column)) for column in zip(*rows, strict=True)]
    widths = dict.fromkeys(range(len(needs)), 0)
    for done, at in enumerate(sorted(widths, key=needs.__getitem__)):
        widths[at] = min(needs[at], max(LEAST_WIDTH, room // (len(needs) - done) - PADDING))
        room -= widths[at] + PADDING
    return list(widths.values())


def _cells(record: Record, columns: list[str]) -> list[str]:
    if record.row is None:
        return [f"✗ {record.problem}", *[""] * (len(columns) - 1)]
    return [value_text(record.row.get(column)) for column in columns]


def asked_and_answered(record: Record, look: Look) -> list[str]:
    """The last question and answer of a row, or what is wrong with it."""
    found = example_of(record, look)
    if isinstance(found, DataError):
        return [f"✗ {found}", ""]
    return [str(found.prompt[-1]["content"]) if found.prompt else "", found.answer]


def value_text(value: object) -> str:
    """A value of a row as text for a table."""
    return value if isinstance(value, str) else "" if value is None else json.dumps(value, ensure_ascii=False, default=str)


def row_json(record: Record) -> str:
    """A row as it lies in the data."""
    if record.row is None:
        return record.problem
    return shortened(json.dumps(record.row, ensure_ascii=False, indent=1, default=str))


def conversation_text(turns: Iterable[tuple[str, str]]) -> str:
    """The turns under each other."""
    return shortened("\n".join(f"{role + ':':11}{said[:MOST_SHOWN]}" if role else said for role, said in turns))


def shortened(text: str) -> str:
    """Not more of a text than anybody reads on a screen."""
    left = len(text) - MOST_SHOWN
    return text if left <= 0 else f"{text[:MOST_SHOWN]} … and {left:,} characters more"


def template_words(look: Look) -> str:
    """What writes the conversations as text, and why."""
    if look.reading is None or look.reading.format == "tokens":
        return ""
    if look.reading.format == "text":
        end = ", with the end token" if look.data.add_end_token else ""
        return f"written as it stands{end}: it is plain text"
    named = look.data.chat_template
    return f"written by the chat template {named}" if named else "written by the model's own chat template: none is named"


def amount(count: int, one: str) -> str:
    """``1 row``, ``12,345 rows``."""
    return f"{count:,} {one}{'s' * (count != 1)}"


def columns_text(look: Look) -> str:
    """The columns that templates may name, and the parts that there are to choose from."""
    names = dict.fromkeys(str(column) for record in look.records for column in record.row or {})
    told = [f"columns: {', '.join(list(names)[:MOST_COLUMNS])}" if names else ""]
    subsets = [name for name in look.parts if name] if len(look.parts) > 1 else []
    splits = look.parts.get(look.data.subset or "") or next(iter(look.parts.values()), ())
    told += [f"subsets: {', '.join(subsets)}" if subsets else "", f"splits: {', '.join(splits)}" if len(splits) > 1 else ""]
    return "\n".join(part for part in told if part)


def finding_text(finding: Finding) -> str:
    """A finding in some lines: what, where first, and what to do about it."""
    first = next(iter(finding.places), None)
    where = f"row {first.number}: {first.detail}" if first and first.detail else f"row {first.number}" if first else ""
    mend = " (F8 does it)" if finding.mend else ""
    lines = [f"{SIGNS[finding.severity]} {finding.title} ({finding.count:,})", f"  {where}", f"  {finding.advice}{mend}"]
    return "\n".join(line for line in lines if line.strip())


def inspection_text(inspected: Inspected, session: Session, pace_s: float | None) -> str:
    """The figures of a look through everything, so far; `pace_s` is what an example takes, going by earlier runs."""
    if inspected.lint is None:
        return f"it could not be looked through: {inspected.error}" if inspected.error else "looking …"
    tokens = _token_lines(inspected.tokens) if inspected.tokens else []
    ahead = [_ahead(inspected, session, pace_s)] if inspected.done and inspected.lint.done else []
    return "\n".join(
        [*_row_lines(inspected), *tokens, *ahead, *([f"no tokens: {inspected.error}"] if inspected.error else [])]
    )


def _row_lines(inspected: Inspected) -> list[str]:
    lint = inspected.lint
    assert lint is not None
    going = "" if inspected.done else " … (F9 ends it)"
    unfinished = " (not all: it was ended)" if inspected.done and not lint.done else ""
    lines = [f"{amount(lint.rows, 'row')}, {lint.usable:,} usable, in {lint.elapsed_s:.1f} s{unfinished}{going}"]
    if lint.turns:
        turns = ", ".join(f"{turns} in {count:,}" for turns, count in list(lint.turns.items())[:6])
        roles = ", ".join(f"{role} {count:,}" for role, count in lint.roles.items())
        lines.append(f"turns: {turns}; {roles}")
    return lines


def _token_lines(report: TokenReport) -> list[str]:
    lines = [f"{amount(report.tokens, 'token')}, {report.learned_share:.0%} of them learned; longest {report.longest:,}"]
    if any(report.histogram):
        lines.append(_lengths(report))
    if report.end_token:
        lines.append(f"end token {report.end_token}: learned in {report.end_share:.0%} of the examples")
    return lines


def _ahead(inspected: Inspected, session: Session, pace_s: float | None) -> str:
    """What is trained on and held out, and what that comes to."""
    usable = inspected.tokens.used if inspected.tokens else inspected.lint.usable if inspected.lint else 0
    ahead = outlook(session, Facts(examples=usable, seconds_per_example=pace_s))
    held_out = usable - (ahead.examples or 0)
    told = [f"trains on {amount(ahead.examples or 0, 'example')}", f"holds out {held_out:,}" if held_out else ""]
    told += [
        f"{ahead.steps:,} updates" if ahead.steps else "",
        f"about {words.seconds(ahead.seconds)}" if ahead.seconds else "",
    ]
    return ", ".join(part for part in told if part)


def _lengths(report: TokenReport) -> str:
    """The lengths of the examples as bars, from the shortest to the longest."""
    filled = [at for at, count in enumerate(report.histogram) if count]
    shown = range(filled[0], filled[-1] + 1)
    top = max(report.histogram)
    bars = "".join(BARS[-(-report.histogram[at] * (len(BARS) - 1) // top)] for at in shown)
    begin = report.edges[shown[0] - 1] + 1 if shown[0] else 1
    end = f"{report.edges[shown[-1]]:,}" if shown[-1] < len(report.edges) else "more"
    return f"lengths from {begin:,} to {end} tokens: {bars} cut at {report.max_seq_length:,}"
