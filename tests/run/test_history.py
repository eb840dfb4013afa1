"""A long run opens with its shape, its spikes and its end; only updates that no curve could show are left out."""

from __future__ import annotations

import math

from tui.run import events as ev
from tui.run.history import BLOCKS, LINE_BYTES, thinned

LONG = 100 * BLOCKS * LINE_BYTES


def line(number: int, loss: float = 1.0) -> bytes:
    told = ev.StepDone(time=1.0, step=number, epoch=0.1, loss=loss, learning_rate=1e-4, seconds=0.1)
    return ev.to_line(told).strip().encode()


def read(lines: list[bytes], size: int) -> list[ev.Event]:
    return [event for it in thinned(lines, size) if (event := ev.from_line(it))]


def test_a_run_that_is_not_long_is_read_whole() -> None:
    lines = [line(number) for number in range(1, 500)]
    assert list(thinned(lines, 500 * LINE_BYTES)) == lines


def test_the_spikes_and_the_end_of_a_long_run_are_kept() -> None:
    losses = {333: 50.0, 777: math.nan}
    found = read([line(number, losses.get(number, 1.0)) for number in range(1, 1043)], LONG)
    steps = [event.step for event in found if isinstance(event, ev.StepDone)]
    assert len(steps) < 30 and steps == sorted(steps)
    assert {333, 777, 1042} <= set(steps)


def test_everything_that_is_no_update_is_kept_after_the_update_it_followed() -> None:
    told = ev.Evaluated(time=1.0, step=42, loss=0.5, perplexity=1.6, best=True)
    lines = [*(line(number) for number in range(1, 43)), ev.to_line(told).strip().encode(), line(43)]
    found = read(lines, LONG)
    at = found.index(told)
    before, after = found[at - 1], found[at + 1]
    assert isinstance(before, ev.StepDone) and before.step == 42
    assert isinstance(after, ev.StepDone) and after.step == 43
