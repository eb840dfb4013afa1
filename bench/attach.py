"""``python bench/attach.py [--updates 1000000] [--runs 1000] [--steps 200] [--json FILE]``: a long run opened, many listed.

A run of a million updates is read by a new process, as the window does when it is opened on one. The runs are listed for
the first time, which reads what nobody has read before, by a new process, and again in the same one; one of them goes on.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from report import Row, report

from tui.run import events

LIST = """
import time
begun = time.perf_counter()
from tui.run.listing import Listing
loaded = time.perf_counter()
listing = Listing()
listing.rows()
first = time.perf_counter()
listing.rows()
print(loaded - begun, first - loaded, time.perf_counter() - first)
"""
OPEN = """
import resource, sys, time
from tui.run.folder import RunFolder
from tui.run.watcher import read_state
from pathlib import Path
begun = time.perf_counter()
state = read_state(RunFolder(Path(sys.argv[1])))
assert state.last_step.step == int(sys.argv[2])
print(time.perf_counter() - begun, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000)
"""
BLOCK = 10_000
"""Updates that are written at a time."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--updates", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        seconds, megabytes = open_long(Path(scratch) / "runs" / "long", given.updates)
    with tempfile.TemporaryDirectory() as scratch:
        make_runs(Path(scratch), given.runs, given.steps)
        _, unread, _ = list_them(Path(scratch))
        imported, known, again = list_them(Path(scratch))
    rows = [
        Row(f"a run of {given.updates:,} updates opened", seconds, bar=2),
        Row("its memory", megabytes, "MB", bar=150),
        Row(f"{given.runs:,} runs of {given.steps} updates listed, never read before", unread, bar=0.5),
        Row("the same by a new process", known, bar=0.5),
        Row("the same again", again, bar=0.5),
        Row("imports before that", imported),
    ]
    report(rows, given.json)


def open_long(place: Path, updates: int) -> tuple[float, float]:
    """Seconds and MB that a new process needs for a run that has ended after so many updates."""
    write_run(place)
    with (place / "events.jsonl").open("w") as stream:
        stream.write(events.to_line(planned(updates)))
        for start in range(1, updates + 1, BLOCK):
            stream.write(
                "".join(events.to_line(update(step, updates)) for step in range(start, min(start + BLOCK, updates + 1)))
            )
        stream.write(events.to_line(events.Finished(outcome="completed", result="adapter")))
    done = subprocess.run([sys.executable, "-c", OPEN, str(place), str(updates)], capture_output=True, text=True, check=True)
    seconds, megabytes = map(float, done.stdout.split())
    return seconds, megabytes


def planned(updates: int) -> events.Event:
    return events.Planned(steps=updates, epochs=1, examples=updates, trained_parameters=1, all_parameters=2, device="cpu")


def update(step: int, updates: int) -> events.Event:
    return events.StepDone(step=step, epoch=step / updates, loss=3 / step + 0.5, learning_rate=1e-4, seconds=0.5)


def write_run(place: Path) -> None:
    """A run without events, whose engine is long gone."""
    (place / "checkpoints" / "checkpoint-100").mkdir(parents=True)
    (place / "session.toml").write_text('version = 1\n[model]\nname = "a/model"\n[data]\nsource = "x.jsonl"\n')
    (place / "engine.lock").write_text('{"pid": 1, "started": 1.0, "host": "elsewhere"}')
    os.utime(place / "engine.lock", (1, 1))


def make_runs(home: Path, runs: int, steps: int) -> None:
    """Ended runs, each with this many updates, and as the newest one that still goes on."""
    told = [planned(steps)]
    for step in range(1, steps + 1):
        told.append(update(step, steps))
        if step % 10 == 0:
            told.append(events.MachineSampled())
    lines = "".join(map(events.to_line, told))
    end = events.to_line(events.Finished(outcome="completed", result="adapter"))
    for number in range(runs):
        place = home / "runs" / f"2026-11-23-{number:04}-model-data"
        write_run(place)
        (place / "events.jsonl").write_text(lines + (end if number else ""))


def list_them(home: Path) -> tuple[float, float, float]:
    """Seconds to import, to list them in a new process, and to list them again."""
    environment = os.environ | {"UNSLOTH_TUI_HOME": str(home)}
    done = subprocess.run([sys.executable, "-c", LIST], env=environment, capture_output=True, text=True, check=True)
    loaded, first, again = map(float, done.stdout.split())
    return loaded, first, again


if __name__ == "__main__":
    main()
