"""A job as a cluster or a cloud tells of it, and how their programs are asked: never through a shell."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass

ANSWER_S = 30.0
"""A controller that has not answered by then is taken for one that does not."""


class JobError(OSError):
    """What a cluster or a cloud refused, or why it could not be asked, in its own words."""


@dataclass(frozen=True)
class Job:
    """A job, as it is told of."""

    id: str
    """Its number in Slurm; its name in SkyPilot, or that of its machine."""
    state: str
    """In capitals: PENDING, RUNNING, COMPLETED, TIMEOUT ..."""
    queued: bool = False
    """Whether it waits for its turn."""
    at_work: bool = False
    """Whether it has machines."""
    reason: str = ""
    """Why it waits or has failed, as it is told."""
    nodes: str = ""
    """Where it is."""
    starts: str = ""
    """When it began or is expected to, as Slurm writes a time; empty where that is not known."""

    @property
    def active(self) -> bool:
        """Whether it waits or has machines."""
        return self.queued or self.at_work


def run_program(*words: str, within_s: float = ANSWER_S) -> str:
    """What a program prints, or else what it says on stderr. Raises JobError."""
    try:
        done = subprocess.run(
            words,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=within_s,
            stdin=subprocess.DEVNULL,
            env=os.environ | {"LC_ALL": "C", "SLURM_TIME_FORMAT": "standard"},
        )
    except FileNotFoundError:
        raise JobError(f"there is no {words[0]} on this machine") from None
    except subprocess.TimeoutExpired:
        raise JobError(f"{words[0]} has not answered in {within_s:.0f} s") from None
    said = " ".join(done.stderr.split())
    if done.returncode:
        raise JobError(said or f"{words[0]} ended with exit code {done.returncode}")
    return done.stdout or said
