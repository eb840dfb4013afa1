"""What a session lacks before it can be trained, in single words."""

from __future__ import annotations

from tui.session.checks import check
from tui.session.fields import get_value
from tui.session.schema import Session

WORDS = {"model.name": "model", "data.source": "data"}


def lacking(session: Session) -> list[str]:
    """What is not chosen yet, and what does not go together; files and hardware are not looked at."""
    found = [word for key, word in WORDS.items() if not get_value(session, key)]
    wrong = [problem for problem in check(session) if problem.blocking and problem.key not in WORDS]
    return found + ([f"{len(wrong)} mended"] if wrong else [])
