"""When memory runs out: explains it in numbers, and tries again with a gentler setting in a clean process."""

from __future__ import annotations

import os
import re
import sys
import traceback
from typing import NoReturn

import psutil

from tui import words
from tui.engine.emit import Emit
from tui.run import commands, events
from tui.run.folder import RunFolder
from tui.run.process import send
from tui.session.schema import Session

MOST = 6
AGAIN = "--again"
"""Says that the process that watches over the engine is there already."""
LAUNCHED = "UNSLOTH_TUI_LAUNCHED"
"""The variable by which several processes know that all of them are started again when they end for that."""
_ENVIRONMENT = dict(os.environ)
"""As it was when the engine began: Unsloth changes it when it is imported."""

_UNITS = {"bytes": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40}
_SIZE = r"([\d.]+) (bytes|[KMGT]iB)"
_ASKED = re.compile(rf"Tried to allocate {_SIZE}")
_TOTAL = re.compile(rf"total capacity of {_SIZE}")
_FREE = re.compile(rf"of which {_SIZE} is free")
_OTHERS = re.compile(rf"Process \d+ has {_SIZE} memory in use")
_MINE = re.compile(rf"this process has {_SIZE} memory in use")


def explain_memory(message: str) -> str:
    """What torch says of a GPU that is full, in one sentence; the beginning of what it says where it says it otherwise."""
    asked, total, free = (_bytes(pattern, message) for pattern in (_ASKED, _TOTAL, _FREE))
    if asked is None:
        return f"memory ran out: {message[:300]}"
    others = sum(_size(*found) for found in _OTHERS.findall(message))
    mine = _bytes(_MINE, message)
    told = [f"the GPU is full: {words.size(asked)} more were asked for"]
    told += [f"{words.size(free)} of {words.size(total)} are free"] if total is not None and free is not None else []
    told += [f"this run has {words.size(mine)}"] if mine else []
    told += [f"other programs have {words.size(others)}"] if others else []
    return ", ".join(told)


def while_evaluating(error: BaseException) -> bool:
    """Whether it happened on the held-out examples."""
    return any(frame.name in ("evaluate", "evaluation_loop") for frame in traceback.extract_tb(error.__traceback__))


def gentler(session: Session, evaluating: bool) -> tuple[events.Values, str]:
    """The next setting that takes less memory and learns the same, and what it is in words; nothing where none is left."""
    training, held_out = session.training, session.evaluation.per_device_eval_batch_size
    if evaluating and held_out > 1:
        return {"evaluation.per_device_eval_batch_size": held_out // 2}, f"{held_out // 2} held-out examples at once"
    batch = training.per_device_train_batch_size
    if batch > 1:
        smaller = max(part for part in range(1, batch // 2 + 1) if batch % part == 0)
        more = training.gradient_accumulation_steps * (batch // smaller)
        values: events.Values = {
            "training.per_device_train_batch_size": smaller, "training.gradient_accumulation_steps": more,
        }  # fmt: skip
        return values, f"batches of {smaller}, {more} for one update, which learns the same"
    if session.lora.use_gradient_checkpointing != "unsloth":
        return {"lora.use_gradient_checkpointing": "unsloth"}, "Unsloth's gradient checkpointing"
    return {}, ""


def next_try(session: Session, error: BaseException, done: int, step: int) -> events.Changed | None:
    """The gentler setting to begin anew with; None where there is none left or it is not wanted."""
    values, what = gentler(session, while_evaluating(error))
    if session.guards.out_of_memory != "retry" or not values or done >= MOST:
        return None
    text = f"{explain_memory(' '.join(str(error).split()))}; trying again with {what}"
    return events.Changed(step=step, values=values, by="retry", text=text)


def try_again(folder: RunFolder, change: events.Changed, emit: Emit) -> None:
    """Begin anew from the last checkpoint; one of several processes only says so, and whoever started them does it."""
    emit(change)
    send(folder, commands.Resume())
    if "RANK" not in os.environ:
        start_over(folder)


def is_started_again() -> bool:
    """Whether this process, alone or one of several, begins anew when it ends for that."""
    left = int(os.environ.get("TORCHELASTIC_MAX_RESTARTS", "0")) - int(os.environ.get("TORCHELASTIC_RESTART_COUNT", "0"))
    return "RANK" not in os.environ or LAUNCHED in os.environ or left > 0


def start_over(folder: RunFolder) -> NoReturn:
    """Become a new engine with the same number, which holds nothing: no memory of a GPU, no lock, no helpers."""
    for child in psutil.Process().children(recursive=True):
        child.kill()
    sys.stdout.flush()
    sys.stderr.flush()
    command = [sys.executable, "-P", "-u", "-m", "tui.engine", str(folder.path), AGAIN]
    os.execve(sys.executable, command, _ENVIRONMENT)


def _bytes(pattern: re.Pattern[str], message: str) -> float | None:
    found = pattern.search(message)
    return _size(found[1], found[2]) if found else None


def _size(number: str, unit: str) -> float:
    return float(number) * _UNITS[unit]
