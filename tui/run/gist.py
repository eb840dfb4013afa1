"""What the list of runs tells of a run, taken in at a few millionths of a second a line: most lines are not read whole."""

from __future__ import annotations

import re
from array import array
from bisect import bisect_left
from collections.abc import Iterable
from operator import le, lt

from tui.run import events as ev
from tui.run.state import RunState, fold

_NUMBER = rb"-?+(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?+(?:[eE][-+]?+[0-9]++)?+"
_UPDATE = (
    rb'step","step":([1-9][0-9]{0,17}+|0),"epoch":[^,]++,"loss":"?+(%b|NaN|-?+Infinity)"?+,"learning_rate":[^,]++,'
    rb'"grad_norm":[^,]++,"tokens":[0-9]++,"tokens_per_s":[^,]++,"seconds":[^,]++,"peak_memory_bytes":[0-9]++}' % _NUMBER
)
_UNTOLD = rb'(?:gpu|reply|sample|compared|memory|ranks|warning|changed|preview|inspected)",.*+'
_SKIMMED = re.compile(rb'{"time":([1-9][0-9]{9}+(?:\.[0-9]++)?+),"kind":"(?:%b|%b)' % (_UPDATE, _UNTOLD))
"""An update as `to_line` writes it: its time, its number, its loss; or an event of which no row tells more than its time.

Times of ten digits before the point (from 2001 to 2286) are in the same order as their texts.
"""


class Gist:
    """The same state as `fold` makes of all events, but of the updates only the figures and of some events only the time."""

    def __init__(self) -> None:
        self.state = RunState()
        """Without most updates, and without most of what no row tells."""
        self._steps, self._losses = array("q"), array("d")

    @property
    def step(self) -> int:
        """The last update; 0 before the first one."""
        return self._steps[-1] if self._steps else 0

    @property
    def loss(self) -> float | None:
        """Of the last updates."""
        return self._losses[-1] if self._losses else None

    def take(self, lines: list[bytes]) -> None:
        """Fold some more lines of events."""
        found = list(map(_SKIMMED.fullmatch, lines))
        begun = 0
        for at, skimmed in enumerate(found):
            if skimmed is None:
                self._fold_skimmed(found[begun:at])
                self._fold(lines[at])
                begun = at + 1
        self._fold_skimmed(found[begun:])

    def _fold(self, line: bytes) -> None:
        """Fold one line whole."""
        if event := ev.from_line(line):
            self.state = fold(self.state, event)
        if isinstance(event, ev.StepDone):
            self._extend([event.step], [event.loss])
        if isinstance(event, ev.Resumed):
            self._forget_from(event.step + 1)

    def _fold_skimmed(self, lines: Iterable[re.Match[bytes] | None]) -> None:
        """Fold lines of which, where each is later than the one before, the last ones alone make the state."""
        if not (found := [it for it in lines if it]):
            return
        if not self.state.started:
            self._fold(found[0].string)
        told = [it.groups() for it in found]
        times = [time for time, _, _ in told]
        follows = self.state.last_event - self.state.clock_back_s <= float(times[0])
        steps = [int(step) for _, step, _ in told if step]
        if follows and all(map(le, times, times[1:])) and all(map(lt, steps, steps[1:])):
            self._extend(steps, [float(loss) for _, _, loss in told if loss])
            found = _last_told(found)
        for it in found:
            self._fold(it.string)

    def _extend(self, steps: list[int], losses: list[float]) -> None:
        """Add updates of ascending numbers, in the place of those from the first number on."""
        if steps:
            self._forget_from(steps[0])
            self._steps.extend(steps)
            self._losses.extend(losses)

    def _forget_from(self, step: int) -> None:
        """Updates of this number and above are no longer true."""
        kept = bisect_left(self._steps, step)
        if kept < len(self._steps):
            del self._steps[kept:], self._losses[kept:]


def _last_told(found: list[re.Match[bytes]]) -> list[re.Match[bytes]]:
    """The last update, and the last event after it that is whole."""
    last: list[re.Match[bytes]] = []
    for it in reversed(found):
        if it[2]:
            return [it, *last]
        if not last and ev.from_line(it.string):
            last = [it]
    return last
