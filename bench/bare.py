"""The same training twice: by the bare notebook script, and by a session of ours."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tui.session import file
from tui.session.schema import Session

ROOT = Path(__file__).parent.parent
DATA = ROOT / "sample_data" / "shell" / "train.jsonl"
LOG = "bare.log"


@dataclass(frozen=True)
class Task:
    """What both train."""

    model: str
    steps: int
    four_bit: bool
    data: Path = DATA
    max_seq_length: int = 512


def start_bare(task: Task, scratch: Path) -> subprocess.Popen[bytes]:
    """Start to train by the bare script; what it prints is in ``bare.log`` of that folder."""
    told = [task.model, str(task.steps), str(int(task.four_bit)), str(task.data.absolute()), str(task.max_seq_length)]
    words = [sys.executable, str(ROOT / "bench" / "bare_script.py"), *told]
    environment = os.environ | {"UNSLOTH_DISABLE_STATISTICS": "1"}
    with (scratch / LOG).open("wb") as log:
        return subprocess.Popen(words, cwd=scratch, env=environment, stdout=log, stderr=log)


def marks_of(scratch: Path) -> list[float]:
    """When each update so far was done, as time.time() tells it."""
    words = [line.split() for line in (scratch / LOG).read_text(errors="replace").splitlines() if line.startswith("MARK")]
    return [float(told[1]) for told in words if len(told) == 2]


def run_bare(task: Task, scratch: Path) -> list[float]:
    """Train by the bare script to the end; when each update was done, as time.time() tells it."""
    if start_bare(task, scratch).wait():
        sys.exit((scratch / LOG).read_text(errors="replace")[-3000:])
    return marks_of(scratch)


def session_of(task: Task, **more: dict[str, Any]) -> Session:
    """A session that trains as the bare script does."""
    told: dict[str, dict[str, Any]] = {
        "model": {"name": task.model, "max_seq_length": task.max_seq_length, "load_in_4bit": task.four_bit},
        "data": {"source": str(task.data.absolute())},
        "training": {"per_device_train_batch_size": 8, "gradient_accumulation_steps": 1, "max_steps": task.steps},
        "chat": {"keep_loaded_minutes": 0},
    }
    return file.from_table({key: told.get(key, {}) | more.get(key, {}) for key in {*told, *more}})
