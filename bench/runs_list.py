"""Seconds to list a thousand runs: for the first time, by a new process, and again in the same one; with one that goes on.

    uv run python bench/runs_list.py [--runs 1000] [--steps 200]

The runs are made in a scratch home, each with a session and as many updates. Prints one JSON object (the bar: 0.5 s for
every look, also the first, which reads what nobody has read before).
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

LIST = """
import time
begun = time.perf_counter()
from tui.run.listing import Listing
loaded = time.perf_counter()
listing = Listing()
rows = listing.rows()
first = time.perf_counter()
listing.rows()
print(len(rows), loaded - begun, first - loaded, time.perf_counter() - first)
"""


def make_runs(home: Path, runs: int, steps: int) -> None:
    """Ended runs, each with this many updates, and as the newest one that still goes on."""
    from tui.run import events

    begun = time.time() - steps
    told: list[events.Event] = [
        events.Planned(
            steps=steps, epochs=1, examples=steps, trained_parameters=1, all_parameters=2, device="cpu", time=begun
        )
    ]
    for step in range(1, steps + 1):
        loss, now = 3 / step + 0.5, begun + step
        told.append(events.StepDone(step=step, epoch=step / steps, loss=loss, learning_rate=1e-4, seconds=0.5, time=now))
        if step % 10 == 0:
            told.append(events.MachineSampled(time=now))
    lines = "".join(map(events.to_line, told))
    end = events.to_line(events.Finished(outcome="completed", result="adapter"))
    for number in range(runs):
        folder = home / "runs" / f"2026-11-23-{number:04}-model-data"
        (folder / "checkpoints" / "checkpoint-100").mkdir(parents=True)
        (folder / "session.toml").write_text('version = 1\n[model]\nname = "a/model"\n[data]\nsource = "x.jsonl"\n')
        (folder / "engine.lock").write_text('{"pid": 1, "started": 1.0, "host": "elsewhere"}')
        os.utime(folder / "engine.lock", (1, 1))  # its engine is long gone
        (folder / "events.jsonl").write_text(lines + (end if number else ""))


def list_them(home: Path) -> tuple[float, float, float]:
    """Seconds to import, to list them in a new process, and to list them again."""
    environment = os.environ | {"UNSLOTH_TUI_HOME": str(home)}
    done = subprocess.run([sys.executable, "-c", LIST], env=environment, capture_output=True, text=True, check=True)
    _, loaded, first, again = map(float, done.stdout.split())
    return loaded, first, again


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--steps", type=int, default=200)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        home = Path(scratch)
        make_runs(home, given.runs, given.steps)
        _, unread, _ = list_them(home)
        imported, new_process, again = list_them(home)
        begun = time.perf_counter()
        subprocess.run(
            [sys.executable, "-m", "tui", "runs"],
            env=os.environ | {"UNSLOTH_TUI_HOME": scratch},
            stdout=subprocess.DEVNULL,
            check=True,
        )
        command = time.perf_counter() - begun
    figures = {
        "runs": given.runs,
        "steps each": given.steps,
        "never read before, s": unread,
        "new process, s": new_process,
        "same process, s": again,
        "imports, s": imported,
        "unsloth-tui runs, whole command, s": command,
        "never read before / bar of 0.5 s": unread / 0.5,
        "new process / bar of 0.5 s": new_process / 0.5,
    }
    print(json.dumps({name: round(value, 3) for name, value in figures.items()}))


if __name__ == "__main__":
    main()
