"""Which settings of a run may change while it trains."""

from __future__ import annotations

from collections.abc import Iterable

from tui.run.events import Changed
from tui.session import file
from tui.session.schema import Session

CHANGEABLE = (
    "training.learning_rate", "training.max_steps", "training.logging_steps", "training.save_steps", "evaluation.eval_steps",
    "evaluation.sample_steps",
)  # fmt: skip
"""By key, in the order in which they are asked for."""


def as_changed(session: Session, changes: Iterable[Changed]) -> Session:
    """The session with what was changed while it trained; as it is where that does not fit it."""
    try:
        return file.replace_values(session, {key: value for it in changes for key, value in it.values.items()})
    except file.SessionError:
        return session
