"""The engine's main thread: holds the lock, beats, hears commands, reads the GPUs, while a worker thread works."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections import deque

import psutil

from tui.engine.control import Control
from tui.engine.emit import Emit, emitter
from tui.engine.notify import notify_of
from tui.engine.work import work
from tui.machine.gpu import read_gpus
from tui.machine.host import read_host
from tui.run import commands, events
from tui.run.folder import RunFolder
from tui.run.lines import Tail
from tui.run.lock import HEARTBEAT_S, LockHeld, acquire, beat

LISTEN_S = 0.1
SAMPLE_S = 5.0


def serve(folder: RunFolder, owner: int | None) -> int:
    """Work in the folder until there is nothing left to do. Returns the exit code: 0 done, 1 failed."""
    try:
        acquire(folder.lock)
    except LockHeld as error:
        print(error, file=sys.stderr)
        return 1
    emit, control = emitter(folder), Control()
    if not folder.session.exists():
        control.enter("idle")  # a workbench has nothing to train: whatever is asked of it may be asked at once
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    asked: deque[commands.Command] = deque()
    signal.signal(signal.SIGTERM, lambda *_: asked.extend((commands.Stop(), commands.Release())))
    result: list[int] = []
    worker = threading.Thread(target=lambda: result.append(work(folder, control, emit)), daemon=True)
    worker.start()
    _listen(folder, control, emit, worker, owner, asked)
    sys.stdout.flush()
    os._exit(result[0] if result else 1)  # libraries leave threads behind that would keep the process, and the GPU


def _listen(
    folder: RunFolder,
    control: Control,
    emit: Emit,
    worker: threading.Thread,
    owner: int | None,
    asked: deque[commands.Command],
) -> None:
    tail = Tail(folder.commands)
    next_beat = next_sample = 0.0
    while worker.is_alive():
        asked.extend(command for line in tail.read() if (command := commands.from_line(line)) is not None)
        while asked:
            _obey(asked.popleft(), folder, control, emit)
        now = time.monotonic()
        if now >= next_beat:
            beat(folder.lock)
            next_beat = now + HEARTBEAT_S
            if owner is not None and not _lives(owner):
                control.released.set()
                if control.stage != "training":
                    return
        if now >= next_sample and owner is None:
            emit(events.MachineSampled(devices=read_gpus(), host=read_host()))
            next_sample = now + SAMPLE_S
        worker.join(LISTEN_S)


def _lives(pid: int) -> bool:
    """Whether that process runs; one that is dead and that nobody has buried yet does not."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def _obey(command: commands.Command, folder: RunFolder, control: Control, emit: Emit) -> None:
    match command:
        case commands.Stop():
            control.stop = command
            if control.leave("preparing"):  # nothing is learned yet: there is nothing to save or to wait for
                outcome: events.Outcome = "discarded" if command.discard else "stopped"
                emit(events.Finished(outcome=outcome))
                notify_of(folder, outcome, emit)
                os._exit(0)
        case commands.Chat() if control.stage in ("preparing", "training"):
            text = "the model is still training; it can be talked to when that is done"
            for voice in command.voices:
                emit(events.Replied(id=command.id, voice=voice, done=True, error=text))
        case commands.Chat() | commands.Preview() | commands.Inspect():
            control.add(command)
        case commands.Pause() | commands.Checkpoint() | commands.Evaluate() | commands.Sample() | commands.Change():
            control.order(command)
        case commands.Resume():
            pass  # what it changes was read when the engine started
        case commands.Cancel():
            control.cancelled.add(command.id)
        case commands.Release():
            control.released.set()
            if control.leave("idle"):
                os._exit(0)
