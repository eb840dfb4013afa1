"""The job script of a run that is handed to Slurm, as a text."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path

from tui.machine.hub_access import hub_cache
from tui.resources import home
from tui.run.folder import RunFolder
from tui.session.schema import Session

LEAD_S = 120
"""So long before its time is up a job hears of it; enough for an update and a checkpoint."""

_BODY = """\
set -u
umask 077
run={run}
python={python}
export UNSLOTH_TUI_HOME={home} HF_HUB_CACHE={cache} PYTHONSAFEPATH=1
{device}
tell() {{ printf '{{"kind":"%s"}}\\n' "$1" >> "$run/commands.jsonl"; }}
newest() {{ find "$run/checkpoints" -maxdepth 1 -name 'checkpoint-*' 2>/dev/null | sort -V | tail -n 1; }}

echo "job $SLURM_JOB_ID, start $((${{SLURM_RESTART_COUNT:-0}} + 1)), on $SLURM_JOB_NODELIST"
printf '{{"to": "slurm", "id": "%s"}}\\n' "$SLURM_JOB_ID" > "$run/job/.handed"
mv "$run/job/.handed" "$run/job/handed.json"
"$python" -m tui.run.requirements "$run/job/requirements.txt" || exit 1

# a job that was requeued goes on from its last checkpoint, and does not obey what was asked of it before
if [ -s "$run/events.jsonl" ] && ! tail -n 1 "$run/commands.jsonl" | grep -q '"kind":"resume"'; then tell resume; fi
before=$(newest)

# shortly before its time is up: write a checkpoint, end, and wait for another turn
interrupted=
trap 'interrupted=1; tell pause' USR1
trap : TERM  # the engine hears it too: it writes a checkpoint and ends

{start}
step=$!
while kill -0 "$step" 2>/dev/null; do wait "$step"; done
wait "$step"
code=$?
if [ -n "$interrupted" ] && tail -n 5 "$run/events.jsonl" | grep -q '"outcome":"paused"'; then
    if [ "$(newest)" = "$before" ]; then
        echo "the time was too short for a single update and its checkpoint: give it more ([cluster] time)"
        exit 1
    fi
    scontrol requeue "$SLURM_JOB_ID"
fi
exit "$code"
"""

_RENDEZVOUS = """\
# where the processes meet: the first machine, and a port of this job's own
head=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1)
address=$(scontrol show node "$head" --oneliner | sed -n 's/.* NodeAddr=\\([^ ]*\\).*/\\1/p')
port=$((20000 + SLURM_JOB_ID % 20000))
export TORCH_DISABLE_SHARE_RDZV_TCP_STORE=1  # after a restart they would find what was said before it
"""
_SRUN = 'srun --kill-on-bad-exit=1 ${SLURM_CPUS_PER_TASK:+--cpus-per-task="$SLURM_CPUS_PER_TASK"}'


def sbatch_script(session: Session, folder: RunFolder, python: Path) -> str:
    """The script that trains a run's session in a job; `python` is the interpreter that this program is installed for."""
    body = _BODY.format(
        run=shlex.quote(str(folder.path)),
        python=shlex.quote(str(python)),
        home=shlex.quote(str(home())),
        cache=shlex.quote(str(hub_cache())),
        device='export UNSLOTH_FORCE_CPU=1 CUDA_VISIBLE_DEVICES=""\n' if session.model.device == "cpu" else "",
        start=_start(session),
    )
    lines = ["#!/bin/bash", f"# Trains {folder.name}; written by unsloth-tui.", *_options(session, folder), body]
    return "\n".join(lines)


def gpus_per_node(session: Session) -> int:
    """How many GPUs are asked for on each machine."""
    cluster = session.cluster
    if cluster.gpus_per_node is not None:
        return cluster.gpus_per_node
    return 0 if session.model.device == "cpu" else processes_per_node(session)


def processes_per_node(session: Session) -> int:
    """How many processes train together on each machine."""
    return session.cluster.nproc_per_node


def _options(session: Session, folder: RunFolder) -> Iterator[str]:
    """The lines that sbatch reads; of two that say the same the last one counts."""
    cluster = session.cluster
    asked: dict[str, object] = {
        "job-name": folder.name,
        "output": str(folder.log).replace("%", "%%"),
        "open-mode": "append",
        "requeue": None,
        "signal": f"B:USR1@{LEAD_S}",
        "nodes": cluster.nodes,
        "ntasks-per-node": 1,
        "gpus-per-node": gpus_per_node(session) or "",
        "cpus-per-task": cluster.cpus_per_task or "",
        "mem": cluster.mem,
        "time": cluster.time,
        "partition": cluster.partition,
        "account": cluster.account,
        "qos": cluster.qos,
        "constraint": cluster.constraint,
    }
    for name, value in asked.items():
        if value != "":
            yield f"#SBATCH --{name}" + ("" if value is None else f"={_quoted(str(value))}")
    yield from (f"#SBATCH {option}" for option in cluster.sbatch_options)


def _quoted(value: str) -> str:
    """A value as sbatch reads it in a script, which knows quotes and backslashes but is no shell."""
    if value.replace("-", "").replace("_", "").isalnum():
        return value
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _start(session: Session) -> str:
    """The line that starts the engine, which starts the processes of its machine; on several, the agent of each does."""
    if session.cluster.nodes == 1:
        return f'{_SRUN} "$python" -u -m tui.engine "$run" &'
    return f"""{_RENDEZVOUS}
{_SRUN} "$python" -u -m torch.distributed.run \\
    --nnodes="$SLURM_NNODES" --nproc-per-node={processes_per_node(session)} --max-restarts={session.cluster.max_restarts} \\
    --rdzv-backend=c10d --rdzv-id="$SLURM_JOB_ID" --rdzv-endpoint="$address:$port" \\
    -m tui.engine "$run" &"""
