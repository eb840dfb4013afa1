"""Finds out how the rows of a dataset are to be read, from a sample of them, with the reason and what else would fit."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import replace

from tui.data.candidates import candidates
from tui.data.reading import ReadAs, Reading
from tui.data.records import DataError, Row
from tui.data.refusals import has_media, no_format, refuse_media, refuse_preferences
from tui.data.sampled import Sample, scoped
from tui.data.shown import listed, shown
from tui.data.templates import parse
from tui.session.sections.data import DataSection

__all__ = ["Reading", "detect"]

SHARE_NEEDED = 0.5
"""Of the rows; one odd row does not decide."""
SURE_ENOUGH = 0.35
"""How sure the rows that fit must make it; below, it is only offered among the others."""
MOST_OTHERS = 5
KINDRED: dict[str, tuple[ReadAs, ...]] = {
    "messages": ("messages", "sharegpt"),
    "sharegpt": ("sharegpt", "messages"),
    "alpaca": ("alpaca", "columns", "prompt-completion"),
    "prompt-completion": ("prompt-completion", "columns", "alpaca"),
    "columns": ("columns", "prompt-completion", "alpaca"),
}
"""What is read alike: who names one of them gets it, although the columns are called as in another."""


def detect(rows: Sequence[Row], data: DataSection) -> Reading:
    """How these rows are read; what the session says goes before what they look like.

    Raises DataError, with a mend where there is one, for what cannot be learned from so.
    """
    if not rows:
        raise DataError("there is not a single row")
    samples = scoped(rows)
    if templates := _by_templates(samples[0], data):
        return templates
    found = _candidates(samples, data)
    chosen = data.format != "auto" or data.column is not None
    if not chosen:
        refuse_preferences(samples, found)
        refuse_media(samples, found)
    ranked = sorted((reading for reading in found if reading.share), key=lambda reading: -reading.confidence)
    best = next((reading for reading in ranked if chosen or _fits(reading)), None)
    if best is None:
        raise no_format(samples[0], data)
    others = [other for other in ranked if (other.scope, other.columns) != (best.scope, best.columns)][:MOST_OTHERS]
    _check_system(samples, data, best)
    return replace(_text_only(samples, best) if chosen else best, others=tuple(others))


def _fits(reading: Reading) -> bool:
    return reading.share >= SHARE_NEEDED and reading.confidence >= SURE_ENOUGH * reading.share


def _candidates(samples: Sequence[Sample], data: DataSection) -> list[Reading]:
    if data.column is not None:
        found = list(candidates(*_find_column(samples, data.column)))
    else:
        found = [reading for sample in samples for reading in candidates(sample)]
        found = [replace(reading, confidence=round(reading.confidence * 0.98 ** len(reading.scope), 3)) for reading in found]
    if data.format == "auto":
        return found
    wanted = KINDRED.get(data.format, (data.format,))
    return [replace(reading, format=data.format) for reading in found if reading.format in wanted]


def _find_column(samples: Sequence[Sample], column: str) -> tuple[Sample, str]:
    """Where the column of the session lies: by its very name, or with dots inside an object. Raises DataError."""
    names = samples[0].names
    if any(column in row for row in samples[0].rows):
        return samples[0], column
    for sample in samples:
        for name in sample.names:
            if ".".join((*sample.scope, name)) == column:
                return sample, name
    near = difflib.get_close_matches(column, names, 1, cutoff=0.5)
    meant = f", perhaps {shown(near[0])} is meant" if near else ""
    text = f"data.column names {shown(column)}, which is not there{meant} (columns: {listed(names)})"
    raise DataError(text, {"data.column": near[0] if near else None})


def _by_templates(sample: Sample, data: DataSection) -> Reading | None:
    """The reading that the templates of the session ask for; None when they ask for none. Raises DataError."""
    if data.text is not None and data.format in ("auto", "text"):
        parse(data.text).check(sample.names, data.text, "data.text")
        return Reading("text", (), "the prompt template of the session writes the text")
    if data.format not in ("auto", "columns") or (data.user is None and data.assistant is None):
        return None
    for key in ("user", "assistant", "system"):
        if (text := getattr(data, key)) is not None:
            parse(text).check(sample.names, text, f"data.{key}")
    if data.assistant is None or data.user is None:
        return _half_templates(sample, data)
    found = next((reading for reading in candidates(sample) if reading.format not in ("text", "tokens")), Reading("columns"))
    reason = "the templates of the session write what is asked and what is answered"
    return Reading("columns", (), reason, tools_column=found.tools_column, system_column=found.system_column)


def _half_templates(sample: Sample, data: DataSection) -> Reading:
    """One template is given; the other side is a column whose name tells."""
    missing = "user" if data.user is None else "assistant"
    pairs = [reading for reading in candidates(sample) if len(reading.columns) == 2]
    if not pairs:
        text = f"data.{missing} is missing: say with a template like {{column}} what the {missing} says"
        raise DataError(f"{text} (columns: {listed(sample.names)})")
    best = max(pairs, key=lambda reading: reading.confidence)
    column = best.columns[0 if missing == "user" else 1]
    reason = f"a template of the session, and column {shown(column)} for what the {missing} says"
    return replace(best, format="columns", extra_column=best.extra_column if missing == "user" else None, reason=reason)


def _check_system(samples: Sequence[Sample], data: DataSection, reading: Reading) -> None:
    if data.system is not None:
        sample = next(sample for sample in samples if sample.scope == reading.scope)
        parse(data.system).check(sample.wider.names, data.system, "data.system")


def _text_only(samples: Sequence[Sample], reading: Reading) -> Reading:
    """Who names format or column of rows with images learns from their text."""
    if reading.format in ("text", "tokens") or not has_media(samples):
        return reading
    return replace(reading, text_only=True, reason=f"{reading.reason}; images and sounds are left out, only text is learned")
