"""The list of runs reads most lines only in part, and tells the same of a run as reading it whole."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from tui.run import events as ev
from tui.run import gist
from tui.run.gist import Gist
from tui.run.state import RunState, fold_all

NUMBERS = st.floats(allow_nan=True, allow_infinity=True)
TIMES = st.floats(1, 2e9) | st.floats(1e9, 1e9 + 10)
STEPS = st.integers(0, 30)

UPDATES = st.builds(
    ev.StepDone, time=TIMES, step=STEPS, epoch=NUMBERS, loss=NUMBERS, learning_rate=NUMBERS, grad_norm=st.none() | NUMBERS,
    tokens=st.integers(0, 2**40), tokens_per_s=NUMBERS, seconds=NUMBERS, peak_memory_bytes=st.integers(0, 2**40),
)  # fmt: skip
UNTOLD = st.one_of(
    st.builds(ev.MachineSampled, time=TIMES),
    st.builds(ev.Warned, time=TIMES, code=st.text(), text=st.text()),
    st.builds(ev.Replied, time=TIMES, id=st.text(), text=st.text()),
    st.builds(ev.Sampled, time=TIMES, step=STEPS, prompt=st.text(), answer=st.text()),
)
TOLD = st.one_of(
    st.builds(ev.PhaseChanged, time=TIMES, phase=st.sampled_from(["loading", "training", "evaluating", "ready"])),
    st.builds(ev.Planned, time=TIMES, steps=STEPS, epochs=NUMBERS, examples=STEPS, trained_parameters=STEPS,
              all_parameters=STEPS, device=st.text()),
    st.builds(ev.Evaluated, time=TIMES, step=STEPS, loss=NUMBERS, perplexity=NUMBERS, best=st.booleans()),
    st.builds(ev.Checkpointed, time=TIMES, step=STEPS, path=st.text(), bytes=STEPS),
    st.builds(ev.Resumed, time=TIMES, step=STEPS, path=st.text()),
    st.builds(ev.Failed, time=TIMES, code=st.sampled_from(["killed", "nan-loss"]), text=st.text()),
    st.builds(ev.Finished, time=TIMES, outcome=st.sampled_from(["completed", "paused", "discarded"]), loaded=st.booleans()),
)  # fmt: skip
LINES = st.builds(lambda event: ev.to_line(event).encode()[:-1], UPDATES | UPDATES | UNTOLD | TOLD)
DAMAGED = st.binary(max_size=20).filter(lambda it: b"\n" not in it) | st.builds(
    lambda line, cut: line[: len(line) * cut // 100], LINES, st.integers(0, 99)
)
HISTORIES = st.lists(LINES | LINES | LINES | DAMAGED, max_size=40)


def told(state: RunState, step: int, loss: float | None) -> list[object]:
    """Everything that a row of the list takes from the events."""
    held_out = [it.loss for it in state.evaluations]
    figures = [step, state.started, state.last_event, state.ended_at, state.clock_back_s, state.idle_s, loss, held_out]
    others = [state.status, state.failure, state.result, state.plan, state.chat_ready, len(state.checkpoints)]
    return [repr(figures), repr(others)]  # a figure that is no number does not equal itself


def told_whole(lines: list[bytes]) -> list[object]:
    state = fold_all(event for line in lines if (event := ev.from_line(line)))
    last = state.last_step
    return told(state, last.step if last else 0, last.loss if last else None)


def told_of(read: Gist) -> list[object]:
    return told(read.state, read.step, read.loss)


@given(HISTORIES, st.booleans(), st.integers(0, 40), st.integers(1, 10))
def test_what_is_skimmed_is_told_as_if_it_had_been_read_whole(
    lines: list[bytes], in_order: bool, first: int, batch: int
) -> None:
    if in_order:
        lines = [line for _, line in sorted((_time(line), line) for line in lines)]
    read = Gist()
    for begin, end in pairwise([*range(0, first, batch), first, len(lines)]):
        read.take(lines[begin:end])
    assert told_of(read) == told_whole(lines)


def _time(line: bytes) -> float:
    event = ev.from_line(line)
    return event.time if event else 1e9


def test_a_real_run_is_told_as_if_it_had_been_read_whole() -> None:
    lines = (Path(__file__).parent.parent / "recorded" / "demo-events.jsonl").read_bytes().splitlines()
    for end in range(len(lines) + 1):
        read = Gist()
        read.take(lines[:end])
        assert told_of(read) == told_whole(lines[:end])


@given(UPDATES, st.floats(1e9, 9e9))
def test_an_update_as_it_is_written_need_not_be_read_whole(update: ev.StepDone, time: float) -> None:
    update = replace(update, time=time)
    found = gist._SKIMMED.fullmatch(ev.to_line(update).encode()[:-1])
    assert found and (float(found[1]), int(found[2])) == (update.time, update.step)
    assert repr(float(found[3])) == repr(update.loss)
