"""Undo and redo: the sessions that were, as one immutable value."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from tui.session.schema import Session

LIMIT = 500
"""So many changes can be undone."""

ONE_EDIT_S = 1.5
"""Changes of the same field that follow each other this fast are one: nobody undoes letter by letter."""


@dataclass(frozen=True)
class History:
    """The session as it is, what it was before, and what was undone."""

    now: Session
    past: tuple[Session, ...] = ()
    future: tuple[Session, ...] = ()
    keys: frozenset[str] = frozenset()
    """What the last change was about."""
    time: float = 0.0
    """When it was, in seconds of a clock that only goes forward."""

    def changed(self, session: Session, keys: Collection[str], time: float) -> History:
        """The history after a change of these keys; what was undone is given up."""
        if session == self.now:
            return self
        goes_on = self.past and self.keys == frozenset(keys) and time - self.time < ONE_EDIT_S
        past = self.past if goes_on else (*self.past, self.now)[-LIMIT:]
        return History(session, past, (), frozenset(keys), time)

    def undone(self) -> History:
        """The history one change back; the same when there is none."""
        if not self.past:
            return self
        return History(self.past[-1], self.past[:-1], (self.now, *self.future))

    def redone(self) -> History:
        """The history with the last undone change made again; the same when there is none."""
        if not self.future:
            return self
        return History(self.future[0], (*self.past, self.now), self.future[1:])
