"""What every place has: the bar on top, its own body, the keys at the bottom, and slow looks in the background."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import ClassVar, TypeVar

from textual import on
from textual.app import ComposeResult
from textual.events import ScreenResume, ScreenSuspend
from textual.message import Message
from textual.screen import Screen
from textual.widget import Widget

from tui.widgets.foreign import plain
from tui.widgets.key_bar import KeyBar
from tui.widgets.place_bar import PlaceBar

T = TypeVar("T")
Outdated = Callable[[], bool]


class PlaceScreen(Screen[None]):
    """One of the six places."""

    PLACE: ClassVar[str]
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-wide"), (160, "-broad")]  # noqa: RUF012  (Textual declares it on the instance)

    @dataclass
    class Found(Message):
        """A look in the background has come to its end."""

        subject: str
        token: object
        show: Callable[[], object]

    def __init__(self) -> None:
        super().__init__()
        self.looks: dict[str, object] = {}
        """What is being looked at, by subject; a later look at the same subject replaces an earlier one."""
        self.has_been_left = False

    def compose(self) -> ComposeResult:
        # Textual sets the classes of its size once all is composed, and then styles all of it again
        of, size = self._get_breakpoint_classes, self.app.size
        sizes = of(size.width, self.HORIZONTAL_BREAKPOINTS) | of(size.height, self.VERTICAL_BREAKPOINTS or [])
        self.add_class(*sizes, update=False)
        yield PlaceBar(self.PLACE)
        yield from self.compose_body()
        yield KeyBar()

    def compose_body(self) -> Iterable[Widget]:
        """The widgets between the bar and the keys."""
        raise NotImplementedError

    @on(ScreenSuspend)
    def leave(self) -> None:
        self.has_been_left = True

    @on(ScreenResume)
    def keep_styles(self, event: ScreenResume) -> None:
        event.refresh_styles = self.has_been_left  # what has just been composed is as it should be

    def look(self, subject: str, find: Callable[[Outdated], T], show: Callable[[T], object]) -> None:
        """Find something out in a thread that nobody waits for, and show it unless it is outdated by then.

        A slow disk or network must not keep the window from closing, which a worker thread of Textual would do.
        """
        self.looks[subject] = token = object()

        def run() -> None:
            try:
                found = find(lambda: self.looks.get(subject) is not token)
            except Exception as error:
                text = plain(f"{type(error).__name__}: {error}")
                self.post_message(self.Found(subject, token, partial(self.notify, text, severity="error", markup=False)))
            else:
                self.post_message(self.Found(subject, token, partial(show, found)))

        threading.Thread(target=run, name=f"look {subject}", daemon=True).start()

    def on_place_screen_found(self, event: Found) -> None:
        if self.looks.get(event.subject) is event.token:
            del self.looks[event.subject]
            event.show()
