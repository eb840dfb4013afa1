"""The task of a run that is handed to SkyPilot, as a text, and the command that launches it."""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tui.resources import expanded
from tui.run.folder import RunFolder
from tui.run.inputs import CARRIED, moved
from tui.run.slurm_script import processes_per_node
from tui.session.file import replace_values
from tui.session.schema import Session

HOME = "~/unsloth-tui"
"""Where the program keeps its files on a rented machine."""
WORKDIR = "~/sky_workdir"
"""Where SkyPilot puts the folder that goes along."""
HUB_TOKEN = "HF_TOKEN"
SECRETS = {"wandb": "WANDB_API_KEY", "comet_ml": "COMET_API_KEY", "swanlab": "SWANLAB_API_KEY"}
"""The variables in which reporters find their keys; `HUB_TOKEN` is taken along wherever it is set."""
IDLE_MINUTES = 60
"""A machine without a bucket waits so long after the run to be asked for its result, and is then stopped, not deleted."""

_SETUP = """\
set -e
python3 -m pip install --quiet --user uv
python3 -m uv venv --quiet --allow-existing --python {python} ~/unsloth-tui/venv
python3 -m uv pip install --quiet --python ~/unsloth-tui/venv/bin/python --requirements requirements.txt
"""
_RUN = """\
set -uo pipefail
umask 077
export UNSLOTH_TUI_HOME="$HOME/unsloth-tui" PYTHONPATH="$PWD/program" PYTHONSAFEPATH=1
python="$UNSLOTH_TUI_HOME/venv/bin/python"
run="$UNSLOTH_TUI_HOME/runs/"{name}
{device}
"$python" -m tui.run.requirements requirements.txt || exit 1
mkdir -p "$run"
[ -e "$run/session.toml" ] || cp session.toml "$run/session.toml"
if [ "$SKYPILOT_NODE_RANK" = 0 ]; then
    # a run that was interrupted goes on from its last checkpoint
    [ ! -s "$run/events.jsonl" ] || echo '{{"kind":"resume"}}' >> "$run/commands.jsonl"
fi
{start} 2>&1 | tee -a "$run/engine.log"
"""


@dataclass(frozen=True)
class Parcel:
    """A session as it is trained on rented machines, and what of this machine goes there."""

    session: Session
    mounts: dict[str, Path]
    """What lies there, by its place there."""


def parcel(session: Session) -> Parcel:
    """What is sent; nobody's programs and addresses are, as they mean something on this machine alone."""
    mounts: dict[str, Path] = {}

    def place(key: str, name: str) -> str:
        path = expanded(name)
        if key in CARRIED:
            return f"{WORKDIR}/{path.name}"
        there = f"{HOME}/inputs/{len(mounts)}/{path.name}"
        mounts[there] = path
        return there

    sent = replace_values(moved(session, place), {"run.notify": (), "run.webhook": ""})
    return Parcel(sent, mounts)


def gpus_asked(session: Session) -> int:
    """How many GPUs each rented machine has."""
    name, _, count = session.cluster.accelerators.partition(":")
    return int(count or 1) if name else 0


def sky_task(session: Session, folder: RunFolder, mounts: dict[str, Path], python: str) -> str:
    """The task as YAML, which takes texts as JSON writes them; `python` is the version of Python, like 3.11."""
    cluster = session.cluster
    resources = {"accelerators": cluster.accelerators, "infra": cluster.infra}
    lines = [
        f"# Trains {folder.name}; written by unsloth-tui. There is no secret in it.",
        f"name: {json.dumps(name_of(folder))}",
        f"workdir: {json.dumps(str(folder.job))}",
        f"num_nodes: {cluster.nodes}",
        "resources:",
        *(f"  {key}: {json.dumps(value)}" for key, value in resources.items() if value),
        f"  use_spot: {json.dumps(cluster.use_spot)}",
        *_mounts(session, mounts),
        "setup: |",
        *_block(_SETUP.format(python=python)),
        "run: |",
        *_block(_run(session, folder)),
    ]
    return "\n".join([*lines, ""])


def name_of(folder: RunFolder) -> str:
    """What SkyPilot calls it: a name that begins with a letter."""
    return f"run-{folder.name}"


def launch_words(session: Session, folder: RunFolder, task: Path) -> list[str]:
    """The command that launches it: with a bucket a managed job that goes on elsewhere, without one a machine of its own."""
    wanted = [HUB_TOKEN, SECRETS.get(session.training.report_to, "")]
    secrets = [word for name in wanted if os.environ.get(name) for word in ("--secret", name)]
    if session.cluster.bucket:
        words = ["sky", "jobs", "launch", "--name", name_of(folder)]
    else:
        words = ["sky", "launch", "--cluster", name_of(folder), "--idle-minutes-to-autostop", str(IDLE_MINUTES)]
    return [*words, "--yes", "--detach-run", *secrets, str(task)]


def way_back(session: Session, folder: RunFolder) -> str:
    """The command that brings what the run has written into its folder here."""
    here, bucket = shlex.quote(f"{folder.path}/"), session.cluster.bucket.rstrip("/")
    # the session here names the files of this machine
    if not bucket:
        return f"rsync -a --exclude session.toml {name_of(folder)}:unsloth-tui/runs/{folder.name}/ {here}"
    if bucket.startswith("gs://"):
        return f"gcloud storage rsync --recursive --exclude session.toml {bucket}/{folder.name} {here}"
    return f"aws s3 sync --exclude session.toml s3://{bucket.partition('://')[2]}/{folder.name} {here}"


def _mounts(session: Session, mounts: dict[str, Path]) -> Iterator[str]:
    if mounts or session.cluster.bucket:
        yield "file_mounts:"
    for there, here in mounts.items():
        yield f"  {json.dumps(there)}: {json.dumps(str(here))}"
    if session.cluster.bucket:
        yield f"  {json.dumps(f'{HOME}/runs')}:"
        yield f"    source: {json.dumps(session.cluster.bucket)}"
        yield "    mode: MOUNT_CACHED"  # lines are added to files there, which a plain mount cannot do


def _run(session: Session, folder: RunFolder) -> str:
    device = 'export UNSLOTH_FORCE_CPU=1 CUDA_VISIBLE_DEVICES=""\n' if session.model.device == "cpu" else ""
    return _RUN.format(name=shlex.quote(folder.name), device=device, start=_start(session))


def _start(session: Session) -> str:
    """The command that starts the engine, which starts the processes of its machine; on several, the agent of each does."""
    if session.cluster.nodes == 1:
        return '"$python" -u -m tui.engine "$run"'
    processes = '"$SKYPILOT_NUM_GPUS_PER_NODE"' if gpus_asked(session) else str(processes_per_node(session))
    return f"""\
"$python" -u -m torch.distributed.run --nnodes="$SKYPILOT_NUM_NODES" --nproc-per-node={processes} \\
    --max-restarts={session.cluster.max_restarts} --node-rank="$SKYPILOT_NODE_RANK" --master-port=29500 \\
    --master-addr="$(echo "$SKYPILOT_NODE_IPS" | head -n 1)" -m tui.engine "$run\""""


def _block(text: str) -> Iterator[str]:
    return (f"  {line}" if line else "" for line in text.splitlines())
