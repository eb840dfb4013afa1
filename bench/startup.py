"""``python bench/startup.py MODEL_FOLDER [--four-bit] [--json FILE]``: seconds from "start" to the first update.

The same training by the bare script, twice, as what was compiled is kept; then by a run of ours, twice, by one whose engine
was warm because a window had time to prepare it, and where the time goes by phase. The bar is 3 for the second run.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path

from bare import Task, run_bare, session_of
from report import Row, report

from tui.run.figures import startup
from tui.run.folder import create_run
from tui.run.lock import is_held
from tui.run.process import last_words, start_engine
from tui.run.spare import Spare
from tui.run.state import RunState
from tui.run.watcher import read_state
from tui.session.schema import Session

STEPS = 3
WAIT_S = 600.0
BAR = 3.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model")
    parser.add_argument("--four-bit", action="store_true")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        os.environ["UNSLOTH_TUI_HOME"] = f"{scratch}/home"
        task = Task(given.model, STEPS, given.four_bit)
        session = session_of(task)
        bare = [_bare_s(task, Path(scratch)) for _ in range(2)]
        runs = {
            "first run": _ours(session),
            "second run": _ours(session),
        }
        spare = Spare()
        if why := _why_not_warm(spare, session):
            print(why)
        else:
            runs["second run, engine warm"] = _ours(session, spare)
    rows = [Row("bare script again, against its first time", bare[1], bare=bare[0])]
    for name, (seconds, _) in runs.items():
        bar = BAR if "second" in name else None
        rows.append(Row(f"{name}, to its first update", seconds, bare=bare[name != "first run"], bar=bar))
    rows += [Row(f"{name}: {phase}", took) for name, (_, state) in runs.items() for phase, took in startup(state)]
    report(rows, given.json)


def _bare_s(task: Task, scratch: Path) -> float:
    started = time.time()
    return run_bare(task, scratch)[0] - started


def _ours(session: Session, spare: Spare | None = None) -> tuple[float, RunState]:
    started = time.time()
    run = create_run(session)
    if spare is None or not spare.become(run, session):
        start_engine(run)
    while not (state := read_state(run)).ended:
        if time.time() - started > WAIT_S:
            raise SystemExit(f"no end after {WAIT_S:.0f} s: {last_words(run, 20)}")
        time.sleep(0.5)
    if not state.steps:
        raise SystemExit(f"{state.failure}: {last_words(run, 20)}")
    return state.steps[0].time - started, state


def _why_not_warm(spare: Spare, session: Session) -> str:
    """Wait until the spare engine is ready; empty then, else what hinders it."""
    spare.prepare(session)
    if spare.folder is None:
        return "no spare engine: too little memory of the box is free"
    started = time.time()
    while not spare.ready:
        if time.time() - started > 5 and not is_held(spare.folder.lock):
            return f"the spare engine has ended: {last_words(spare.folder, 5)}"
        time.sleep(0.5)
    print(f"the spare engine was ready after {time.time() - started:.1f} s; it holds no memory of a GPU")
    return ""


if __name__ == "__main__":
    main()
