"""Rules about what is watched while it trains."""

from __future__ import annotations

from collections.abc import Iterator

from tui.session.facts import Facts
from tui.session.problem import Problem, advice
from tui.session.schema import Session


def rules(session: Session, facts: Facts) -> Iterator[Problem]:
    """What is wrong with the guards."""
    if session.guards.nan_loss != "stop":
        text = "once the loss is no number the run learns nothing more, and only costs time"
        yield advice("guards.nan_loss", text, {"guards.nan_loss": "stop"})
