"""``python -m tui.engine.export FOLDER``: make the export that is asked for in a folder, and leave a reason behind."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from tui.engine.emit import emitter
from tui.engine.environment import set_defaults
from tui.engine.export.job import Job
from tui.engine.supervise import fork_worker
from tui.run.export_jobs import asked_in, clear_leftovers
from tui.run.folder import RunFolder
from tui.run.lock import LockHeld, acquire


def main() -> int:
    folder = RunFolder(Path(sys.argv[1]).absolute())
    asked = asked_in(folder)
    if asked is None:
        print(f"nothing is asked for in {folder.path}", file=sys.stderr)
        return 2
    os.umask(0o077)
    set_defaults()
    fork_worker(folder, lambda _: clear_leftovers(RunFolder(Path(asked.run))))
    try:
        acquire(folder.lock)
    except LockHeld as error:
        print(error, file=sys.stderr)
        return 1
    return Job(folder, asked, emitter(folder)).work()


sys.exit(main())
