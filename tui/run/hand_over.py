"""Handing a session to a cluster or a cloud: the folder that is written for it, and how it is submitted."""

from __future__ import annotations

import shlex
import shutil
import sys
from dataclasses import replace
from pathlib import Path

from tui.machine.jobs import run_program
from tui.resources import expanded, home
from tui.run import sky_task, standing
from tui.run.folder import RunFolder, create_run, name_for
from tui.run.hand_over_ahead import cloud_ahead, cluster_ahead
from tui.run.handed import SCRIPT, TASK, Handed, Place, read_handed, write_handed
from tui.run.inputs import CARRIED, moved
from tui.run.preflight import investigate
from tui.run.requirements import pinned
from tui.run.slurm_script import gpus_per_node, sbatch_script
from tui.session import file
from tui.session.problem import Problem
from tui.session.schema import Session

FILES: dict[Place, str] = {"slurm": SCRIPT, "skypilot": TASK}
REQUIREMENTS = "requirements.txt"
PROGRAM = Path(__file__).parents[1]
"""This program, which goes along to machines that do not have it."""
LAUNCH_S = 3600.0
"""A cloud that has found no machine by then is given up."""


def look(session: Session, to: Place) -> list[Problem]:
    """Everything that is wrong with a session where it is to be trained, blocking ones first. Takes seconds."""
    session = as_sent(session)
    findings = investigate(session)
    gpus = gpus_per_node(session) if to == "slurm" else sky_task.gpus_asked(session)
    facts = replace(findings.facts, gpus=gpus, bfloat16=None)
    there = replace(findings, facts=facts, ground=replace(findings.ground, gpu=None))
    ahead = cluster_ahead(session, planned(session, to)) if to == "slurm" else cloud_ahead(session)
    found = [*there.all_problems(session), *ahead]
    return sorted(found, key=lambda problem: not problem.blocking)


def as_sent(session: Session) -> Session:
    """The session as it is trained elsewhere.

    Which GPUs it sees is for those to say who give them, and nobody is there to talk to the result.
    """
    device = "cpu" if session.model.device == "cpu" else "auto"
    changes = {"model.device": device, "chat.keep_loaded_minutes": 0}
    return file.replace_values(file.anchored(session, Path.cwd()), changes)


def planned(session: Session, to: Place) -> str:
    """The script that `write` would write now."""
    session = as_sent(session)
    return _script(session, RunFolder(home() / "runs" / name_for(session)), to)


def write(session: Session, to: Place) -> RunFolder:
    """Make the run and the folder of its job, which is not submitted yet; all of it or nothing. Raises OSError."""
    folder = create_run(as_sent(session))
    try:
        folder.job.mkdir(mode=0o700)
        session = _with_files(file.load(folder.session), folder)
        file.write_atomic(folder.session, file.dumps(session))
        file.write_atomic(folder.job / REQUIREMENTS, pinned(session.training.report_to))
        file.write_atomic(folder.job / FILES[to], _script(session, folder, to))
        if to == "skypilot":
            file.write_atomic(folder.job / "session.toml", file.dumps(sky_task.parcel(session).session))
            shutil.copytree(PROGRAM, folder.job / "program" / PROGRAM.name, ignore=shutil.ignore_patterns("__pycache__"))
        write_handed(folder, Handed(to))
    except BaseException:
        shutil.rmtree(folder.path, ignore_errors=True)
        raise
    return folder


def submit(folder: RunFolder) -> Handed:
    """Hand over what was written, the first time or to go on. Raises OSError in the words of who refused it."""
    handed = read_handed(folder)
    if handed is None or handed.to == "slurm":
        return standing.submit(folder)
    session = file.load(folder.session)
    run_program(*sky_task.launch_words(session, folder, folder.job / TASK), within_s=LAUNCH_S)
    handed = Handed("skypilot", sky_task.name_of(folder), rented=not session.cluster.bucket)
    write_handed(folder, handed)
    standing.forget()
    return handed


def by_hand(folder: RunFolder, to: Place) -> str:
    """The command that submits what was written."""
    if to == "slurm":
        return shlex.join(["sbatch", str(folder.job / SCRIPT)])
    return shlex.join(sky_task.launch_words(file.load(folder.session), folder, folder.job / TASK))


def after_launch(folder: RunFolder) -> str:
    """How a run that SkyPilot has is seen, and brought back."""
    session = file.load(folder.session)
    handed = read_handed(folder) or Handed("skypilot")
    return f"see it with: {standing.seen_by(handed)}; bring it back with: {sky_task.way_back(session, folder)}"


def _script(session: Session, folder: RunFolder, to: Place) -> str:
    if to == "slurm":
        return sbatch_script(session, folder, Path(sys.executable))
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    return sky_task.sky_task(session, folder, sky_task.parcel(session).mounts, version)


def _with_files(session: Session, folder: RunFolder) -> Session:
    """The session with the small files that belong to it copied into the job's folder, where nobody changes them."""

    def carry(key: str, name: str) -> str:
        if key not in CARRIED:
            return name
        source = expanded(name)
        shutil.copy(source, folder.job / source.name)
        return str(folder.job / source.name)

    return moved(session, carry)
