"""The note in the folder of a run that was handed to Slurm or SkyPilot."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Literal

from tui.run.folder import RunFolder
from tui.session import file

Place = Literal["slurm", "skypilot"]

SCRIPT = "job.sbatch"
TASK = "task.yaml"


@dataclass(frozen=True)
class Handed:
    """What stands in it."""

    to: Place
    id: str = ""
    """The number of the job in Slurm, or its name in SkyPilot; empty until it is submitted."""
    end: str = ""
    """How the job ended, in the word of those who ran it, once that is known."""
    rented: bool = False
    """Whether SkyPilot has rented a machine for this run alone, by the name of the job, instead of managing the job."""


def read_handed(folder: RunFolder) -> Handed | None:
    """The note in a folder; None for a run of this machine."""
    try:
        told = json.loads((folder.job / "handed.json").read_text(encoding="utf-8"))
        return Handed(told["to"], str(told.get("id", "")), str(told.get("end", "")), bool(told.get("rented")))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def write_handed(folder: RunFolder, handed: Handed) -> None:
    """Write that note. Raises OSError."""
    file.write_atomic(folder.job / "handed.json", json.dumps(asdict(handed)))
