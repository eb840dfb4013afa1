"""What an engine wrote is read back as it was, by this version and by one that knows less."""

from __future__ import annotations

import math
from dataclasses import is_dataclass
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.machine.readings import GpuReading
from tui.run import commands, events
from tui.run.events import StepDone, from_line, to_line

STEP = StepDone(time=1.0, step=3, epoch=0.5, loss=1.25, learning_rate=2e-4, seconds=0.5)


NUMBERS = st.floats()
FINITE = st.floats(allow_nan=False, allow_infinity=False)


def any_of(kind: type[Any], numbers: st.SearchStrategy[float]) -> st.SearchStrategy[Any]:
    """Every value that a kind of event or command can have."""
    hints = get_type_hints(kind, include_extras=True)
    return st.builds(kind, **{name: value_of(hint, numbers) for name, hint in hints.items()})


def value_of(hint: Any, numbers: st.SearchStrategy[float]) -> st.SearchStrategy[Any]:
    """Every value of a type; settings have no endless numbers, since a session has none."""
    parts = get_args(hint)
    if hint is float:
        return numbers
    if is_dataclass(hint):
        return any_of(hint, numbers)  # type: ignore[arg-type]
    if get_origin(hint) is dict:
        return st.dictionaries(st.from_type(parts[0]), value_of(parts[1], FINITE))
    if get_origin(hint) is tuple and ... in parts:
        return st.lists(value_of(parts[0], numbers), max_size=5).map(tuple)
    if get_origin(hint) in (Union, UnionType):
        return st.one_of([value_of(part, numbers) for part in parts])
    return st.from_type(hint)


@pytest.mark.parametrize("kind", get_args(events.Event), ids=lambda kind: kind.__name__)
def test_every_kind_of_event_is_read_back_as_it_was_written(kind: type[Any]) -> None:
    @given(any_of(kind, NUMBERS))
    def comes_back(event: events.Event) -> None:
        line = to_line(event)
        assert line.count("\n") == 1 and line.endswith("\n")
        assert repr(from_line(line)) == repr(event)  # repr, since not-a-number does not equal itself
        assert from_line(line.encode()) == from_line(line) or "nan" in repr(event)

    comes_back()


@pytest.mark.parametrize("kind", get_args(commands.Command), ids=lambda kind: kind.__name__)
def test_every_kind_of_command_is_read_back_as_it_was_written(kind: type[Any]) -> None:
    @given(any_of(kind, FINITE))
    def comes_back(command: commands.Command) -> None:
        line = commands.to_line(command)
        assert line.count("\n") == 1 and line.endswith("\n")
        assert commands.from_line(line) == command

    comes_back()


def test_the_kind_of_every_event_and_command_is_its_own() -> None:
    for union in (events.Event, commands.Command):
        kinds = [kind.__dataclass_fields__["kind"].default for kind in get_args(union)]
        assert len(set(kinds)) == len(kinds)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_loss_that_is_not_a_number_reaches_the_reader(value: float) -> None:
    line = to_line(StepDone(step=1, epoch=0, loss=value, learning_rate=0, grad_norm=value, seconds=1))
    told = from_line(line)
    assert isinstance(told, StepDone)
    assert repr((told.loss, told.grad_norm)) == repr((value, value))


def test_keys_of_a_newer_version_are_skipped() -> None:
    line = to_line(STEP).replace('"step":3', '"step":3,"temperature_of_the_moon":[1,{}]')
    assert from_line(line) == STEP


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"\n",
        b"{}",
        b"[]",
        b"null",
        b'{"kind": "teleported", "time": 1}',
        b'{"kind": "phase", "phase": "dreaming"}',
        b'{"kind": "step"}',
        b'{"kind": "step", "step": "many", "epoch": 0, "loss": 0, "learning_rate": 0, "seconds": 0}',
        to_line(STEP).encode()[:40],
        b"\xff\xfe\x00",
        b"[" * 100_000,
        b'{"kind":' * 100_000,
    ],
)
def test_a_line_that_is_unknown_or_damaged_is_skipped(line: bytes) -> None:
    assert from_line(line) is None
    assert commands.from_line(line) is None


@given(st.binary(max_size=100))
def test_no_line_raises(line: bytes) -> None:
    from_line(line)
    commands.from_line(line)


def test_a_gpu_that_tells_little_is_read_back() -> None:
    event = events.MachineSampled(devices=(GpuReading(0, "H200"), GpuReading(1, "lost")))
    assert from_line(to_line(event)) == event


def test_a_command_keeps_its_defaults_where_the_sender_said_nothing() -> None:
    turns = '[{"role": "user", "content": "[/INST]"}]'
    told = commands.from_line(f'{{"kind": "chat", "id": "1", "speakers": [{{"voice": "base", "messages": {turns}}}]}}')
    assert isinstance(told, commands.Chat)
    assert told.speakers == (commands.Speaker("base", (commands.Message("user", "[/INST]"),)),)
    assert told.sampling == commands.Sampling()
