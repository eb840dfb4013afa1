"""What an engine wrote is read back as it was, by this version and by one that knows less."""

from __future__ import annotations

import math
from typing import Any, get_args, get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.machine.readings import GpuReading
from tui.run import commands, events
from tui.run.events import StepDone, from_line, to_line
from tui.run.fit_events import Trial

STEP = StepDone(time=1.0, step=3, epoch=0.5, loss=1.25, learning_rate=2e-4, seconds=0.5)


NUMBERS = st.floats()
FINITE = st.floats(allow_nan=False, allow_infinity=False)
SETTINGS = st.none() | st.booleans() | st.integers() | FINITE | st.text()


def any_of(kind: type[Any], numbers: st.SearchStrategy[float]) -> st.SearchStrategy[Any]:
    """Every value that a kind of event or command can have."""
    hints = get_type_hints(kind)
    known: dict[Any, st.SearchStrategy[Any]] = {float: numbers, events.Values: st.dictionaries(st.text(), SETTINGS)}
    known[dict[str, int | float]] = st.dictionaries(st.text(), st.integers() | FINITE)
    if commands.Sampling in hints.values():
        known[commands.Sampling] = any_of(commands.Sampling, numbers)
    if tuple[Trial, ...] in hints.values():
        known[tuple[Trial, ...]] = st.lists(any_of(Trial, numbers), max_size=3).map(tuple)
    return st.builds(kind, **{name: known[hint] if hint in known else st.from_type(hint) for name, hint in hints.items()})


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
