"""Rules about processes that train together."""

from __future__ import annotations

from collections.abc import Iterator

from tui.session.facts import Facts
from tui.session.problem import Problem, advice
from tui.session.schema import Session


def rules(session: Session, facts: Facts) -> Iterator[Problem]:
    """What is wrong with [cluster]."""
    cluster, key = session.cluster, "cluster.nproc_per_node"
    named = session.model.device.count(",") + 1
    if facts.gpus and cluster.nproc_per_node > facts.gpus:
        text = f"{cluster.nproc_per_node} processes need a GPU each, and the run may see {facts.gpus}"
        yield Problem(key, text, mend={key: facts.gpus})
    elif 1 < cluster.nproc_per_node < named:
        text = f"{named} GPUs are chosen, and only {cluster.nproc_per_node} processes use one each"
        yield advice(key, text, {key: named})
    if session.shares_weights:
        yield from _shared(session, facts)
    if session.processes > 1:
        return
    if cluster.fsdp2:
        yield advice("cluster.fsdp2", "one process has nobody to share the weights with", {"cluster.fsdp2": False})
    if cluster.max_restarts:
        text = "one process alone is not started again; resume the run instead"
        yield advice("cluster.max_restarts", text, {"cluster.max_restarts": 0})


def _shared(session: Session, facts: Facts) -> Iterator[Problem]:
    """What is wrong where each process holds a part of the model."""
    if facts.gpus == 0:
        yield Problem("cluster.fsdp2", "only GPUs can share the weights, and there is none", mend={"cluster.fsdp2": False})
    if session.model.load_in_4bit or session.model.load_in_8bit:
        text = "every GPU loads the whole quantised model before it is shared; 16-bit weights are read in parts"
        yield advice("cluster.fsdp2", text)
    if session.export.kinds:
        text = "of a model whose parts lie on several GPUs nothing is exported at the end; export the run afterwards"
        yield advice("export.kinds", text, {"export.kinds": ()})
