"""One process after the other: what several windows and commands might do at once."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def turn(name: Path) -> Iterator[None]:
    """Alone among all that use a file of this name, which stays; it waits for its turn. Raises OSError."""
    name.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle = os.open(name, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
