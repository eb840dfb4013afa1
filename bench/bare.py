"""The same training twice: by the bare notebook script, and by a session of ours."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from tui.session import file
from tui.session.schema import Session

ROOT = Path(__file__).parent.parent
DATA = ROOT / "sample_data" / "shell" / "train.jsonl"


def run_bare(model: str, steps: int, scratch: Path, *, four_bit: bool) -> list[float]:
    """Train by the bare script; when each update was done, as time.time() tells it."""
    words = [sys.executable, str(ROOT / "bench" / "bare_script.py"), model, str(steps), str(int(four_bit)), str(DATA)]
    environment = os.environ | {"UNSLOTH_DISABLE_STATISTICS": "1"}
    done = subprocess.run(words, cwd=scratch, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(done.stderr[-3000:])
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("MARKS")]
    marks: list[float] = json.loads(line.removeprefix("MARKS"))
    return marks


def session_of(model: str, steps: int, *, four_bit: bool, **more: dict[str, Any]) -> Session:
    """A session that trains as the bare script does."""
    told: dict[str, dict[str, Any]] = {
        "model": {"name": model, "max_seq_length": 512, "load_in_4bit": four_bit},
        "data": {"source": str(DATA)},
        "training": {"per_device_train_batch_size": 8, "gradient_accumulation_steps": 1, "max_steps": steps},
        "chat": {"keep_loaded_minutes": 0},
    }
    return file.from_table({key: told.get(key, {}) | more.get(key, {}) for key in {*told, *more}})
