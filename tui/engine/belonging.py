"""Whether an engine's folder is still there, and whether what is asked in it was asked by its own user."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

from tui.engine.emit import Emit
from tui.run.events import Warned
from tui.run.folder import RunFolder
from tui.run.lines import Tail
from tui.run.lock import LockHeld, acquire, beat

NOT_OBEYED = "nothing that is asked of this run is obeyed: its commands.jsonl is somebody else's, or others may write to it"


def as_own_as(own: os.stat_result) -> Callable[[os.stat_result], bool]:
    """Whether a file is of the same user as one of this process, or of root, and no more open to others.

    Network drives tell other numbers and modes than they were asked for, so both are compared and not taken for granted.
    """
    return lambda it: it.st_uid in (own.st_uid, 0) and not it.st_mode & ~own.st_mode & 0o022


class Belonging:
    """Looks after the folder of one engine; with `relocks` a lock that somebody removes is made again."""

    def __init__(self, folder: RunFolder, *, relocks: bool) -> None:
        self.folder, self.relocks = folder, relocks
        self.born, self.missed = folder.path.stat().st_ino, 0
        self.warned = False

    def warn_of(self, tail: Tail, emit: Emit) -> None:
        """Say once that commands are not obeyed, so that nobody waits for it."""
        if tail.refused and not self.warned:
            emit(Warned(code="commands", text=NOT_OBEYED, advice=f"remove {self.folder.commands}, and ask again"))
            self.warned = True

    def beat(self) -> None:
        """Say that this engine lives; end it where nobody can hear of its run, nor ask anything of it, any more."""
        self.missed = 0 if self._is_there() else self.missed + 1
        if self.missed > 1:
            print(f"{self.folder.path} is gone, or another one lies there: this engine ends", file=sys.stderr, flush=True)
            os._exit(1)

    def _is_there(self) -> bool:
        try:
            if self.folder.path.stat().st_ino != self.born:
                return False
            if self.relocks and not self.folder.lock.exists():
                acquire(self.folder.lock)
        except FileNotFoundError:
            return False
        except (OSError, LockHeld):  # a drive that is away for a moment
            return True
        beat(self.folder.lock)
        return True
