"""How a run stands where it was handed to: Slurm and SkyPilot are asked, seldom, whoever wants to know."""

from __future__ import annotations

import shlex
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace

from tui.machine import sky, slurm
from tui.machine.jobs import Job, JobError
from tui.run import events
from tui.run.folder import RunFolder
from tui.run.handed import SCRIPT, TASK, Handed, read_handed, write_handed
from tui.run.lines import append_line

SLURM_S, SKY_S = 10.0, 60.0
"""So long an answer is good for: one question is for all jobs, and a controller serves a thousand users."""
NEW_S = 1.0
"""And so long in Slurm for a job that it does not know."""
ENDS = {
    "UNKNOWN": "is gone from Slurm, which keeps no account of it",
    "TIMEOUT": "ran out of time before it had written a checkpoint; give it more ([cluster] time)",
    "OUT_OF_MEMORY": "took more memory than it had asked for; give it more ([cluster] mem)",
    "NODE_FAIL": "ended with its machine",
}
OUTCOMES: dict[str, events.Outcome] = {"SUCCEEDED": "completed", "CANCELLED": "stopped"}
"""How a run has ended whose job in SkyPilot ended so."""


@dataclass(frozen=True)
class Standing:
    """How a run stands where it was handed to."""

    active: bool
    """Whether it waits there or is at work: an engine works in its folder, or will."""
    queued: bool
    """Whether it waits for its turn, the first one or another."""
    text: str
    """In words."""


class _Jobs:
    """The jobs of this user, asked for seldom, whoever wants to know."""

    def __init__(self, ask: Callable[[], dict[str, Job]], good_s: float, new_s: float) -> None:
        self._ask, self._good_s, self._new_s = ask, good_s, new_s
        self._lock = threading.Lock()
        self._turn = 0
        """Changes when what was asked before it is worth nothing any more."""
        self.forget()

    def forget(self) -> None:
        self._known: dict[str, Job] = {}
        self._error: JobError | None = None
        self._asked = float("-inf")
        self._turn += 1

    def get(self, id: str) -> Job | None:
        """A job; None for one that is not known any more. Raises JobError."""
        with self._lock:
            age_s = time.monotonic() - self._asked
            if age_s >= self._good_s or (id not in self._known and age_s >= self._new_s):  # it may be a new one
                self._look()
            if self._error:
                raise self._error
            return self._known.get(id)

    def _look(self) -> None:
        turn = None
        while turn != self._turn:  # somebody may submit or cancel a job while the answer is on its way
            turn, error = self._turn, None
            try:
                known = self._ask()
            except JobError as failed:
                known, error = self._known, failed
        self._known, self._error, self._asked = known, error, time.monotonic()


_slurm = _Jobs(slurm.jobs, SLURM_S, NEW_S)
_managed = _Jobs(sky.managed_jobs, SKY_S, SKY_S)
_rented = _Jobs(sky.jobs_of_machines, SKY_S, SKY_S)


def forget() -> None:
    """Ask anew the next time: something was done with a job."""
    for jobs in (_slurm, _managed, _rented):
        jobs.forget()


def standing(folder: RunFolder) -> Standing | None:
    """How a run stands where it was handed to; None for a run of this machine. May wait for an answer."""
    handed = read_handed(folder)
    if handed is None:
        return None
    if handed.end:
        return Standing(active=False, queued=False, text=_over(handed))
    if not handed.id:
        written = f"sbatch {shlex.quote(str(folder.job / SCRIPT))}" if handed.to == "slurm" else str(folder.job / TASK)
        return Standing(active=True, queued=True, text=f"not submitted yet: {written}")
    try:
        job = _job(handed)
    except JobError as error:
        text = f"{name_of(handed)}, of which nothing can be learned: {error}"
        return Standing(active=True, queued=False, text=text)
    if job is None or not job.active:
        handed = replace(handed, end=job.state if job else "UNKNOWN")
        _note_end(folder, handed)
        return Standing(active=False, queued=False, text=_over(handed, job.reason if job else ""))
    return Standing(active=True, queued=job.queued, text=_in_words(handed, job))


def why_kept(folder: RunFolder) -> str:
    """Why a folder must stay where it is: a job works in it, or will; empty where none does."""
    handed = read_handed(folder)
    there = standing(folder) if handed and handed.id else None
    return there.text if there and there.active else ""


def name_of(handed: Handed) -> str:
    """What people call the job."""
    return f"{'Slurm' if handed.to == 'slurm' else 'SkyPilot'} job {handed.id}"


def submit(folder: RunFolder) -> Handed:
    """Submit the job script of a run to Slurm, the first time or to go on. Raises JobError, OSError."""
    handed = Handed("slurm", slurm.submit(folder.job / SCRIPT))
    write_handed(folder, handed)
    forget()
    return handed


def cancel(handed: Handed) -> str:
    """End a job, whether it waits or is at work; the command that did, in words. Raises JobError."""
    if handed.to == "slurm":
        slurm.cancel(handed.id)
    else:
        sky.cancel(handed.id, managed=not handed.rented)
    forget()
    return {"slurm": "scancel", "skypilot": "sky cancel" if handed.rented else "sky jobs cancel"}[handed.to]


def say_ended(folder: RunFolder, outcome: events.Outcome) -> None:
    """A run of which nothing was heard here has nobody to say so itself; one that was heard of is as it was left."""
    if not folder.events.exists():
        append_line(folder.events, events.to_line(events.Finished(outcome=outcome)))


def _job(handed: Handed) -> Job | None:
    if handed.to == "slurm":
        return _slurm.get(handed.id) or slurm.ended_job(handed.id)
    if not handed.rented:
        return _managed.get(handed.id)
    job = _rented.get(handed.id)
    if job is None:  # it was stopped after the run, or cannot be reached
        raise JobError(f"its machine tells nothing; see sky status {handed.id}")
    return job


def _in_words(handed: Handed, job: Job) -> str:
    if handed.to == "skypilot":
        where = f" on {job.nodes}" if job.nodes else ""
        state = job.state.lower().replace("_", " ")
        return f"{name_of(handed)} is {state}{where}; it is not followed from here: {seen_by(handed)}"
    if not job.queued:
        return f"{name_of(handed)} is {job.state.lower()} on {job.nodes}"
    reason = "" if job.reason in ("", "None") else f": {job.reason}"
    return f"{name_of(handed)} waits{reason}" + (f", expected at {job.starts.replace('T', ' ')}" if job.starts else "")


def seen_by(handed: Handed) -> str:
    """The command that shows what a job of SkyPilot prints."""
    return f"sky logs {handed.id}" if handed.rented else f"sky jobs logs --name {handed.id}"


def _over(handed: Handed, why: str = "") -> str:
    if not handed.id:
        return "it was given up before it was submitted"
    if handed.to == "slurm" and handed.end in ENDS:
        return f"{name_of(handed)} {ENDS[handed.end]}"
    reason = f": {why}" if why and handed.to == "skypilot" else ""
    return f"{name_of(handed)} has ended ({handed.end.lower()}){reason}"


def _note_end(folder: RunFolder, handed: Handed) -> None:
    """Write down how a job ended, so that nobody need be asked again; on a full disk that is done again."""
    with suppress(OSError):
        if handed.to == "skypilot" and handed.end in OUTCOMES:
            say_ended(folder, OUTCOMES[handed.end])
        write_handed(folder, handed)
