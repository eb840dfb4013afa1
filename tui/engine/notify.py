"""Tells a program of the user's choice that a run has ended."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence

from tui.engine.emit import Emit
from tui.run.events import Warned
from tui.run.folder import RunFolder
from tui.session import file

PATIENCE_S = 30.0


def notify_of(folder: RunFolder, outcome: str, emit: Emit) -> None:
    """Call the program that the run's session names, as `notify` does; none where the session cannot be read."""
    try:
        words = file.load(folder.session).run.notify
    except file.SessionError:
        return
    notify(words, f"{folder.name}: {outcome}", emit)


def notify(words: Sequence[str], told: str, emit: Emit) -> None:
    """Call a program with its words and one line of text; one that fails is worth a warning, and no more."""
    if not words:
        return
    try:
        done = subprocess.run([*words, " ".join(told.split())], stdin=subprocess.DEVNULL, timeout=PATIENCE_S, check=False)
        complaint = f"it ended with exit code {done.returncode}" if done.returncode else ""
    except subprocess.TimeoutExpired:
        complaint = f"it did not end within {PATIENCE_S:.0f} seconds"
    except (OSError, ValueError) as error:  # ValueError: a word with a zero byte
        complaint = str(error)
    if complaint:
        emit(Warned(code="notify", text=f"{words[0]} could not tell of the end of this run: {complaint}"))
