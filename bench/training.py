"""``python bench/training.py MODEL [--pairs 3] [--seconds 30] ...``: a run against the bare way.

Several processes of both kinds train and take turns: while one works the others are stopped, so that whatever else a
machine does slows down all alike. Two processes of the same program differ by some per cent, from the first to the last
update, so one pair says little. Told are the medians of the seconds of the updates that lie within one turn of their
process, so a turn has to be longer than several; the last row is that of all updates of either kind, and bare / ours, whose
bar is 0.99. Below the table stands how far that is known: the standard error of the mean of the pairs' ratios.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import chain, pairwise
from pathlib import Path
from statistics import mean, median, stdev

from bare import DATA, LOG, Task, marks_of, session_of, start_bare
from report import Row, report

from tui.run.commands import Stop
from tui.run.folder import RunFolder, create_run
from tui.run.lock import holder_of
from tui.run.process import last_words, send, start_engine
from tui.run.watcher import read_state

WARM_UP = 5
TRAINS_WITHIN_S = 600.0
NEVER = 10**6
"""Updates that are not reached."""
BAR = 0.99


@dataclass
class Side:
    """One of the trainings."""

    process: subprocess.Popen[bytes]
    marks: Callable[[], list[float]]
    """When each of its updates so far was done, as time.time() tells it."""
    said: Callable[[], str]
    run: RunFolder | None = None
    turns: list[tuple[float, float]] = field(default_factory=list)

    @property
    def pid(self) -> int:
        """The process that trains; that of a run is not the one which was started."""
        holder = holder_of(self.run.lock) if self.run else None
        return holder.pid if holder else self.process.pid

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

    def end(self) -> None:
        """Stop to train, without a result; one that has ended by itself is left alone."""
        if self.process.poll() is not None:
            return
        os.kill(self.pid, signal.SIGCONT)
        if self.run:
            send(self.run, Stop(discard=True))
        else:
            self.process.kill()
        self.process.wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", help="a model folder")
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=30, help="that each process works")
    parser.add_argument("--turn", type=float, default=2, help="seconds that it works without a rest")
    parser.add_argument("--four-bit", action="store_true")
    parser.add_argument("--data", type=Path, default=DATA, help="rows of messages")
    parser.add_argument("--max-seq-length", type=int, default=512)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # or the trainings would outlive it
    with tempfile.TemporaryDirectory() as scratch:
        os.environ["UNSLOTH_TUI_HOME"] = f"{scratch}/home"
        bare, ours = _train(given, Path(scratch))
    rows = [
        Row(f"an update, pair {number}", median(one), bare=median(other))
        for number, (one, other) in enumerate(zip(ours, bare, strict=True), 1)
    ]
    total = Row("an update, all pairs", median(chain(*ours)), bare=median(chain(*bare)), bar=BAR)
    report([*rows, total], given.json, bare=bare, ours=ours)
    ratios = [row.times or 0 for row in rows]
    if len(ratios) > 1:
        print(f"the pairs' mean is {mean(ratios):.3f}, with a standard error of {stdev(ratios) / len(ratios) ** 0.5:.3f}")


def _train(given: argparse.Namespace, scratch: Path) -> tuple[list[list[float]], list[list[float]]]:
    """The seconds of the updates of each process, first those of the bare scripts."""
    task = Task(given.model, NEVER, given.four_bit, given.data, given.max_seq_length)
    sides: list[Side] = []
    try:
        for number in range(given.pairs):
            sides.append(_bare(task, scratch / str(number)))
            sides.append(_ours(task))
        _wait_until_all_train(sides)
        for side in sides:
            os.kill(side.pid, signal.SIGSTOP)
        for _ in range(round(given.seconds / given.turn)):
            for side in sides:
                side.work(given.turn)
            sides.reverse()  # whoever comes first follows a pause
        if not all(side.seconds() for side in sides):
            raise SystemExit("no update fits into a turn: make it longer with --turn")
        bare, ours = ([side.seconds() for side in sides if bool(side.run) == runs] for runs in (False, True))
        return bare, ours
    finally:
        for side in sides:
            side.end()


def _bare(task: Task, scratch: Path) -> Side:
    scratch.mkdir()
    process = start_bare(task, scratch)
    return Side(process, lambda: marks_of(scratch), lambda: (scratch / LOG).read_text(errors="replace")[-2000:])


def _ours(task: Task) -> Side:
    run = create_run(session_of(task, training={"save_strategy": "no"}))
    return Side(start_engine(run), lambda: [step.time for step in read_state(run).steps], lambda: last_words(run, 20), run)


def _wait_until_all_train(sides: list[Side]) -> None:
    began = time.time()
    while waited_for := [side for side in sides if len(side.marks()) <= WARM_UP]:
        for side in waited_for:
            if side.process.poll() is not None or time.time() > began + TRAINS_WITHIN_S:
                raise SystemExit(f"{'the run' if side.run else 'the bare script'} does not train:\n{side.said()}")
        time.sleep(0.5)


if __name__ == "__main__":
    main()
