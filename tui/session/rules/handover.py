"""Rules about what is asked of a cluster or a cloud."""

from __future__ import annotations

from collections.abc import Iterator

from tui.session.facts import Facts
from tui.session.problem import Problem, advice
from tui.session.schema import Session


def rules(session: Session, facts: Facts) -> Iterator[Problem]:
    """What is wrong with [cluster]."""
    cluster = session.cluster
    bad = [text for text in cluster.sbatch_options if not (text.startswith("-") and text.isprintable())]
    if bad:
        kept = tuple(text for text in cluster.sbatch_options if text not in bad)
        text = f"an option of sbatch begins with - and is one line, like --exclusive; {bad[0]!r} is none"
        yield Problem("cluster.sbatch_options", text, mend={"cluster.sbatch_options": kept})
    if cluster.use_spot and not cluster.bucket:
        text = "a spot machine that is taken away takes the run with it; with a bucket the run goes on elsewhere"
        yield advice("cluster.use_spot", text, {"cluster.use_spot": False})
