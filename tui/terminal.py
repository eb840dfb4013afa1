"""Whether there is a terminal."""

from __future__ import annotations

import sys


def has_terminal() -> bool:
    """Whether there is a terminal to draw the window in; any of these files may be closed."""
    return all(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stdout))
