"""How several processes end when one of them cannot go on: it says why, and the leading one writes that down."""

from __future__ import annotations

import threading
import traceback
from dataclasses import replace

from tui.engine.emit import Emit
from tui.engine.failures import explain
from tui.engine.notify import notify_of
from tui.engine.retry import try_again
from tui.engine.together import Together
from tui.run import events
from tui.run.folder import RunFolder

FAILED = "failed"
LEFT = "left"
WAIT_S = 60.0
"""So long a process waits to be ended by the agent, before it ends by itself."""
BROKEN_OFF = ("gloo", "NCCL", "Connection closed by peer", "Connection reset by peer", "Broken pipe")


class StartOver(Exception):
    """The run is to begin anew, with another setting, from its last checkpoint."""

    def __init__(self, change: events.Changed) -> None:
        super().__init__(change.text)
        self.change = change


def give_up(folder: RunFolder, error: BaseException, together: Together, emit: Emit) -> None:
    """Say why this process cannot go on, so that all end or begin anew; returns when it may end."""
    if together.size > 1 and _is_broken_off(error):
        traceback.print_exception(error)
        wait_for_the_end()  # another one is gone, and that one, or whoever started it, knows why
        return
    told = error.change if isinstance(error, StartOver) else explain(error)
    if together.size == 1:
        heed(folder, told, emit)
        return
    if isinstance(told, events.Failed) and not together.leads:
        told = replace(told, text=f"{together.name}: {told.text}")
    together.post(FAILED, events.to_line(told))
    wait_for_the_end()  # the leading one's main thread writes it down, and ends


def heed(folder: RunFolder, told: events.Event | None, emit: Emit) -> None:
    """Do, as the leading process, what a process says that cannot go on."""
    if isinstance(told, events.Changed):
        try_again(folder, told, emit)
    elif isinstance(told, events.Failed):
        emit(told)
        notify_of(folder, f"failed: {told.text}", emit)


def wait_for_the_end() -> None:
    """Let the agent end this process."""
    threading.Event().wait(WAIT_S)


def _is_broken_off(error: BaseException) -> bool:
    """Whether it only says that another process does not answer."""
    told = str(error)
    return type(error).__name__.startswith("Dist") or any(word in told for word in BROKEN_OFF)
