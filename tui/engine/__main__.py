"""``python -m tui.engine FOLDER``: work in one folder, and leave a reason behind however it ends."""

from __future__ import annotations

import argparse
import io
import os
import sys
from pathlib import Path
from typing import Any, NoReturn

from tui.engine.checkpoints import clear_leftovers
from tui.engine.environment import set_defaults
from tui.engine.retry import AGAIN
from tui.engine.serve import serve
from tui.engine.spare import serve_spare
from tui.engine.supervise import end_children_with_me, end_with_parent, fork_worker
from tui.run.folder import RunFolder
from tui.run.lock import LockHeld, acquire
from tui.run.processes import session_now
from tui.session.file import SessionError
from tui.session.schema import Session


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tui.engine")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--owner", type=int, help="end when the process with this number ends")
    parser.add_argument("--spare", action="store_true", help="wait there to become the engine of a run")
    parser.add_argument(AGAIN, action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    folder = RunFolder(given.folder.absolute())
    os.umask(0o077)
    _print_without_failing()
    set_defaults()
    if "RANK" in os.environ:
        end_with_parent()
    elif not given.again:
        fork_worker(folder, clear_leftovers, spare=given.spare)
        if not given.spare and (session := _session(folder)).cluster.nproc_per_node > 1:
            _launch(folder, session)
    end_children_with_me()
    if given.spare:
        sys.exit(serve_spare(folder, given.owner))
    sys.exit(serve(folder, given.owner))


def _launch(folder: RunFolder, session: Session) -> NoReturn:
    """Hold the folder for all processes that work in it together; whoever looks sees one engine, from first to last."""
    try:
        acquire(folder.lock)
    except LockHeld as error:
        sys.exit(str(error))
    from tui.engine.launching import launch

    sys.exit(launch(folder, session))


def _session(folder: RunFolder) -> Session:
    """What the engine will be asked for; nothing where it cannot be read, which the engine then says."""
    try:
        return session_now(folder) if folder.session.exists() else Session()
    except SessionError:
        return Session()


class _Log(io.FileIO):
    """A file whose disk may get full: what has no room then is left out."""

    def write(self, told: Any) -> int:
        try:
            return super().write(told)
        except OSError:
            return len(told)


def _print_without_failing() -> None:
    """Whatever a library prints about a training must not end it."""
    for name, number in (("stdout", 1), ("stderr", 2)):
        if getattr(sys, name) is not None:
            stream = io.TextIOWrapper(_Log(number, "w", closefd=False), errors="backslashreplace", write_through=True)
            setattr(sys, name, stream)


main()
