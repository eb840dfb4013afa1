"""One row to one example: exactly what is in the row, as the session wants it read, or why it cannot be learned from."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import chain

from tui.data.examples import Example, Turn
from tui.data.opening import iterate_records
from tui.data.reading import Reading, inside
from tui.data.records import DataError, Record, Row
from tui.data.shown import shown
from tui.data.sides import side_turns
from tui.data.speaking import Speaking, as_text
from tui.data.templates import Template, cell_text, parse
from tui.data.tokens import read_tokens
from tui.data.tools import read_tools
from tui.session.sections.data import DataSection


def to_example(row: Row, reading: Reading, data: DataSection) -> Example:
    """One row as an example. Raises DataError saying what is missing in it, with a mend where there is one."""
    return _converter(reading, data)(row)


def converter(reading: Reading, data: DataSection) -> Callable[[Record], Example]:
    """What turns every record of a dataset into an example; raises DataError as `to_example` does."""
    by_source = [_converter(one, data) for one in (reading, *reading.further)]
    last = len(by_source) - 1

    def convert(record: Record) -> Example:
        if record.row is None:
            raise DataError(record.problem)
        return by_source[min(record.source, last)](record.row)

    return convert


def _converter(reading: Reading, data: DataSection) -> Callable[[Row], Example]:
    read = _reader(reading, data)

    def convert(row: Row) -> Example:
        try:
            return read(inside(row, reading.scope) if reading.scope else row)
        except RecursionError:
            raise DataError("it is nested too deeply") from None

    return convert


def examples(records: Iterable[Record], reading: Reading, data: DataSection) -> Iterator[tuple[Record, Example | DataError]]:
    """Each record with what becomes of it, or why nothing does; the error does not name the place, the record does."""
    convert = converter(reading, data)
    for record in records:
        try:
            yield record, convert(record)
        except DataError as error:
            yield record, error


def iterate_examples(data: DataSection, reading: Reading) -> Iterator[Example]:
    """All that is learned from. Raises DataError with the place of the first bad row, unless bad rows are skipped."""
    for record, found in examples(iterate_records(data), reading, data):
        if isinstance(found, Example):
            yield found
        elif not data.skip_bad_rows:
            raise DataError(f"{record.place}: {found}", found.mend)


def _reader(reading: Reading, data: DataSection) -> Callable[[Row], Example]:
    if reading.format == "tokens":
        return lambda row: read_tokens(row, reading)
    if reading.format == "text":
        return _text_reader(reading, data)
    return _talk_reader(reading, data)


def _text_reader(reading: Reading, data: DataSection) -> Callable[[Row], Example]:
    template = parse(data.text) if data.text is not None and not reading.columns else None
    column = reading.columns[0] if reading.columns else ""
    where = f"column {shown(column)}" if template is None else "the text"

    def read(row: Row) -> Example:
        text = as_text(row.get(column) if template is None else _written(template, row), where)
        if not text.strip():
            raise DataError(f"{where} is empty")
        return Example(text=text)

    return read


def _talk_reader(reading: Reading, data: DataSection) -> Callable[[Row], Example]:
    speaking = Speaking(reading, data)
    sides = reading.format not in ("messages", "sharegpt")
    user = parse(data.user) if data.user is not None and reading.format == "columns" else None
    assistant = parse(data.assistant) if data.assistant is not None and reading.format == "columns" else None
    system = parse(data.system) if data.system is not None else None
    tools_column = data.tools_column or reading.tools_column
    column = reading.columns[0] if reading.columns else None

    def read(row: Row) -> Example:
        if sides:
            turns = side_turns(row, speaking, user, assistant)
        else:
            turns = speaking.turns(row if column is None else row.get(column))
        turns = _with_system(turns, row, reading, data, system)
        if data.merge_turns:
            turns = merged(turns)
        if not any(turn.role == "assistant" and (turn.tool_calls or turn.content.strip()) for turn in turns):
            raise DataError("the assistant says nothing: there is nothing to learn")
        tools = read_tools(row.get(tools_column), tools_column) if tools_column is not None else ()
        return Example(tuple(turns), tools)

    return read


def _written(template: Template, row: Row) -> str:
    if template.is_empty(row):
        names = ", ".join(shown(cell.name) for cell in template.cells[:4])
        raise DataError(f"there is nothing in {names}")
    return template.render(row)


def _with_system(turns: list[Turn], row: Row, reading: Reading, data: DataSection, system: Template | None) -> list[Turn]:
    """The system prompt comes from the conversation, else from its column, else from the session."""
    drop = data.system_prompts == "drop"
    if drop:
        turns = [turn for turn in turns if turn.role != "system"]
    elif (system is None and reading.system_column is None) or any(turn.role == "system" for turn in turns):
        return turns
    column = None if drop else reading.system_column
    text = cell_text(row.get(column), column) if column is not None else ""
    if not text.strip() and system is not None and not system.is_empty(row):
        text = system.render(row)
    return [Turn("system", as_text(text, "the system prompt")), *turns] if text.strip() else turns


def merged(turns: Iterable[Turn]) -> list[Turn]:
    """Turns of one role in a row as one, with an empty line between; answers of tools stay apart, each belongs to a call."""
    joined: list[list[Turn]] = []
    for turn in turns:
        if joined and joined[-1][0].role == turn.role != "tool":
            joined[-1].append(turn)
        else:
            joined.append([turn])
    return [run[0] if len(run) == 1 else _one(run) for run in joined]


def _one(run: list[Turn]) -> Turn:
    content, reasoning = (
        "\n\n".join(filter(None, said)) for said in zip(*((t.content, t.reasoning) for t in run), strict=True)
    )
    calls = tuple(chain.from_iterable(turn.tool_calls for turn in run))
    return Turn(run[0].role, content, reasoning, calls, run[0].name)
