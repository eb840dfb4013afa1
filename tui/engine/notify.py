"""Tells a program and an address of the user's choice that a run has ended."""

from __future__ import annotations

import json
import math
import subprocess
from collections.abc import Sequence
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from tui.engine.emit import Emit
from tui.run.events import Warned
from tui.run.folder import RunFolder
from tui.run.state import fold_all
from tui.run.watcher import read_events
from tui.session import file
from tui.session.secrets import host_of
from tui.words import ended

PATIENCE_S = 30.0
WEBHOOK_PATIENCE_S = 10.0


def notify_of(folder: RunFolder, outcome: str, emit: Emit) -> None:
    """Tell whomever the run's session names; nobody where the session cannot be read."""
    try:
        section = file.load(folder.session).run
    except file.SessionError:
        return
    notify(section.notify, f"{folder.name}: {outcome}", emit)
    if section.webhook:
        post(section.webhook, message(folder, outcome), emit)


def notify(words: Sequence[str], told: str, emit: Emit) -> None:
    """Call a program with its words and one line of text; one that fails is worth a warning, and no more."""
    if not words:
        return
    try:
        done = subprocess.run([*words, " ".join(told.split())], stdin=subprocess.DEVNULL, timeout=PATIENCE_S, check=False)
        complaint = f"it {ended(done.returncode)}" if done.returncode else ""
    except subprocess.TimeoutExpired:
        complaint = f"it did not end within {PATIENCE_S:.0f} seconds"
    except (OSError, ValueError) as error:  # ValueError: a word with a zero byte
        complaint = str(error)
    if complaint:
        emit(Warned(code="notify", text=f"{words[0]} could not tell of the end of this run: {complaint}"))


def message(folder: RunFolder, outcome: str) -> dict[str, object]:
    """What a webhook is sent; ``text`` is what chat programs show."""
    state = fold_all(read_events(folder, thin=True))
    kind, _, reason = outcome.partition(": ")
    return {
        "text": f"{folder.name}: {outcome}",
        "run": folder.name,
        "outcome": kind,
        "reason": reason,
        "step": state.last_step.step if state.last_step else 0,
        "steps": state.plan.steps if state.plan else None,
        "loss": _number(state.last_step.loss if state.last_step else None),
        "eval_loss": _number(state.evaluations[-1].loss if state.evaluations else None),
        "seconds": round(state.worked_s, 1),
    }


def post(address: str, told: dict[str, object], emit: Emit) -> None:
    """Send a webhook a message; what goes wrong is worth a warning that names its host, since the rest may be a secret."""
    headers = {"Content-Type": "application/json", "User-Agent": "unsloth-tui"}
    try:
        with urlopen(Request(address, json.dumps(told).encode(), headers), timeout=WEBHOOK_PATIENCE_S):
            return
    except HTTPError as error:
        complaint = f"it answered {error.code}"
    except TimeoutError:
        complaint = f"it did not answer within {WEBHOOK_PATIENCE_S:.0f} seconds"
    except URLError as error:
        complaint = str(error.reason)
    except Exception as error:  # the words of some of them repeat the address
        complaint = type(error).__name__
    emit(
        Warned(
            code="notify", text=f"the webhook at {host_of(address)} could not be told of the end of this run: {complaint}"
        )
    )


def _number(value: float | None) -> float | None:
    """JSON has no word for what is not a number."""
    return value if value is not None and math.isfinite(value) else None
