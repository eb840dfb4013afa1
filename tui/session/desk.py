"""The session somebody works on: its file, what was changed since, and the way back."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tui.session import drafts, file, recent
from tui.session.history import History
from tui.session.schema import Session


class Desk:
    """One session being made. Not thread-safe: one thread calls it."""

    def __init__(self, session: Session | None = None, path: Path | None = None) -> None:
        self.history = History(session or Session())
        self.path = path
        """The file it belongs to, if any."""
        self.saved = self.history.now
        """The session as it is in that file."""
        self._kept: tuple[Session, bool] | None = None

    @property
    def session(self) -> Session:
        return self.history.now

    @property
    def unsaved(self) -> bool:
        """Whether something would be lost without saving."""
        return self.session != self.saved

    def edit(self, changes: Mapping[str, Any]) -> None:
        """Change some values, by key. Raises SessionError."""
        self.replace(file.replace_values(self.session, changes), *changes)

    def replace(self, session: Session, *keys: str) -> None:
        """Take another session as a change of this one, which can be undone."""
        self.history = self.history.changed(session, keys, time.monotonic())

    def undo(self) -> bool:
        """Take the last change back. Returns whether there was one."""
        before, self.history = self.history, self.history.undone()
        return self.history != before

    def redo(self) -> bool:
        """Make the change again that was taken back. Returns whether there was one."""
        before, self.history = self.history, self.history.redone()
        return self.history != before

    def open(self, session: Session, path: Path | None) -> None:
        """Lay another session on the desk, saved at `path`, or nowhere yet."""
        self.history = History(session)
        self.path = path
        self.saved = session if path else Session()
        self.remember()

    def open_draft(self, draft: drafts.Draft) -> None:
        """Go on with what was not saved, in the file it belongs to if that is still there."""
        self.open(draft.session, None)
        try:
            self.saved = file.load(draft.of) if draft.of else Session()
            self.path = draft.of
        except file.SessionError:
            pass

    def changed_elsewhere(self) -> bool:
        """Whether the file holds something else than what was opened from it or saved to it."""
        try:
            if self.path is None or not self.path.exists():
                return False
            return file.load(self.path) != file.anchored(self.saved, self.path.parent)
        except file.SessionError:
            return True

    def save(self, path: Path) -> None:
        """Write the session to a file, which it belongs to from now on. Raises OSError."""
        file.save(self.session, path, self.path)
        self.path, self.saved = path, self.session
        self.remember()

    def keep_draft(self) -> Path | None:
        """See that a crash loses nothing: keep what is not saved, forget what is. Raises OSError."""
        if self._kept == (self.session, self.unsaved):
            return None
        self._kept = self.session, self.unsaved
        if self.unsaved:
            return drafts.keep_draft(self.session, self.path)
        drafts.drop_draft()
        return None

    def remember(self) -> None:
        """Put the file first among the recent ones. Raises OSError."""
        if self.path:
            recent.remember(self.path)
