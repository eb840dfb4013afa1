"""The engine's main thread: holds the lock, beats, hears commands, reads the GPUs, while a worker thread works."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import NoReturn

import psutil

from tui.engine.belonging import Belonging, as_own_as
from tui.engine.control import Control
from tui.engine.emit import Emit, emitter
from tui.engine.notify import notify_of
from tui.engine.parting import FAILED, LEFT, heed
from tui.engine.resuming import unobeyed
from tui.engine.retry import LAUNCHED
from tui.engine.supervise import asked_by_sigterm
from tui.engine.talking import refuse
from tui.engine.together import Together
from tui.engine.vigil import Vigil
from tui.engine.warm import Warm
from tui.engine.work import work
from tui.machine.gpu import computed_on
from tui.machine.readings import GpuReading
from tui.machine.sampler import Sampler
from tui.run import commands, events
from tui.run.folder import RunFolder
from tui.run.lines import Tail
from tui.run.lock import HEARTBEAT_S, Holder, LockHeld, acquire, holder_of
from tui.run.process import send
from tui.run.state import fold_all
from tui.run.watcher import read_events
from tui.session import file
from tui.session.file import SessionError
from tui.session.sections.guards import GuardsSection

LISTEN_S = 0.1
MERCY_S = 25.0
"""So long may a process go on that was told to end together with others; Slurm and the agent kill after 30 s."""
SAMPLE_S = 5.0


def serve(folder: RunFolder, owner: int | None, warm: Warm | None = None) -> int:
    """Work in the folder until there is nothing left to do. Returns the exit code: 0 done, 1 failed.

    `warm` is the thread to work in, where one has begun already.
    """
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    asked: deque[commands.Command] = deque()
    together = Together()
    if together.size == 1:
        signal.signal(signal.SIGTERM, lambda *_: asked.extend(asked_by_sigterm()))
    elif "SLURM_JOB_ID" in os.environ:
        signal.signal(signal.SIGTERM, lambda *_: _end_soon(asked))
    if not together.leads:
        follow(folder, together)
    if LAUNCHED not in os.environ:
        before = holder_of(folder.lock)
        try:
            acquire(folder.lock, None if together.size == 1 else os.getppid())
        except LockHeld as error:
            print(error, file=sys.stderr)
            return 1
        if together.size > 1 and _is_restarted(before) and not _begins_again(folder):
            return 1
    emit, control = emitter(folder), Control(shared=together.size > 1)
    if not folder.session.exists():
        control.enter("idle")  # a workbench has nothing to train: whatever is asked of it may be asked at once
    tail = Tail(folder.commands, as_own_as(folder.lock.stat()))
    order, fresh = unobeyed(heard(tail))
    asked.extend(fresh)
    result: list[int] = []
    worker = _at_work(lambda: result.append(work(folder, order, control, emit, together)), warm)
    _listen(folder, control, emit, worker, owner, tail, asked, together)
    sys.stdout.flush()
    os._exit(result[0] if result else 1)  # libraries leave threads behind that would keep the process, and the GPU


def _at_work(do: Callable[[], None], warm: Warm | None) -> threading.Thread:
    if warm:
        warm.give(do)
        return warm
    worker = threading.Thread(target=do, daemon=True)
    worker.start()
    return worker


def _end_soon(asked: deque[commands.Command]) -> None:
    """Slurm tells each process that its machine is taken away, and the agent tells them when one of them has died.

    Together they can still write a checkpoint; where they cannot any more, nobody waits for them.
    """
    asked.extend(asked_by_sigterm())
    mercy = threading.Timer(MERCY_S, os._exit, (128 + signal.SIGTERM,))
    mercy.daemon = True
    mercy.start()


def follow(folder: RunFolder, together: Together) -> NoReturn:
    """Do what the leading process of a run does, without writing or hearing anything."""
    control, result = Control(shared=True), list[int]()
    silent: Emit = lambda event: None  # noqa: E731
    worker = _at_work(lambda: result.append(work(folder, commands.Resume(), control, silent, together)), None)
    while worker.is_alive():
        if together.posted(LEFT):
            os._exit(0)
        worker.join(LISTEN_S)
    sys.stdout.flush()
    os._exit(result[0] if result else 1)


def _is_restarted(before: Holder | None) -> bool:
    """Whether torchrun has started it again; of several machines it counts only on the one whose process had died."""
    counted = int(os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")) > 0
    return counted or (before is not None and before.host == socket.gethostname() and before.pid == os.getppid())


def _begins_again(folder: RunFolder) -> bool:
    """Whether a run that torchrun has started again goes on; it does not once it has ended with a reason."""
    if fold_all(read_events(folder)).ended:
        return False
    send(folder, commands.Resume())
    return True


def _listen(
    folder: RunFolder,
    control: Control,
    emit: Emit,
    worker: threading.Thread,
    owner: int | None,
    tail: Tail,
    asked: deque[commands.Command],
    together: Together,
) -> None:
    next_beat = next_sample = 0.0
    vigil, used = Vigil(_limits(folder)), computed_on(int(os.environ.get("LOCAL_WORLD_SIZE", "1")))
    sampler, told_of = Sampler(SAMPLE_S), None  # in a thread of its own: a driver that hangs makes nobody deaf
    if owner is None:
        sampler.start()
    belonging = Belonging(folder, relocks=together.size == 1 and LAUNCHED not in os.environ)
    while worker.is_alive():
        asked.extend(heard_if_there(tail))
        belonging.warn_of(tail, emit)
        while asked:
            _obey(asked.popleft(), folder, control, emit, together)
        if told := together.posted(FAILED):
            heed(folder, events.from_line(told), emit)
            os._exit(1)
        now = time.monotonic()
        if now >= next_beat:
            next_beat = now + HEARTBEAT_S
            belonging.beat()
            if owner is not None and not lives(owner):
                control.released.set()
                if control.stage != "training":
                    return
        if now >= next_sample and owner is None:
            if (reading := sampler.latest) is not told_of and reading:
                emit(events.MachineSampled(devices=reading[0], used=used, host=reading[1]))
            told_of = reading
            watch(vigil, folder, reading[0] if reading else (), control, emit)
            next_sample = now + (SAMPLE_S if reading else LISTEN_S)
        worker.join(LISTEN_S)


def _limits(folder: RunFolder) -> GuardsSection:
    try:
        return file.load(folder.session).guards
    except SessionError:  # the worker says what is wrong with it
        return GuardsSection()


def watch(vigil: Vigil, folder: RunFolder, gpus: tuple[GpuReading, ...], control: Control, emit: Emit) -> None:
    """Look at the machine while it trains, and do about what is found what the session says."""
    if control.stage != "training":
        return
    idle_s = None if control.pulse is None else time.monotonic() - control.pulse
    try:
        free = shutil.disk_usage(folder.path).free
    except OSError:  # a drive that is away for a moment
        return
    for warning, action in vigil.look(idle_s, control.usual_s, free, gpus, control.step):
        emit(warning)
        if action == "stop":
            control.ask(commands.Stop())


def heard(tail: Tail) -> list[commands.Command]:
    """What has been asked for since the last look."""
    return [command for line in tail.read() if (command := commands.from_line(line)) is not None]


def heard_if_there(tail: Tail) -> list[commands.Command]:
    """The same, and nothing while the drive of the run is away: the training goes on."""
    try:
        return heard(tail)
    except OSError:
        return []


def lives(pid: int) -> bool:
    """Whether that process runs; one that is dead and that nobody has buried yet does not."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def _obey(command: commands.Command, folder: RunFolder, control: Control, emit: Emit, together: Together) -> None:
    match command:
        case commands.Stop():
            control.ask(command)
            if control.leave("preparing"):  # nothing is learned yet: there is nothing to save or to wait for
                _end(folder, "discarded" if command.discard else "stopped", emit, together)
        case commands.Pause():
            control.ask(command)
            if control.leave("preparing"):
                _end(folder, "paused", emit, together)
        case commands.Chat() | commands.ShowPrompt() | commands.AnswerSet() if control.stage in ("preparing", "training"):
            refuse(command, "the model is still training; it can be talked to when that is done", emit)
        case commands.Chat() | commands.ShowPrompt() | commands.AnswerSet():
            control.add(command)
        case commands.Preview() | commands.Inspect() | commands.Fit():
            control.add(command)
        case commands.Checkpoint() | commands.Evaluate() | commands.Sample() | commands.Change():
            control.order(command)
        case commands.Resume() | commands.Become():
            pass  # what it changes was read when the engine started, and this is no spare one
        case commands.Cancel():
            control.cancelled.add(command.id)
        case commands.Release():
            control.released.set()
            if control.leave("idle"):
                os._exit(0)


def _end(folder: RunFolder, outcome: events.Outcome, emit: Emit, together: Together) -> NoReturn:
    """End the process, and with it whatever the worker thread is in the middle of."""
    emit(events.Finished(outcome=outcome))
    notify_of(folder, outcome, emit)
    if together.size > 1:
        together.post(LEFT, outcome)
    os._exit(0)
