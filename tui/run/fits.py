"""What was measured of settings, kept for later: it tells how long a training takes and how much memory."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from tui.resources import home
from tui.run.fit_events import Fitted, Trial
from tui.run.lines import append_line
from tui.session import file
from tui.session.schema import Session

MOST_KEPT = 200
"""Measurements; of twice as many the older half goes."""


@dataclass(frozen=True)
class Kept:
    """One trial of an earlier measurement."""

    session: Session
    """As it was trained."""
    device: str
    """The name of the card, or ``CPU``."""
    seconds_per_example: float
    peak_bytes: int
    """0 where that is not known."""


def place() -> Path:
    """The file they are kept in: one measurement a line."""
    return home() / "fits.jsonl"


def keep(session: Session, told: Fitted) -> None:
    """Remember what was measured; where that cannot be written it is not known later, and was told all the same."""
    measured = [asdict(trial) for trial in told.trials if trial.verdict == "measured"]
    if not measured:
        return
    trained = file.dumps(file.replace_value(session, "run.webhook", ""))  # an address may hold a secret
    line = {"time": time.time(), "session": trained, "device": told.device, "trials": measured}
    with suppress(OSError):
        place().parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        append_line(place(), json.dumps(line) + "\n")  # several windows may measure at once
        lines = place().read_text(encoding="utf-8", errors="replace").splitlines()
        if len(lines) >= 2 * MOST_KEPT:
            file.write_atomic(place(), "\n".join(lines[-MOST_KEPT:]) + "\n")


def kept() -> Iterator[Kept]:
    """Everything that was measured, the newest first; damaged lines are passed over."""
    try:
        lines = place().read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return
    for line in reversed(lines):
        try:
            told = json.loads(line)
            session, device = file.parse(told["session"]), str(told["device"])
            trials = [Trial(**trial) for trial in told["trials"]]
            yield from [_kept(session, device, trial) for trial in trials]
        except (ValueError, KeyError, TypeError, AttributeError, ArithmeticError, RecursionError, file.SessionError):
            continue


def _kept(session: Session, device: str, trial: Trial) -> Kept:
    changed = file.replace_values(session, trial.changes)
    return Kept(changed, device, trial.seconds / trial.examples, trial.peak_bytes)
