"""A spare engine: waits in a folder of its own, the libraries imported, until it becomes the engine of a run."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from tui.engine.emit import emitter
from tui.engine.inspecting import IMPORTING
from tui.engine.serve import LISTEN_S, heard, lives, serve
from tui.engine.supervise import print_to
from tui.engine.warm import Warm, holds_gpu
from tui.run import commands, events
from tui.run.folder import RunFolder
from tui.run.lines import Tail
from tui.run.lock import acquire


def serve_spare(place: RunFolder, owner: int) -> int:
    """Become the engine that is asked for; without that, end when the owner does. Returns the exit code of the run."""
    acquire(place.lock)
    warm, tail, emit = Warm(), Tail(place.commands), emitter(place)
    emit(events.PhaseChanged(phase="importing", text=IMPORTING))
    warm.start()
    told = False
    while True:
        owned = lives(owner)  # before the commands are read: the last it asked for is still done
        for command in heard(tail):
            match command:
                case commands.Become(run=path):
                    run = RunFolder(Path(path))
                    print_to(run.log)
                    sys.argv = [sys.argv[0], path]  # as it would have been started, for the provenance
                    return serve(run, None, warm)
                case commands.Release():
                    os._exit(0)
        if not owned:
            os._exit(0)
        if warm.imported.is_set() and not told:
            if holds_gpu():
                print("importing the libraries took memory of the GPU: the run will import them itself")
                os._exit(0)
            emit(events.PhaseChanged(phase="ready"))
            told = True
        time.sleep(LISTEN_S)
