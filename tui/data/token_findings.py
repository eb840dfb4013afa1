"""What the tokens of a dataset say about it, as findings beside those of its rows."""

from __future__ import annotations

from collections.abc import Iterator

from tui.data.findings import Finding, Kind, Mend, Place, Severity
from tui.data.token_report import TokenReport

CUT = {"truncate": "their ends are cut off", "drop": "they are left out", "split": "they are split up"}
FEW_LEARN_TO_END = 0.5


def token_findings(report: TokenReport) -> list[Finding]:
    """The gravest first."""
    return [*_learned(report), *_unwritten(report), *_ends(report), *_lengths(report)]


def _learned(report: TokenReport) -> Iterator[Finding]:
    count = report.nothing_to_learn
    if report.examples and not report.used:
        advice = "See a row as it is trained on (v): its answers are not found. Another chat template or own markers help."
        mend: Mend = {"data.train_on_responses_only": False}
        yield Finding("all-masked", "Not a single token would be learned", "blocking", report.examples, (), advice, mend)
    elif count:
        title = "Examples of which nothing would be learned, which are left out"
        advice = "Their answers are empty, beyond the longest sequence, or not found by the chat template."
        yield Finding("nothing-to-learn", title, "warning", count, places_of(report.nothing_to_learn_rows), advice)


def _unwritten(report: TokenReport) -> Iterator[Finding]:
    unwritten: tuple[tuple[Kind, int, str, str], ...] = (
        ("tools-unwritten", report.tools_unwritten, "tools", "The model is not told which tools there are"),
        ("calls-unwritten", report.calls_unwritten, "tool calls", "The model does not learn to call a tool"),
        ("thoughts-unwritten", report.thoughts_unwritten, "thinking", "The model does not learn to think before it answers"),
    )
    for kind, count, what, lost in unwritten:
        if count:
            title = f"Examples whose {what} the chat template does not write"
            advice = f"{lost}: choose a model or a chat template that writes them (v shows a row as it is trained on)."
            yield Finding(kind, title, "warning", count, (), advice)


def _ends(report: TokenReport) -> Iterator[Finding]:
    if report.double_bos:
        title = "Examples that begin with the begin token twice"
        yield Finding("double-bos", title, "warning", report.double_bos, (), "Take it out of the data or the template.")
    if report.used and report.end_token and report.end_share < FEW_LEARN_TO_END:
        title = f"Examples that never learn the end token {report.end_token}"
        missing = report.used - report.end_learned
        advice = "The model would not learn to stop: choose a chat template that ends each answer with it."
        if report.overlong == "truncate" and missing <= report.too_long:
            advice = (
                "Their ends are cut off: a longer model.max_seq_length keeps them, data.overlong = drop leaves them out."
            )
        yield Finding("no-end-token", title, "warning", missing, (), advice)


def _lengths(report: TokenReport) -> Iterator[Finding]:
    if not report.too_long:
        return
    title = f"Examples longer than {report.max_seq_length:,} tokens: {CUT[report.overlong]}"
    severity: Severity = "warning" if report.overlong != "split" else "note"
    advice = f"{report.cut_tokens:,} tokens are lost; the longest has {report.longest:,}."
    if report.overlong == "split":
        advice = f"The longest has {report.longest:,}."
    mend: Mend = {"model.max_seq_length": _room_for(report.longest)} if report.longest <= 4 * report.max_seq_length else {}
    yield Finding("too-long", title, severity, report.too_long, places_of(report.too_long_rows), advice, mend)


def _room_for(tokens: int) -> int:
    """The next multiple of 256."""
    return -(-tokens // 256) * 256


def places_of(numbers: tuple[int, ...]) -> tuple[Place, ...]:
    """Rows of which only the number is known."""
    return tuple(Place(number, "", "") for number in numbers)
