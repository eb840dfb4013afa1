"""``[cluster]``: how many processes train together, and what is asked of a cluster or a cloud by ``submit``."""

from __future__ import annotations

from tui.session.fields import option
from tui.session.sections.base import Section

_WORD = r"^[!-~]*$"
_WORD_WORDS = "plain letters, digits and signs without spaces"


class ClusterSection(Section):
    nproc_per_node: int = option(
        1,
        "Processes",
        "So many processes of one machine train together, each on a GPU of its own with a batch of its own: an update "
        "sees that many times more examples.",
        to="torchrun.nproc_per_node",
        unit="processes",
        ge=1,
        le=64,
    )
    max_restarts: int = option(
        0,
        "Restarts",
        "How often processes start again from the last checkpoint when one of them dies; with 0 the run ends then.",
        to="torchrun.max_restarts",
        ge=0,
        le=100,
    )
    fsdp2: bool = option(
        False,
        "Share the weights",
        "FSDP2: every GPU holds a part of the model instead of all of it; for a model that does not fit one card, slower "
        "where it does.",
        to="UNSLOTH_FSDP2",
    )
    nodes: int = option(
        1,
        "Machines",
        "So many machines (nodes) train together, each with the same number of processes; more are faster, and wait longer "
        "for their turn.",
        to="sbatch.nodes",
        unit="machines",
        ge=1,
        le=1024,
    )
    gpus_per_node: int | None = option(
        None,
        "GPUs a machine",
        "How many GPUs Slurm gives on each machine; left out, as many as there are processes on it, and none for the device "
        "cpu.",
        to="sbatch.gpus-per-node",
        unit="GPUs",
        ge=0,
        le=64,
    )
    cpus_per_task: int | None = option(
        None,
        "Cores a machine",
        "How many processor cores Slurm gives on each machine, to tokenise and load with; left out, its default, often one.",
        to="sbatch.cpus-per-task",
        unit="cores",
        ge=1,
        le=4096,
    )
    mem: str = option(
        "",
        "Memory a machine",
        "How much memory Slurm gives on each machine, like 64G; empty leaves its default, 0 takes all of it.",
        to="sbatch.mem",
        pattern=r"^(\d+[KMGT]?)?$",
        like="a number with K, M, G or T, like 64G",
    )
    time: str = option(
        "",
        "Time limit",
        "How long the job may have the machines, like 4:00:00 or 2-00:00:00 (days first); two minutes before, it writes a "
        "checkpoint and waits to go on. Shorter times come sooner.",
        to="sbatch.time",
        pattern=r"^(\d+(:\d\d){0,2}|\d+-\d+(:\d\d){0,2})?$",
        like="minutes, hours:minutes:seconds, or days-hours:minutes:seconds",
    )
    partition: str = option(
        "",
        "Partition",
        "Which part of the cluster it waits for; empty leaves Slurm's default. `sinfo` lists them.",
        to="sbatch.partition",
        pattern=_WORD,
        like=_WORD_WORDS,
    )
    account: str = option(
        "",
        "Account",
        "Whose share of the cluster is used; empty leaves Slurm's default.",
        to="sbatch.account",
        pattern=_WORD,
        like=_WORD_WORDS,
    )
    qos: str = option(
        "",
        "Quality of service",
        "Under which limits and with which priority it waits; empty leaves Slurm's default.",
        to="sbatch.qos",
        pattern=_WORD,
        like=_WORD_WORDS,
    )
    constraint: str = option(
        "",
        "Constraint",
        "What the machines must have, in the words of the cluster, like a100&80gb; empty takes any.",
        to="sbatch.constraint",
        pattern=_WORD,
        like=_WORD_WORDS,
    )
    sbatch_options: tuple[str, ...] = option(
        (),
        "More for sbatch",
        "Further options of sbatch, with commas, like --exclusive; they come last and go before the others.",
        to="sbatch",
    )
    accelerators: str = option(
        "",
        "Rented GPUs",
        "Which GPUs SkyPilot rents for each machine, and how many, like H100:8; `sky show-gpus` lists them.",
        to="sky.Resources.accelerators",
        pattern=r"^([A-Za-z][\w.-]*(:\d+)?)?$",
        like="a name and a number, like H100:8",
    )
    infra: str = option(
        "",
        "Cloud",
        "Where SkyPilot rents, like aws, gcp/us-central1 or k8s; empty takes the cheapest that you can use.",
        to="sky.Resources.infra",
        pattern=r"^[\w.*/@:-]*$",
        like="a cloud, its region and its zone, with slashes",
    )
    use_spot: bool = option(
        False,
        "Spot machines",
        "On: SkyPilot rents machines that cost a fraction and can be taken away; with a bucket the run goes on elsewhere.",
        to="sky.Resources.use_spot",
    )
    bucket: str = option(
        "",
        "Bucket",
        "Where a rented machine keeps the run, like s3://mine/runs: it outlives the machine, and the run goes on from it; "
        "empty leaves the run on the machine, to be fetched before that is taken down.",
        to="sky.Task.file_mounts",
        pattern=r"^((s3|gs|r2|nebius|oci)://[\w.-]+(/[\w./-]+)?)?$",
        like="the address of a bucket, like s3://mine/runs",
    )
