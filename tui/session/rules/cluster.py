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
    if cluster.nproc_per_node > 1:
        if cluster.fsdp2 and session.export.kinds:
            text = "of a model whose parts lie on several GPUs nothing is exported at the end; export the run afterwards"
            yield advice("export.kinds", text, {"export.kinds": ()})
        return
    if cluster.fsdp2:
        yield advice("cluster.fsdp2", "one process has nobody to share the weights with", {"cluster.fsdp2": False})
    if cluster.max_restarts:
        text = "one process alone is not started again; resume the run instead"
        yield advice("cluster.max_restarts", text, {"cluster.max_restarts": 0})
