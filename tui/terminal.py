"""The terminal that a window is drawn in: whether there is one, and when it goes."""

from __future__ import annotations

import os
import select
import signal
import sys
import threading


def has_terminal() -> bool:
    """Whether there is a terminal to draw the window in; any of these files may be closed."""
    return all(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stdout))


def end_with_terminal() -> None:
    """End this process when its terminal goes, as a hang-up does.

    One that does not control the process sends no signal then, and Textual would read nothing from it for ever.
    """
    threading.Thread(target=_wait_for_its_end, name="terminal", daemon=True).start()


def _wait_for_its_end() -> None:
    terminal = select.poll()
    terminal.register(sys.stdin, 0)  # that it hangs up is told whatever is asked for
    if any(told & select.POLLHUP for _, told in terminal.poll()):
        os.kill(os.getpid(), signal.SIGHUP)
        os._exit(1)  # where that signal is ignored
