"""Slurm, asked by its own programs: its jobs, its partitions, and what is done with them."""

from __future__ import annotations

import re
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tui.machine.jobs import Job, JobError, run_program

QUEUED = ("PENDING", "REQUEUED", "REQUEUE_HOLD", "REQUEUE_FED", "RESV_DEL_HOLD", "SPECIAL_EXIT")
"""Jobs in these states wait for their turn."""
AT_WORK = ("RUNNING", "CONFIGURING", "COMPLETING", "STAGE_OUT", "SUSPENDED", "STOPPED", "SIGNALING", "RESIZING")
"""Jobs in these states have machines."""


@dataclass(frozen=True)
class Partition:
    """One kind of machine in a partition; a partition may have several."""

    name: str
    time_limit: str
    """As Slurm writes it; ``infinite`` without one."""
    nodes: int
    gpus: int
    """Of one machine."""
    default: bool = False


def is_here() -> bool:
    """Whether jobs can be submitted from this machine."""
    return shutil.which("sbatch") is not None


def submit(script: Path) -> str:
    """Submit a job script; the job's number. Raises JobError."""
    return run_program("sbatch", "--parsable", str(script)).strip().partition(";")[0]


def try_out(script: str) -> None:
    """Ask whether Slurm would take a job script of this text, without submitting it. Raises JobError when it would not."""
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", suffix=".sbatch") as file:
        file.write(script)
        file.flush()
        run_program("sbatch", "--test-only", file.name)


def cancel(job: str) -> None:
    """End a job, or take it out of the queue. Raises JobError."""
    run_program("scancel", job)


def jobs() -> dict[str, Job]:
    """The jobs of this user that Slurm still knows, by their number; ended ones for some minutes. Raises JobError."""
    told = run_program("squeue", "--me", "--noheader", "--states=all", "--format=%i|%T|%N|%S|%r")
    return {
        id: Job(id, state, state in QUEUED, state in AT_WORK, reason, nodes, _time(starts))
        for id, state, nodes, starts, reason in _rows(told, 5)
    }


def ended_job(id: str) -> Job | None:
    """A job that is no longer in the queue, from Slurm's accounting; None where that keeps nothing of it."""
    try:
        wanted = ("--allocations", "--duplicates", f"--jobs={id}", "--format=State")
        told = run_program("sacct", "--noheader", "--parsable2", *wanted)
    except JobError:  # many clusters keep no accounts
        return None
    states = told.split("\n")
    last = next((line.split()[0] for line in reversed(states) if line.strip()), "")  # "CANCELLED by 1000"
    return Job(id, last, last in QUEUED, last in AT_WORK) if last else None


def partitions() -> list[Partition]:
    """What the cluster has. Raises JobError."""
    told = run_program("sinfo", "--noheader", "--format=%P|%l|%D|%G")
    return [
        Partition(name.rstrip("*"), limit, int(nodes), _gpus(gres), name.endswith("*"))
        for name, limit, nodes, gres in _rows(told, 4)
        if nodes.isdecimal()
    ]


def _gpus(gres: str) -> int:
    """How many GPUs ``gpu:a100:4(S:0-1),gpu:1`` are."""
    return sum(int(count) for count in re.findall(r"gpu:(?:[^:,()]+:)?(\d+)", gres))


def _rows(told: str, columns: int) -> list[list[str]]:
    rows = [line.strip().split("|", columns - 1) for line in told.splitlines()]
    return [row for row in rows if len(row) == columns]


def _time(told: str) -> str:
    return "" if told in ("N/A", "Unknown", "") else told
