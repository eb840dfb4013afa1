"""What is looked at before a session is handed to a cluster or a cloud: whether it finds there what it names."""

from __future__ import annotations

import difflib
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from tui import words
from tui.catalog.local import is_path
from tui.data.looking import is_here
from tui.machine import slurm
from tui.machine.host import file_system_of, folder_bytes
from tui.machine.hub_access import hub_cache
from tui.machine.jobs import JobError
from tui.resources import home
from tui.run import sky_task
from tui.run.inputs import CARRIED, inputs_of
from tui.run.slurm_script import gpus_per_node, processes_per_node
from tui.session.problem import Problem, advice
from tui.session.schema import Session

OF_ONE_MACHINE = (
    "ext2", "ext3", "ext4", "xfs", "btrfs", "zfs", "f2fs", "jfs", "overlay", "tmpfs", "ramfs", "squashfs", "vfat",
)  # fmt: skip
"""File systems of a disk, which other machines do not see unless it is served to them."""
SAID = {
    "account": "cluster.account", "partition": "cluster.partition", "qos": "cluster.qos", "time limit": "cluster.time",
    "memory": "cluster.mem", "feature": "cluster.constraint", "unrecognized option": "cluster.sbatch_options",
}  # fmt: skip
"""The keys that words of Slurm's refusals are about."""
MUCH_BYTES = 10_000_000_000
"""More than this is better kept in a bucket than sent with each launch."""


def cluster_ahead(session: Session, script: str) -> Iterator[Problem]:
    """What may be wrong on the cluster that this machine belongs to, where `script` would be submitted."""
    yield from _shared(session)
    yield from _fetched(session)
    if not slurm.is_here():
        text = "there is no sbatch on this machine: what is written can be submitted from one that has it"
        yield advice("", text)
        return
    try:
        wrong = [*_partition(session, slurm.partitions())]
        yield from wrong or _refused(script)
    except JobError as error:
        yield advice("", f"Slurm does not say what it has: {error}")


def _shared(session: Session) -> Iterator[Problem]:
    """What lies on a disk of this machine that the machines of the cluster may not see."""
    named = [(it.key, it.path) for it in inputs_of(session) if it.key not in CARRIED]
    places = [*named, ("UNSLOTH_TUI_HOME", home()), ("this program", Path(sys.prefix))]
    if any(_from_hub(session)):
        places.append(("HF_HOME", hub_cache()))
    for key, path in places:
        kind = file_system_of(path)
        if kind in OF_ONE_MACHINE:
            yield advice(key, f"{path} lies on a disk of this machine ({kind}); put it where all of the cluster find it")


def _fetched(session: Session) -> Iterator[Problem]:
    """What the job would have to fetch; the machines of many clusters reach no hub."""
    from tui.catalog.hub import cached_card  # huggingface_hub costs a third of a second that others need not wait

    for key, name in _from_hub(session):
        if key != "model.name":
            yield advice(key, f"{name} is read from the hub: the machines must reach it, or have it in their cache")
        elif cached_card(name, session.model.revision) is None:
            yield advice(key, f"{name} is not on this machine: get it first (F8 on Model) where jobs reach no hub")


def _from_hub(session: Session) -> Iterator[tuple[str, str]]:
    """What a session names on the hub, each with its key."""
    if session.model.name and not is_path(session.model.name):
        yield "model.name", session.model.name
    for key, data in (("data.source", session.data), ("evaluation.source", session.held_out_data)):
        if data and not is_here(data):
            yield key, data.source


def _partition(session: Session, there: list[slurm.Partition]) -> Iterator[Problem]:
    cluster = session.cluster
    names = sorted({partition.name for partition in there})
    if cluster.partition and cluster.partition not in names:
        near = difflib.get_close_matches(cluster.partition, names, 1)
        mend = {"cluster.partition": near[0]} if near else {}
        text = f"there is no partition {cluster.partition}; there are {', '.join(names)}"
        yield Problem("cluster.partition", text, mend=mend)
        return
    chosen = [it for it in there if (it.name == cluster.partition if cluster.partition else it.default)]
    if not chosen:
        return
    gpus, most = gpus_per_node(session), max(it.gpus for it in chosen)
    asked = "1 GPU is asked for" if gpus == 1 else f"{gpus} GPUs are asked for"
    nodes = sum(it.nodes for it in chosen if it.gpus >= gpus)
    if gpus > most:
        has = f"have {most} at most" if most else "have none; choose the device cpu, or another partition"
        yield Problem("cluster.gpus_per_node", f"{asked}, and the machines of {chosen[0].name} {has}")
    elif cluster.nodes > nodes:
        text = f"{cluster.nodes} machines are asked for, and {chosen[0].name} has {nodes} such"
        yield Problem("cluster.nodes", text, mend={"cluster.nodes": nodes})


def _refused(script: str) -> Iterator[Problem]:
    """What Slurm itself has against the job: accounts, limits and further options are known to it alone."""
    try:
        slurm.try_out(script)
    except JobError as error:
        said = str(error).lower()
        key = next((key for word, key in SAID.items() if word in said), "")
        if (key or "invalid" in said) and "not available" not in said:
            yield Problem(key, f"Slurm would not take the job: {error}")
        else:  # machines that are down or kept for others may come back, and so may a controller
            yield advice("", f"Slurm has no machines for the job now, and it may wait for ever: {error}")


def cloud_ahead(session: Session) -> Iterator[Problem]:
    """What may be wrong on machines that SkyPilot rents."""
    gpus, processes = sky_task.gpus_asked(session), processes_per_node(session)
    if not gpus and session.model.device != "cpu":
        yield Problem("cluster.accelerators", "say which GPUs are rented, like H100:1; `sky show-gpus` lists them")
    elif gpus and gpus != processes:
        rented = "1 GPU is rented" if gpus == 1 else f"{gpus} GPUs are rented"
        text = f"{rented} on each machine, and {processes} {'is' if processes == 1 else 'are'} used"
        name = session.cluster.accelerators.partition(":")[0]
        yield Problem("cluster.accelerators", text, mend={"cluster.accelerators": f"{name}:{processes}"})
    for it in inputs_of(session):
        size = it.path.stat().st_size if it.path.is_file() else folder_bytes(it.path)
        if size > MUCH_BYTES:
            yield advice(it.key, f"{it.path} ({words.size(size)}) is sent with each launch; better put it on the hub")
    if not session.cluster.bucket:
        yield advice("cluster.bucket", "without a bucket the run lies on the rented machine alone, until it is fetched")
    if any(_from_hub(session)) and not os.environ.get(sky_task.HUB_TOKEN) and _is_logged_in():
        text = f"your login of the hub stays here; export {sky_task.HUB_TOKEN} before the launch for what only you may read"
        yield advice("model.name", text)
    if session.run.notify or session.run.webhook:
        yield advice("run.notify", "neither the program nor the webhook goes along: they mean something here alone")
    if shutil.which("sky") is None:
        yield advice("", "there is no sky on this machine: what is written can be launched from one that has it")


def _is_logged_in() -> bool:
    from tui.catalog.token import token_source  # as costly as in `_fetched`

    return token_source() == "hub login"
