"""Every way in which a sample of rows could be read, each with the share of the rows that it fits."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from tui.data import columns as known
from tui.data.reading import ReadAs, Reading, opened
from tui.data.sampled import Sample, is_empty
from tui.data.shown import plain, shown
from tui.data.turns import Way, fits, ways

ALPACA = 0.97
NAMED_PAIR = 0.95
SURE_TEXT = 0.8
ONLY_TEXT = 0.72
OTHER_TEXT = 0.3
TWO_TEXTS = 0.4
TOKENS = 0.85


def candidates(sample: Sample, column: str | None = None) -> Iterator[Reading]:
    """What could be read out of these columns; with `column` only what is read from that one."""
    around = _around(sample)
    for found in _found(sample, column):
        yield around(found)


def _found(sample: Sample, column: str | None) -> Iterator[Reading]:
    for name in [column] if column is not None else sample.names:
        yield from _turns(sample, name, named=column is not None)
        yield from _tokens(sample, name, named=column is not None)
        yield from _text(sample, name, named=column is not None)
    if column is None:
        yield from _row_of_lists(sample)
    yield from _pairs(sample, column)
    yield from _two_texts(sample, column)


def share_of(fits: list[bool]) -> tuple[float, str]:
    """How many of the rows fit, one value a row, as a share and in words."""
    count, rows = sum(fits), len(fits)
    if count == rows:
        return 1.0, f"in all {rows} rows looked at" if rows > 1 else "in the only row looked at"
    return count / rows, f"in {count} of {rows} rows looked at"


def _turns(sample: Sample, name: str, named: bool) -> Iterator[Reading]:
    told = sample.told(name)
    hint = known.rank(name, known.CONVERSATION)
    for way in ways(told, hint is not None):
        share, counted = share_of([fits(value, way) for value in told])
        as_json = any(isinstance(cell, str) for cell in sample.filled(name)) and way.turns != "transcript"
        where = f"column {shown('.'.join((*sample.scope, name)))} holds {_described(way)}"
        surely = way.surely * (1 if hint else 0.97) + (0.1 if named and way.turns == "transcript" else 0)
        yield _of_turns(way, (name,), f"{where}{' as JSON' if as_json else ''} {counted}", surely, share, sample)


def _row_of_lists(sample: Sample) -> Iterator[Reading]:
    from_rows = ways([row for row in sample.here if row], hinted=True)
    for way in from_rows:
        if way.turns == "columns":
            share, counted = share_of([fits(row, way) for row in sample.here])
            what = f"columns {shown(way.who)} and {shown(way.what)} hold lists with the speakers and what they say"
            yield _of_turns(way, (), f"{what} {counted}", way.surely, share, sample)


def _of_turns(way: Way, columns: tuple[str, ...], reason: str, surely: float, share: float, sample: Sample) -> Reading:
    format: ReadAs = "sharegpt" if way.who == "from" or way.what == "value" else "messages"
    reading = Reading(format, columns, reason, round(surely * share, 3), share, sample.scope, way.turns)
    return replace(reading, who=way.who, what=way.what, speakers=way.speakers)


def _described(way: Way) -> str:
    match way.turns:
        case "objects":
            return f"turns with {plain(way.who)} and {plain(way.what)}"
        case "columns":
            return f"lists of {plain(way.who)} and {plain(way.what)}"
        case "strings":
            return "lists of texts, question and answer by turns"
        case "pairs":
            return "pairs of question and answer"
        case "named":
            return "pairs of who speaks and what is said"
        case "keyed":
            return f"turns under the names of their speakers ({', '.join(plain(word) for word in way.speakers[:4])})"
        case "transcript":
            return "conversations written as one text, with the speaker before each turn"


def _tokens(sample: Sample, name: str, named: bool) -> Iterator[Reading]:
    hint = known.rank(name, known.TOKENS)
    if hint or named:
        share, counted = share_of([_is_ids(value) for value in sample.told(name)])
        if share:
            reason = f"column {shown(name)} holds token ids {counted}"
            reading = Reading("tokens", (name,), reason, round(share * TOKENS, 3), share, sample.scope)
            yield replace(
                reading,
                labels_column=_ids_in(sample, known.LABELS),
                mask_column=_ids_in(sample, known.KEPT),
                learned_column=_ids_in(sample, known.LEARNED),
            )


def _ids_in(sample: Sample, names: tuple[str, ...]) -> str | None:
    found = known.named(sample.names, names)
    return found if found and any(_is_ids(cell) for cell in sample.cells(found)) else None


def _is_ids(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(item, int) for item in value[:64])


def _text(sample: Sample, name: str, named: bool) -> Iterator[Reading]:
    if not sample.is_text(name) or not (named or name in sample.texts or len(sample.names) == 1):
        return
    share, counted = share_of([isinstance(cell, str) and not is_empty(cell) for cell in sample.cells(name)])
    hint = known.rank(name, known.TEXT)
    only = len(sample.names) == 1 or sample.texts == [name]
    surely = SURE_TEXT * hint[0] if hint else ONLY_TEXT if only else OTHER_TEXT
    why = "is the only one with text," if only and not hint else "holds plain text"
    if named:
        surely, why = SURE_TEXT, "holds text"
    yield Reading("text", (name,), f"column {shown(name)} {why} {counted}", round(share * surely, 3), share, sample.scope)


def _pairs(sample: Sample, column: str | None) -> Iterator[Reading]:
    """Question and answer by their names; with `column` that one is the answer."""
    names = [name for name in sample.names if "system" not in known.words(name) and _can_be_said(sample, name)]
    answers = known.best([name for name in names if name == column or column is None], known.ANSWERED)
    if column is not None and column in names and not answers:
        answers = [(0.9 if set(known.CHOSEN) & set(known.words(column)) else 0.6, column)]
    asks = known.best(names, known.ASKED)
    asks += [(0.86 * sure, name) for sure, name in known.best(names, known.ASKED_WEAKLY)]
    asks += [(0.84 * sure, name) for sure, name in known.best(names, known.EXTRA)]
    asks += [(0.86 * sure, name) for sure, name in known.best(names, known.CONVERSATION) if _are_turns(sample, name)]
    reasons = [name for name in names if known.named([name], known.REASONING)]
    for rank_answer, (sure_answer, answer) in enumerate(answers[:3]):
        partner = known.PARTNERS.get(answer.lower())
        partners = [(1.0, name) for name in names if name.lower() == partner]
        for rank_ask, (sure_ask, ask) in enumerate([found for found in partners + asks if found[1] != answer][:2]):
            if answer in reasons:
                continue
            surely = NAMED_PAIR * min(sure_answer, sure_ask) * 0.93 ** (rank_answer + rank_ask)
            yield _pair(sample, ask, answer, surely)


def _can_be_said(sample: Sample, name: str) -> bool:
    return sample.is_said(name) or _are_turns(sample, name) or _all_calls(sample, name)


def _all_calls(sample: Sample, name: str) -> bool:
    """Whether an answer is nothing but calls of tools, with their names and arguments."""
    told = sample.filled_told(name)
    calls = [call for cell in told for call in (cell if isinstance(cell, list) else [cell])]
    return bool(calls) and all(isinstance(call, dict) and {"name", "arguments"} <= call.keys() for call in calls)


def _are_turns(sample: Sample, name: str) -> bool:
    """Whether a question or an answer is written as turns: a list of them, or a single one."""
    told = sample.filled_told(name)
    lists = [cell if isinstance(cell, list) else [cell] for cell in told if isinstance(cell, list | dict)]
    return bool(lists) and 2 * len(lists) >= len(told) and any(way.turns == "objects" for way in ways(lists, hinted=True))


def _pair(sample: Sample, ask: str, answer: str, surely: float) -> Reading:
    share, counted = share_of([_has(row, ask) and _has(row, answer) for row in sample.here])
    free = [name for name in sample.names if name not in (ask, answer) and sample.may_be_text(name)]
    extra = known.named([name for name in free if not known.describes(name)], known.EXTRA)
    simple = (ask.strip().lower(), answer.strip().lower())
    format: ReadAs = "columns"
    if simple in (("instruction", "output"), ("指令", "输出")):
        format, surely = "alpaca", ALPACA
    elif simple == ("prompt", "completion") or _are_turns(sample, answer):
        format = "prompt-completion"
    way = next((way for name in (answer, ask) for way in _ways_of_side(sample, name)), Way("objects", "role", "content"))
    middle = f", {shown(extra)}" if extra else ""
    reason = f"columns {shown(ask)}{middle} and {shown(answer)} hold what is asked and answered {counted}"
    reading = Reading(format, (ask, answer), reason, round(min(1.0, share * surely), 3), share, sample.scope)
    encoded = any(
        isinstance(cell, str) for name in (ask, answer) if _are_turns(sample, name) for cell in sample.filled(name)
    )
    calls = _all_calls(sample, answer)
    return replace(reading, who=way.who, what=way.what, extra_column=extra, encoded=encoded, calls=calls)


def _ways_of_side(sample: Sample, name: str) -> Iterator[Way]:
    told = sample.filled_told(name)
    lists = [cell if isinstance(cell, list) else [cell] for cell in told if isinstance(cell, list | dict)]
    yield from (way for way in ways(lists, hinted=True) if way.turns == "objects")


def _has(row: dict[str, Any], name: str) -> bool:
    """Whether a row could have something there: one that is empty is a row with a fault, not of another format."""
    return name in row and (row[name] is None or isinstance(row[name], str | int | float | bool | list | dict))


def _two_texts(sample: Sample, column: str | None) -> Iterator[Reading]:
    around = (*known.SYSTEM, *known.TOOLS, *known.REASONING)
    texts = [name for name in sample.texts if not known.named([name], around)]
    if column is None and len(texts) == 2:
        pair = _pair(sample, texts[0], texts[1], TWO_TEXTS)
        reason = f"{shown(texts[0])} and {shown(texts[1])} are the only two columns with text, perhaps question and answer"
        yield replace(pair, reason=reason, format="columns")


def _around(sample: Sample) -> Callable[[Reading], Reading]:
    """Adds the columns around the conversation: system prompt, tools, history, reasoning."""
    wider = sample.wider
    system = known.named([name for name in wider.names if wider.may_be_text(name)], known.SYSTEM)
    tools = known.named([name for name in wider.names if _are_tools(wider, name)], known.TOOLS)
    history = known.named([name for name in wider.names if wider.may_be_list(name)], known.HISTORY)
    reasoning = known.named([name for name in wider.names if wider.may_be_text(name)], known.REASONING)

    def add(reading: Reading) -> Reading:
        if reading.format in ("text", "tokens"):
            return reading
        spoken = replace(reading, system_column=_other(system, reading), tools_column=tools)
        if reading.format in ("messages", "sharegpt"):
            return spoken
        return replace(spoken, history_column=_other(history, reading), reasoning_column=_other(reasoning, reading))

    return add


def _other(name: str | None, reading: Reading) -> str | None:
    return None if name in reading.columns else name


def _are_tools(sample: Sample, name: str) -> bool:
    """Whether a column describes tools, if anything: objects with a name or a function, also as JSON."""
    cells = sample.filled_told(name)
    items = [opened(item) for cell in cells for item in (cell if isinstance(cell, list) else [cell])[:3]]
    return all(isinstance(item, dict) and ("function" in item or "name" in item) for item in items)
