"""A look through a whole dataset without a window: how it is read, what is wrong with it, what its tokens come to."""

from __future__ import annotations

import sys
import uuid
from collections.abc import Iterator
from dataclasses import asdict, replace

from tui.console import one_line, say, to_json
from tui.data.findings import Finding, Lint
from tui.data.lint import lint
from tui.data.looking import reading_of
from tui.data.opening import iterate_records
from tui.data.reading import Reading
from tui.data.records import DataError
from tui.data.token_findings import token_findings
from tui.data.token_report import TokenReport
from tui.run import commands, events
from tui.run.process import send
from tui.run.talk import look_through, open_workbench
from tui.session import file
from tui.session.schema import Session

SIGNS = {"blocking": "wrong", "warning": "look", "note": "note"}
PLACES_TOLD = 5


def inspect(session: Session, *, as_json: bool) -> int:
    """Print what is found. Returns the exit code: 1 when the data cannot be trained on as it is."""
    try:
        reading = reading_of(session.data)
        found = _with_tokens(session) if session.model.name else _rows_only(session, reading)
    except DataError as error:
        say(f"unsloth-tui: {one_line(str(error))}")
        if error.mend:
            say(f"what to do: {', '.join(f'{key} = {value}' for key, value in error.mend.items())}")
        return 1
    if found.error:
        say(f"unsloth-tui: {one_line(found.error)}")
    if found.lint is None:
        return 1
    if as_json:
        print(to_json({"reading": asdict(reading), "lint": asdict(found.lint), "tokens": _tokens(found.tokens)}))
    else:
        _print(session, reading, found.lint, found.tokens)
    blocked = any(finding.severity == "blocking" for finding in _findings(found.lint, found.tokens))
    return int(blocked or bool(found.error))


def _rows_only(session: Session, reading: Reading) -> events.Inspected:
    held_out = session.held_out_data
    others = iterate_records(held_out) if held_out else ()
    found = lint(iterate_records(session.data), reading, session.data, others, _tell)
    return events.Inspected(id="", lint=found, done=True)


def _with_tokens(session: Session) -> events.Inspected:
    """Let an engine look, in which Unsloth can be loaded."""
    folder = open_workbench(session.model.device)
    wanted = commands.Inspect(id=uuid.uuid4().hex, session=file.dumps(session))
    found = events.Inspected(id=wanted.id)
    try:
        for event in look_through(folder, wanted):
            match event:
                case events.Inspected():
                    found = event
                    if event.lint and not event.done:
                        _tell(event.lint)
                case events.PhaseChanged(text=text) if text:
                    say(text)
                case events.Failed(text=text) | events.EngineSeen(alive=False, reason=text):
                    return replace(found, done=True, error=text)
    finally:
        send(folder, commands.Release())
    return found


def _tell(found: Lint) -> None:
    """How far it is, where somebody looks on."""
    if sys.stderr.isatty():
        print(f"\r{found.rows:,} rows", end="\n" if found.done else "", file=sys.stderr, flush=True)


def _print(session: Session, reading: Reading, found: Lint, tokens: TokenReport | None) -> None:
    sure = f"{reading.confidence:.0%} sure"
    print(one_line(f"{', '.join(session.data.sources)}: {reading.told} ({sure})"))
    for other in reading.others[:3]:
        print(one_line(f"  could also be {other.format}: {other.reason} ({other.confidence:.0%} sure)"))
    print(f"{found.rows:,} rows, {found.usable:,} usable; {found.characters:,} characters")
    for name, counts in (("turns", found.turns), ("roles", found.roles), ("scripts", found.scripts)):
        if counts:
            print(one_line(f"{name}: {', '.join(f'{key} {count:,}' for key, count in counts.items())}"))
    for column in found.columns:
        print(one_line(f"column {column.name}: {', '.join(f'{kind} {count:,}' for kind, count in column.types.items())}"))
    if tokens:
        print(f"tokens: {tokens.tokens:,}, {tokens.learned_share:.0%} of them learned; longest example {tokens.longest:,}")
        print(one_line(f"end token {tokens.end_token}: learned in {tokens.end_share:.0%} of the examples"))
    for line in _finding_lines(_findings(found, tokens)):
        print(one_line(line))


def _findings(found: Lint, tokens: TokenReport | None) -> list[Finding]:
    told = [*(token_findings(tokens) if tokens else []), *found.findings]
    return sorted(told, key=lambda finding: list(SIGNS).index(finding.severity))


def _finding_lines(findings: list[Finding]) -> Iterator[str]:
    if not findings:
        yield "nothing is wrong with it"
    for finding in findings:
        yield f"{SIGNS[finding.severity]}: {finding.title} ({finding.count:,}). {finding.advice}"
        for place in finding.places[:PLACES_TOLD]:
            yield f"    {place.place or f'row {place.number}'}{': ' if place.detail else ''}{place.detail}"
        if len(finding.places) > PLACES_TOLD or finding.count > len(finding.places) > 0:
            yield f"    ... {finding.count - min(PLACES_TOLD, len(finding.places)):,} more"


def _tokens(report: TokenReport | None) -> dict[str, object] | None:
    return asdict(report) | {"learned_share": report.learned_share, "end_share": report.end_share} if report else None
