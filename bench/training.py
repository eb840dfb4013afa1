"""``python bench/training.py MODEL [--steps 30] [--rounds 2] [--four-bit] [--json FILE]``: a run against the bare script.

The median seconds of an update of both after the first five, in turns, and bare / ours; the bar is 0.99. Where updates are
bound by launching kernels, one round says little: others on the same host slow down either.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from itertools import pairwise
from pathlib import Path
from statistics import median

from bare import run_bare, session_of
from report import Row, report

from tui.run.folder import create_run
from tui.run.process import last_words, start_engine
from tui.run.watcher import read_state

WARM_UP = 5
BAR = 0.99


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", help="a model folder")
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--four-bit", action="store_true")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    rows: list[Row] = []
    for number in range(1, given.rounds + 1):
        with tempfile.TemporaryDirectory() as scratch:
            os.environ["UNSLOTH_TUI_HOME"] = f"{scratch}/home"
            marks = run_bare(given.model, given.steps, Path(scratch), four_bit=given.four_bit)
            bare = median([later - earlier for earlier, later in pairwise(marks)][WARM_UP:])
            rows.append(
                Row(f"an update, round {number}", _ours(given.model, given.steps, given.four_bit), bare=bare, bar=BAR)
            )
    fastest = min(row.bare or 0.0 for row in rows)
    rows.append(Row("the fastest round of each", min(row.ours for row in rows), bare=fastest, bar=BAR))
    report(rows, given.json)


def _ours(model: str, steps: int, four_bit: bool) -> float:
    run = create_run(session_of(model, steps, four_bit=four_bit))
    start_engine(run).wait()
    state = read_state(run)
    if len(state.steps) < steps:
        raise SystemExit(f"{state.failure}: {last_words(run, 20)}")
    return median([step.seconds for step in state.steps][WARM_UP:])


if __name__ == "__main__":
    main()
