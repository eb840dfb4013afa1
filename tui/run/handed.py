"""A run that was handed to Slurm or SkyPilot: the note of that in its folder, and how it stands there."""

from __future__ import annotations

import json
import shlex
import threading
import time
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from typing import Literal

from tui.machine import slurm
from tui.run.folder import RunFolder
from tui.session import file

Place = Literal["slurm", "skypilot"]

SCRIPT = "job.sbatch"
TASK = "task.yaml"
LOOK_S = 10.0
"""So long an answer of Slurm is good for: one question is for all jobs, and a controller serves a thousand users."""

NEW_S = 1.0
"""And so long for a job that it does not know."""


@dataclass(frozen=True)
class Handed:
    """The note in the folder of a run that was handed over."""

    to: Place
    id: str = ""
    """The number of the job, or the name of the cluster; empty until it is submitted."""
    end: str = ""
    """How the job ended, in Slurm's word, once that is known."""


@dataclass(frozen=True)
class Standing:
    """How a run stands where it was handed to."""

    active: bool
    """Whether it waits there or is at work: an engine works in its folder, or will."""
    queued: bool
    """Whether it waits for its turn, the first one or another."""
    text: str
    """In words."""


def read_handed(folder: RunFolder) -> Handed | None:
    """The note in a folder; None for a run of this machine."""
    try:
        told = json.loads((folder.job / "handed.json").read_text(encoding="utf-8"))
        return Handed(told["to"], str(told.get("id", "")), str(told.get("end", "")))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def write_handed(folder: RunFolder, handed: Handed) -> None:
    """Write that note. Raises OSError."""
    file.write_atomic(folder.job / "handed.json", json.dumps(asdict(handed)))


def standing(folder: RunFolder) -> Standing | None:
    """How a run stands where it was handed to; None for a run of this machine. May wait for Slurm's answer."""
    handed = read_handed(folder)
    if handed is None:
        return None
    if handed.to == "skypilot":
        text = f"handed to SkyPilot as {handed.id}: sky jobs queue, sky status" if handed.id else "not given to SkyPilot yet"
        return Standing(active=True, queued=True, text=text)
    if not handed.id:
        return Standing(active=True, queued=True, text=f"not submitted yet: sbatch {shlex.quote(str(folder.job / SCRIPT))}")
    if handed.end:
        return _over(handed)
    try:
        job = _jobs.get(handed.id) or slurm.ended_job(handed.id)
    except slurm.SlurmError as error:
        return Standing(active=True, queued=False, text=f"Slurm job {handed.id}, of which nothing can be learned: {error}")
    if job is None or not job.active:
        return _over(_note_end(folder, replace(handed, end=job.state if job else "UNKNOWN")))
    return Standing(active=True, queued=job.queued, text=_in_words(job))


def submit(folder: RunFolder) -> Handed:
    """Submit the job script of a run, the first time or to go on. Raises SlurmError, OSError."""
    handed = Handed("slurm", slurm.submit(folder.job / SCRIPT))
    write_handed(folder, handed)
    _jobs.forget()
    return handed


def cancel(handed: Handed) -> None:
    """Take a run out of Slurm, whether it waits or is at work. Raises SlurmError."""
    slurm.cancel(handed.id)
    _jobs.forget()


def why_kept(folder: RunFolder) -> str:
    """Why a folder must stay where it is: a job works in it, or will; empty where none does."""
    handed = read_handed(folder)
    if handed is None or handed.to != "slurm" or not handed.id:
        return ""
    there = standing(folder)
    return there.text if there and there.active else ""


def _in_words(job: slurm.Job) -> str:
    if job.queued:
        reason = "" if job.reason in ("", "None") else f": {job.reason}"
        return f"Slurm job {job.id} waits{reason}" + (f", expected at {job.starts.replace('T', ' ')}" if job.starts else "")
    return f"Slurm job {job.id} is {job.state.lower()} on {job.nodes}"


def _over(handed: Handed) -> Standing:
    words = {
        "UNKNOWN": "is gone from Slurm, which keeps no account of it",
        "TIMEOUT": "ran out of time before it had written a checkpoint; give it more ([cluster] time)",
        "OUT_OF_MEMORY": "took more memory than it had asked for; give it more ([cluster] mem)",
        "NODE_FAIL": "ended with its machine",
    }
    how = words.get(handed.end, f"has ended ({handed.end.lower()})")
    return Standing(active=False, queued=False, text=f"Slurm job {handed.id} {how}")


def _note_end(folder: RunFolder, handed: Handed) -> Handed:
    """Write down how a job ended, so that Slurm need not be asked again; on a full disk it is asked again."""
    with suppress(OSError):
        write_handed(folder, handed)
    return handed


class _Jobs:
    """The jobs of this user, asked for seldom, whoever wants to know."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.forget()

    def forget(self) -> None:
        self._known: dict[str, slurm.Job] = {}
        self._error: slurm.SlurmError | None = None
        self._asked = float("-inf")

    def get(self, id: str) -> slurm.Job | None:
        """A job; None for one that Slurm knows no more. Raises SlurmError."""
        with self._lock:
            age_s = time.monotonic() - self._asked
            if age_s >= LOOK_S or (id not in self._known and age_s >= NEW_S):  # it may have been submitted just now
                self._ask()
            if self._error:
                raise self._error
            return self._known.get(id)

    def _ask(self) -> None:
        try:
            self._known, self._error = slurm.jobs(), None
        except slurm.SlurmError as error:
            self._error = error
        self._asked = time.monotonic()


_jobs = _Jobs()
