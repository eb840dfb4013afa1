"""Exports that are being made: each is a folder with an engine of its own, and one works while the others wait."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import uuid
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from tui.resources import home
from tui.run import commands, events
from tui.run.export_commands import Export, ExportKind, Push
from tui.run.export_events import Stage
from tui.run.folder import RunFolder, clear_old
from tui.run.lines import Tail
from tui.run.process import device_environment, send
from tui.run.watcher import engine_alive, read_events, seen
from tui.words import advised

KEPT_S = 86400.0
"""How long the log of an export that has ended can still be read."""
WRITING = ".writing-"
"""What the name of a folder below ``exports`` begins with until it is whole."""


@dataclass(frozen=True)
class JobState:
    """What is known of one export."""

    stage: Stage = "waiting"
    text: str = ""
    bytes_done: int | None = None
    bytes_total: int | None = None
    warnings: tuple[str, ...] = ()
    failure: str = ""
    """Why there is no export, and what to do."""
    cancelled: bool = False
    result: str = ""
    """The folder of the export, when it is done."""
    started: float = 0.0
    last_event: float = 0.0
    alive: bool = True

    @property
    def ended(self) -> bool:
        return bool(self.failure or self.cancelled or self.result) or not self.alive

    @property
    def fraction(self) -> float | None:
        """How much of this stage is done, 0 to 1; None where that is not known."""
        if self.bytes_done is None or not self.bytes_total:
            return None
        return min(1.0, self.bytes_done / self.bytes_total)


@dataclass(frozen=True)
class Job:
    """One export that was asked for."""

    folder: RunFolder
    asked: Export
    state: JobState = JobState()


def request(
    run: RunFolder,
    to: ExportKind,
    quantisations: Iterable[str] = (),
    step: int | None = None,
    push: Push | None = None,
    *,
    fetch_llama_cpp: bool = False,
) -> Export:
    """What is asked for, with a name of its own."""
    chosen = tuple(dict.fromkeys(quantisations)) if to == "gguf" else ()
    return Export(
        id=uuid.uuid4().hex,
        run=str(run.path.absolute()),
        to=to,
        quantisations=chosen,
        step=step,
        push=push,
        fetch_llama_cpp=fetch_llama_cpp,
    )


def start(asked: Export) -> RunFolder:
    """Make an export in a process of its own, as soon as those before it are done; its folder. Raises OSError."""
    clear_old_jobs()
    jobs_folder().mkdir(mode=0o700, parents=True, exist_ok=True)
    folder = RunFolder(jobs_folder() / f"{datetime.now():%Y-%m-%d-%H%M%S-%f}-{asked.id[:6]}")
    folder.path.mkdir(mode=0o700)
    send(folder, asked)
    log = os.open(folder.log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        subprocess.Popen(
            [sys.executable, "-P", "-u", "-m", "tui.engine.export", str(folder.path)],
            stdin=subprocess.DEVNULL,  # no library can ask a question there
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            cwd=folder.path,
            env=os.environ | device_environment(RunFolder(Path(asked.run))),
        )
    finally:
        os.close(log)
    return folder


def cancel(job: Job) -> None:
    """Give an export up; nothing is left of it. Raises OSError."""
    send(job.folder, commands.Cancel(id=job.asked.id))


def jobs_of(run: RunFolder | None = None) -> list[Job]:
    """The exports of a run, or of all runs, that wait, go on or ended lately, the first first."""
    found = [job for folder in _folders() if (job := read_job(folder)) is not None]
    return [job for job in found if run is None or Path(job.asked.run) == run.path.absolute()]


def going_on(run: RunFolder) -> bool:
    """Whether something is being exported of a run."""
    return any(not job.state.ended for job in jobs_of(run))


def read_job(folder: RunFolder) -> Job | None:
    """What was asked in a folder and what came of it; None for a folder that is none of an export."""
    asked = asked_in(folder)
    if asked is None:
        return None
    liveness = seen(folder)  # before the events: an engine may write its last one and end in between
    state = fold_all(read_events(folder))
    return Job(folder, asked, fold(state, liveness))


def asked_in(folder: RunFolder) -> Export | None:
    """The export that is asked for in a folder."""
    try:
        found = [commands.from_line(line) for line in Tail(folder.commands).read()]
    except OSError:
        return None
    return next((it for it in found if isinstance(it, Export)), None)


def before(folder: RunFolder) -> list[RunFolder]:
    """The folders of exports that were asked for earlier and have not ended."""
    earlier = [it for it in _folders() if it.name < folder.name]
    return [it for it in earlier if engine_alive(it)]


def fold_all(told: Iterable[events.Event]) -> JobState:
    """The state after these events."""
    state = JobState()
    for event in told:
        state = fold(state, event)
    return state


def fold(state: JobState, event: events.Event) -> JobState:
    """The state after one more event."""
    if not isinstance(event, events.EngineSeen):
        state = replace(state, last_event=event.time, started=state.started or event.time)
    match event:
        case events.ExportMoved(stage=""):
            return replace(state, bytes_done=event.bytes_done, bytes_total=event.bytes_total)
        case events.ExportMoved():
            state = replace(state, stage=event.stage, text=event.text)
            return replace(state, bytes_done=event.bytes_done, bytes_total=event.bytes_total)
        case events.Warned():
            return replace(state, warnings=(*state.warnings, advised(event.text, event.advice)))
        case events.Failed():
            return replace(state, failure=advised(event.text, event.advice))
        case events.Finished(outcome="completed"):
            return replace(state, result=event.result)
        case events.Finished():
            return replace(state, cancelled=True)
        case events.EngineSeen(alive=False) if not state.ended:
            return replace(state, alive=False, failure=event.reason)
        case events.EngineSeen():
            return replace(state, alive=event.alive)
    return state


def scratch_of(asked: Export) -> Path:
    """Where an export lies until it is whole: beside its final place, so that it only needs another name."""
    return RunFolder(Path(asked.run)).exports / f"{WRITING}{asked.id}"


def clear_leftovers(run: RunFolder) -> None:
    """Remove what exports left behind whose engine was killed."""
    live = {job.asked.id for job in jobs_of(run) if not job.state.ended}
    for path in run.exports.glob(f"{WRITING}*"):
        if path.name.removeprefix(WRITING) not in live:
            shutil.rmtree(path, ignore_errors=True)


def clear_old_jobs() -> None:
    """Remove the folders of exports that ended long ago."""
    with suppress(OSError):
        clear_old(jobs_folder(), KEPT_S)


def jobs_folder() -> Path:
    """Where the folders of exports lie."""
    return home() / "exports"


def _folders() -> list[RunFolder]:
    try:
        return [RunFolder(path) for path in sorted(jobs_folder().iterdir())]
    except OSError:
        return []
