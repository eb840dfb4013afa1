"""``python -m tui.engine FOLDER``: work in one folder, and leave a reason behind however it ends."""

from __future__ import annotations

import argparse
import io
import os
import sys
from pathlib import Path
from typing import Any

from tui.engine.environment import set_defaults
from tui.engine.retry import AGAIN
from tui.engine.serve import serve
from tui.engine.spare import serve_spare
from tui.engine.supervise import end_children_with_me, fork_worker
from tui.run.folder import RunFolder


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
    if "RANK" not in os.environ and not given.again:  # torchrun already watches over its own processes
        fork_worker(folder, spare=given.spare)
    end_children_with_me()
    if given.spare:
        sys.exit(serve_spare(folder, given.owner))
    sys.exit(serve(folder, given.owner))


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
