"""The end of an engine's log, followed while it is shown."""

from __future__ import annotations

from itertools import islice

from textual.reactive import var
from textual.widgets import Log

from tui.run.folder import RunFolder
from tui.run.lines import Tail
from tui.widgets.foreign import plain

LINES_A_LOOK = 2000
LOOK_S = 0.5


class LogTail(Log):
    """Shows what the engine of a run prints."""

    run_folder: var[RunFolder | None] = var(None)

    def __init__(self) -> None:
        super().__init__(max_lines=5000)
        self.tail: Tail | None = None

    def on_mount(self) -> None:
        self.set_interval(LOOK_S, self.look)

    def watch_run_folder(self) -> None:
        self.clear()
        self.tail = Tail(self.run_folder.log) if self.run_folder else None

    def look(self) -> None:
        """Add what is new, while anybody can see it."""
        if self.tail is None or not self.display or self.screen is not self.app.screen:
            return
        lines = [plain(line.decode(errors="replace").rpartition("\r")[2]) for line in islice(self.tail.read(), LINES_A_LOOK)]
        if lines:
            self.write_lines(lines)
