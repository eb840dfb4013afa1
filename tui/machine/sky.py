"""SkyPilot, asked by its own command: the jobs that it manages, and those on machines that were rented for one job."""

from __future__ import annotations

import json
import re
from typing import Any

from tui.machine.jobs import Job, JobError, run_program

ANSWER_S = 120.0
"""The command starts SkyPilot's server where none runs yet, and that asks the machines."""
MANAGED = ("sky", "jobs", "queue", "--all", "--verbose", "--output", "json")
RENTED = ("sky", "queue", "--output", "json")
QUEUED = ("PENDING", "SUBMITTED", "STARTING", "RECOVERING", "INIT", "SETTING_UP")
"""Jobs in these states wait for a machine, or for its set-up."""
AT_WORK = ("RUNNING", "WINDING_DOWN", "CANCELLING")


def managed_jobs() -> dict[str, Job]:
    """The jobs that SkyPilot manages, by their name; of several with one name the last. Raises JobError."""
    told = sorted(_told(*MANAGED), key=_number)
    return {name: _job(name, it) for it in told if (name := it.get("job_name"))}


def jobs_of_machines() -> dict[str, Job]:
    """The last job of each machine that is up, by the name of the machine. Raises JobError."""
    told = _told(*RENTED)
    return {name: _job(name, max(jobs, key=_number)) for name, jobs in told.items() if jobs}


def cancel_words(name: str, *, managed: bool) -> list[str]:
    """The command that ends a job that SkyPilot manages, or all that is done on a machine; the machine stays."""
    return ["sky", "jobs", "cancel", "--name", name, "--yes"] if managed else ["sky", "cancel", name, "--all", "--yes"]


def cancel(name: str, *, managed: bool) -> None:
    """Do that. Raises JobError."""
    run_program(*cancel_words(name, managed=managed), within_s=ANSWER_S)


def _told(*words: str) -> Any:
    """The first JSON in what the command prints, which says before it how its server does. Raises JobError."""
    printed = run_program(*words, within_s=ANSWER_S)
    for line in re.finditer(r"^(?=[\[{])", printed, re.MULTILINE):
        try:
            return json.JSONDecoder().raw_decode(printed, line.start())[0]
        except ValueError:
            continue
    raise JobError(f"{' '.join(words)} told no JSON: {' '.join(printed.split())[:200]}")


def _number(told: dict[str, Any]) -> int:
    return int(told.get("job_id") or 0)


def _job(name: str, told: dict[str, Any]) -> Job:
    state = str(told.get("status"))
    why, where = (str(told.get(key) or "") for key in ("failure_reason", "infra"))
    return Job(name, state, state in QUEUED, state in AT_WORK, " ".join(why.split()), where)
