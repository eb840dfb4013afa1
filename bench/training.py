"""``python bench/training.py MODEL [--seconds 60] [--four-bit] [--json FILE]``: a run against the bare script.

Both train at the same time and take turns: while one works the other is stopped, each for a few seconds, so that whatever
else a machine does slows down both alike. Told is the median of the seconds of the updates that lie within a turn of their
own, after the first ones; and bare / ours, whose bar is 0.99.
"""

from __future__ import annotations

import argparse
import os
import signal
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from statistics import median

from bare import LOG, marks_of, session_of, start_bare
from report import Row, report

from tui.run.commands import Stop
from tui.run.folder import create_run
from tui.run.lock import holder_of
from tui.run.process import last_words, send, start_engine
from tui.run.watcher import read_state

WARM_UP = 5
LOADED_S = 600.0
TURN_S = 3.0
NEVER = 10**6
"""Updates that are not reached."""
BAR = 0.99


@dataclass
class Side:
    """One of the two trainings."""

    name: str
    pid: int
    marks: Callable[[], list[float]]
    """When each of its updates so far was done, as time.time() tells it."""
    lives: Callable[[], bool]
    turns: list[tuple[float, float]] = field(default_factory=list)

    def work(self, seconds: float) -> None:
        """Go on for so long, then rest."""
        os.kill(self.pid, signal.SIGCONT)
        began = time.time()
        time.sleep(seconds)
        self.turns.append((began, time.time()))
        os.kill(self.pid, signal.SIGSTOP)

    def seconds(self) -> list[float]:
        """Of each update that began and ended within one turn."""
        pairs = list(pairwise(self.marks()))
        return [end - start for began, ended in self.turns for start, end in pairs if began <= start and end <= ended]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", help="a model folder")
    parser.add_argument("--seconds", type=float, default=60, help="that each of the two works")
    parser.add_argument("--four-bit", action="store_true")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        os.environ["UNSLOTH_TUI_HOME"] = f"{scratch}/home"
        bare, ours = _train(given.model, given.four_bit, Path(scratch), given.seconds)
    what = f"an update, {len(bare)} and {len(ours)} in turns"
    report([Row(what, median(ours), bare=median(bare), bar=BAR)], given.json, bare=bare, ours=ours)


def _train(model: str, four_bit: bool, scratch: Path, seconds: float) -> tuple[list[float], list[float]]:
    """The seconds of the updates of both, the bare script's first."""
    run = create_run(session_of(model, NEVER, four_bit=four_bit))
    script, engine = start_bare(model, NEVER, scratch, four_bit=four_bit), start_engine(run)
    bare = Side("the bare script", script.pid, lambda: marks_of(scratch), lambda: script.poll() is None)
    try:
        ours = Side("the run", 0, lambda: [step.time for step in read_state(run).steps], lambda: engine.poll() is None)
        _wait_until_both_train(bare, ours, lambda: f"{(scratch / LOG).read_text()[-2000:]}\n{last_words(run, 20)}")
        holder = holder_of(run.lock)
        assert holder
        ours.pid = holder.pid  # that of the process which trains; the one that was started waits for it
        os.kill(ours.pid, signal.SIGSTOP)
        while sum(ended - began for began, ended in bare.turns) < seconds:
            bare.work(TURN_S)
            ours.work(TURN_S)
        return bare.seconds(), ours.seconds()
    finally:
        script.kill()
        if ours.pid:
            os.kill(ours.pid, signal.SIGCONT)
        send(run, Stop(discard=True))
        engine.wait()


def _wait_until_both_train(bare: Side, ours: Side, said: Callable[[], str]) -> None:
    began = time.time()
    while any(len(side.marks()) <= WARM_UP for side in (bare, ours)):
        for side in (bare, ours):
            if not side.lives() or time.time() > began + LOADED_S:
                raise SystemExit(f"{side.name} does not train:\n{said()}")
        time.sleep(0.2)


if __name__ == "__main__":
    main()
