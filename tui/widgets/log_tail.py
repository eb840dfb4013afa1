"""The end of an engine's log, followed while it is shown, and searched."""

from __future__ import annotations

from itertools import islice
from typing import ClassVar

from rich.highlighter import Highlighter
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.getters import query_one
from textual.reactive import var
from textual.widgets import Input, Log

from tui.run.folder import RunFolder
from tui.run.lines import Tail
from tui.widgets.foreign import plain

LINES_A_LOOK = 2000
LOOK_S = 0.5
MAX_LINES = 5000


class Found(Highlighter):
    """Shows what is searched for in reverse."""

    def __init__(self) -> None:
        self.sought = ""

    def highlight(self, text: Text) -> None:
        line, at = text.plain.casefold(), -1
        while self.sought and (at := line.find(self.sought, at + 1)) >= 0:
            text.stylize("reverse", at, at + len(self.sought))


class LogTail(Log):
    """Shows what the engine of a run prints."""

    run_folder: var[RunFolder | None] = var(None)

    def __init__(self) -> None:
        super().__init__(max_lines=MAX_LINES, highlight=True)
        self.highlighter: Found = Found()
        self.tail: Tail | None = None

    def on_mount(self) -> None:
        self.set_interval(LOOK_S, self.look)

    def watch_run_folder(self) -> None:
        self.clear()
        self.tail = Tail(self.run_folder.log) if self.run_folder else None

    def look(self) -> None:
        """Add what is new, while anybody can see it."""
        if self.tail is None or not self.is_on_screen or self.screen is not self.app.screen:
            return
        lines = [plain(line.decode(errors="replace").rpartition("\r")[2]) for line in islice(self.tail.read(), LINES_A_LOOK)]
        if lines:
            self.write_lines(lines)

    def seek(self, sought: str) -> list[int]:
        """Mark a text wherever it stands, small letters and capitals alike, and say in which lines."""
        self.highlighter.sought = sought.casefold()
        self.notify_style_update()
        self.refresh()
        return [number for number, line in enumerate(self.lines) if sought and sought.casefold() in line.casefold()]


class LogPanel(Vertical):
    """The log, and a line to search it with."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("slash", "search", "Search", id="log.search", tooltip="Search the log"),
        Binding("n", "go(1)", "Next", show=False, id="log.next", tooltip="Where it stands next"),
        Binding("N", "go(-1)", "Previous", show=False, id="log.previous", tooltip="Where it stands before"),
        Binding("escape", "follow", "Follow", show=False, id="log.follow", tooltip="End the search and follow the log"),
    ]

    run_folder: var[RunFolder | None] = var(None)

    shown_line: var[int] = var(0)
    """Where the search is, counted from 0."""

    log_tail = query_one(LogTail)
    sought = query_one("#sought", Input)

    def compose(self) -> ComposeResult:
        yield LogTail().data_bind(LogPanel.run_folder)
        yield Input(placeholder="search the log; Enter finds, Escape ends", id="sought", compact=True)

    def on_mount(self) -> None:
        self.sought.display = False

    def focus(self, scroll_visible: bool = True) -> LogPanel:
        self.log_tail.focus(scroll_visible)
        return self

    def action_search(self) -> None:
        self.sought.display = True
        self.sought.focus()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.log_tail.focus()
        self.action_go(-1, again=True)

    def action_go(self, by: int, again: bool = False) -> None:
        """Show the next line in which it stands, or the one before; from the end on for a new search."""
        found = self.log_tail.seek(self.sought.value)
        if not found:
            self.border_subtitle = f"{plain(self.sought.value)} is not in the log" if self.sought.value else ""
            return
        here = len(self.log_tail.lines) if again else self.shown_line
        later = [number for number in found if (number - here) * by > 0]
        line = (later[0] if by > 0 else later[-1]) if later else (found[0] if by > 0 else found[-1])
        self.shown_line = line
        self.log_tail.auto_scroll = False
        self.log_tail.scroll_to(y=max(0, line - self.log_tail.size.height // 2), animate=False)
        self.border_subtitle = f"{found.index(line) + 1} of {len(found)}: n next, N before, Escape follows"

    def action_follow(self) -> None:
        self.sought.value, self.sought.display, self.border_subtitle = "", False, ""
        self.log_tail.seek("")
        self.log_tail.auto_scroll = True
        self.log_tail.scroll_end(animate=False)
        self.log_tail.focus()
