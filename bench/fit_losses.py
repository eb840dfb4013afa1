"""``python bench/fit_losses.py MODEL_FOLDER [--updates 15] [--json FILE]``: whether "the same mathematics" learns the same.

Trains the notebook's settings, and 8 × 1 with nothing recomputed, which is what `fit` finds there where memory allows; each
in an engine of its own. The figure is the largest difference of two losses; the bar is 0.01.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path

from fit import notebook, write_rows
from report import Row, report

from tui.run.events import Values
from tui.run.folder import create_run
from tui.run.process import last_words, start_engine
from tui.run.watcher import read_state
from tui.session.file import replace_values
from tui.session.schema import Session

BAR = 0.01
CHANGES: Values = {
    "training.per_device_train_batch_size": 8,
    "training.gradient_accumulation_steps": 1,
    "lora.use_gradient_checkpointing": "false",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model")
    parser.add_argument("--updates", type=int, default=15)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        os.environ["UNSLOTH_TUI_HOME"] = f"{scratch}/home"
        data = Path(scratch) / "rows.jsonl"
        write_rows(data, 157)
        own = notebook(given.model, data, given.updates)
        before, after = (_losses(session) for session in (own, replace_values(own, CHANGES)))
    for number, (one, other) in enumerate(zip(before, after, strict=True), 1):
        print(f"{number:3} {one:.4f} {other:.4f}")
    furthest = max(abs(one - other) for one, other in zip(before, after, strict=True))
    report([Row(f"largest difference of {given.updates} losses", furthest, "", bar=BAR)], given.json)


def _losses(session: Session) -> list[float]:
    run = create_run(session)
    start_engine(run).wait()
    state = read_state(run)
    if len(state.steps) < session.training.max_steps:
        raise SystemExit(f"{state.failure}: {last_words(run, 20)}")
    return [step.loss for step in state.steps]


if __name__ == "__main__":
    main()
