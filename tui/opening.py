"""Opens the window."""

from __future__ import annotations

import gc
from pathlib import Path
from typing import TYPE_CHECKING

from tui.terminal import end_with_terminal

if TYPE_CHECKING:
    from tui.run.folder import RunFolder
    from tui.session.schema import Session

GARBAGE = (50_000, 20, 100)
"""When a window looks for garbage: with Python's own numbers it stops for a fifth of a second while a lot is painted."""


def open_window(session: Session | None = None, path: Path | None = None, folder: RunFolder | None = None) -> int:
    """Show the window, with a session from a file or a run, until it is closed; returns the code to end with."""
    gc.disable()  # to look for garbage among what is imported takes a sixth of that time, and finds none
    from tui.app import UnslothTui

    gc.freeze()
    gc.set_threshold(*GARBAGE)
    gc.enable()
    end_with_terminal()
    window = UnslothTui(session=session, session_path=path, run=folder)
    window.run()
    return window.return_code or 0
