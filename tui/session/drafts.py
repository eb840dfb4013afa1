"""Sessions that were not saved, kept so that a crash or a lost connection loses nothing."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import psutil

from tui.resources import home
from tui.session import file
from tui.session.schema import Session

KEPT = 20
"""Older drafts are deleted beyond so many."""

_OF = "# of: "
_OFFERED = ".offered.toml"


@dataclass(frozen=True)
class Draft:
    """A session somebody did not save."""

    path: Path
    session: Session
    of: Path | None
    """The file it was opened from, if any."""
    time: datetime

    @property
    def offered(self) -> bool:
        """Whether its user was asked about it already."""
        return self.path.name.endswith(_OFFERED)


def folder() -> Path:
    """Where the drafts lie."""
    return home() / "drafts"


def keep_draft(session: Session, of: Path | None) -> Path:
    """Keep a session that this process has not saved, in place of its earlier draft. Raises OSError."""
    home().mkdir(mode=0o700, parents=True, exist_ok=True)
    folder().mkdir(mode=0o700, exist_ok=True)
    path = _own()
    file.write_atomic(path, f"{_OF}{of}\n{file.dumps(session)}" if of else file.dumps(session))
    with suppress(FileNotFoundError):  # another window has just dropped its own: the next time, then
        for old in sorted(folder().glob("*.toml"), key=lambda draft: draft.stat().st_mtime)[:-KEPT]:
            old.unlink()
    return path


def drop_draft() -> None:
    """Forget what this process kept: it is saved. Raises OSError."""
    _own().unlink(missing_ok=True)


def mark_offered(draft: Draft) -> None:
    """Note that its user was asked about it. Raises OSError."""
    draft.path.rename(draft.path.with_suffix(_OFFERED))


def left_behind() -> list[Draft]:
    """The drafts of processes that are gone, the newest first; damaged ones are passed over."""
    if not folder().is_dir():
        return []
    found = [draft for path in folder().glob("*.toml") if not _is_at_work(path) and (draft := _read(path))]
    return sorted(found, key=lambda draft: draft.time, reverse=True)


def _own() -> Path:
    return folder() / f"{os.getpid()}-{psutil.Process().create_time():.0f}.toml"


def _is_at_work(path: Path) -> bool:
    pid, _, started = path.stem.partition("-")
    try:
        return abs(psutil.Process(int(pid)).create_time() - float(started)) < 2
    except (psutil.Error, ValueError):
        return False


def _read(path: Path) -> Draft | None:
    try:
        text = path.read_text(encoding="utf-8")
        first = text.partition("\n")[0]
        of = Path(first.removeprefix(_OF)) if first.startswith(_OF) else None
        return Draft(path, file.parse(text, str(path)), of, datetime.fromtimestamp(path.stat().st_mtime))
    except (OSError, UnicodeDecodeError, file.SessionError):
        return None
