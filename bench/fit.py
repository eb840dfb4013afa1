"""``python bench/fit.py MODEL_FOLDER [--grid] [--minutes 3] [--tokens 157]``: `fit` against the notebook's settings.

The session is the notebook's: 4-bit, batch 2 × 4, Unsloth's checkpointing, no packing, on rows of plain text of about that
many tokens. With `--grid` every candidate is measured as well, to see how near the search comes to the best of all. Prints
a line a setting, and the table at the end.
"""

from __future__ import annotations

import argparse
import json
import random
import tempfile
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from report import Row, report

from tui.engine import fitting
from tui.run import events
from tui.run.commands import Fit
from tui.run.fit_search import FIRST_UPDATES, best
from tui.session import file
from tui.session.schema import Session

WORDS = ("one", "two", "word", "house", "tree", "water", "light", "day", "hand", "year")
KINDS: dict[str, Any] = {"same": ["same"], "precision": ["same", "precision"], "packing": ["same", "precision", "packing"]}


def write_rows(path: Path, tokens: int) -> None:
    """Plain text of very different lengths."""
    draw = random.Random(0)
    lengths = [max(8, round(draw.gauss(tokens, tokens / 3))) for _ in range(2000)]
    path.write_text("".join(json.dumps({"text": " ".join(draw.choices(WORDS, k=length))}) + "\n" for length in lengths))


def notebook(model: str, data: Path, updates: int) -> Session:
    """The notebook's settings, which are those of a session where nothing is said."""
    told: dict[str, dict[str, Any]] = {
        "model": {"name": model, "max_seq_length": 2048},
        "data": {"source": str(data)},
        "training": {"max_steps": updates},
        "chat": {"keep_loaded_minutes": 0},
    }
    return file.from_table(told)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model")
    parser.add_argument("--grid", action="store_true")
    parser.add_argument("--minutes", type=float, default=3)
    parser.add_argument("--tokens", type=int, default=157)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        data = Path(scratch) / "rows.jsonl"
        write_rows(data, given.tokens)
        session = notebook(given.model, data, 2000)
        found = run(Fit(id="bench", session=file.dumps(session), within_s=60 * given.minutes))
        grid = run(Fit(id="grid", session=file.dumps(session), within_s=3600), every=True) if given.grid else None
    report(rows_of(found, grid), given.json, found=asdict(found), grid=asdict(grid) if grid else None)


def run(job: Fit, *, every: bool = False) -> events.Fitted:
    """What a measurement finds; with `every` all candidates are tried, as long as that takes."""
    said: list[events.Fitted] = []
    began = time.monotonic()

    def emit(event: events.Event) -> None:
        if isinstance(event, events.Fitted):
            if event.trials and (not said or len(event.trials) != len(said[-1].trials)):
                trial = event.trials[-1]
                told = f"{trial.tokens_per_s:8.0f} tokens/s {trial.peak_bytes / 2**30:6.2f} GiB {trial.seconds:7.3f} s"
                print(f"{time.monotonic() - began:6.1f} s {told} {trial.verdict:13} {trial.name} {trial.why}", flush=True)
            said.append(event)
        elif isinstance(event, events.PhaseChanged):
            print(f"{time.monotonic() - began:6.1f} s {event.phase} {event.text}", flush=True)

    one = fitting.Fitting(job, emit, lambda: False)
    if every:
        one.search = lambda found, device: (
            device.measure(it, 2 * FIRST_UPDATES) for it in sorted(found, key=lambda it: it.loaded_as)
        )
    one.run()
    return said[-1]


def rows_of(found: events.Fitted, grid: events.Fitted | None) -> list[Row]:
    """How many times as fast as the session as it is, by what may change, and how near the best of all."""
    own = next(trial for trial in found.trials if trial.kind == "own")
    rows = [Row(f"as it is: {own.name}", own.tokens_per_s, "tokens/s")]
    for name, kinds in KINDS.items():
        if not (trial := best(found.trials, kinds)):
            continue
        faster = {"same": 4.0, "packing": 12.0}.get(name)
        told = f"{name}: {trial.name}, {trial.peak_bytes / 2**30:.1f} GiB"
        rows.append(Row(told, trial.tokens_per_s, "tokens/s", own.tokens_per_s, more_is_better=True, bar=faster))
        if grid:
            fastest = max((it for it in grid.trials if it.kind in KINDS[name]), key=lambda it: it.tokens_per_s)
            same = next(it for it in grid.trials if it.name == trial.name)
            title = f"{name}: measured again, against the grid's best, {fastest.name}"
            rows.append(Row(title, same.tokens_per_s, "tokens/s", fastest.tokens_per_s, more_is_better=True, bar=0.95))
    return rows


if __name__ == "__main__":
    main()
