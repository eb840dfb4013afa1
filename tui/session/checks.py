"""What is wrong with a session, in words, at the key it is about."""

from __future__ import annotations

from tui.session.facts import Facts
from tui.session.problem import Problem
from tui.session.rules import cluster, data, evaluation, export, guards, handover, lora, losses, model, steps
from tui.session.schema import Session

NOTHING_KNOWN = Facts()


def check(session: Session, facts: Facts = NOTHING_KNOWN) -> list[Problem]:
    """Every problem that follows from the session and what is known of its model, data and machine."""
    missing = [] if session.data.source else [Problem("data.source", "no training data is chosen")]
    tables = (data, model, lora, steps, losses, evaluation, guards, export, cluster, handover)
    found = [*(problem for table in tables for problem in table.rules(session, facts)), *missing]
    return sorted(found, key=lambda problem: not problem.blocking)
