"""The session files that were opened or saved last."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from tui.resources import home
from tui.session import file
from tui.session.schema import Session

KEPT = 30


@dataclass(frozen=True)
class Recent:
    """One session file, as it is now."""

    path: Path
    session: Session
    time: datetime
    """When it was last written."""


def remember(path: Path) -> None:
    """Put a session file first. Raises OSError."""
    paths = [path.absolute(), *(known for known in _known() if known != path.absolute())][:KEPT]
    home().mkdir(mode=0o700, parents=True, exist_ok=True)
    file.write_atomic(_list(), "".join(f"{known}\n" for known in paths))


def list_recent() -> list[Recent]:
    """The last session files, without those that are gone or cannot be read."""
    found = []
    for path in _known():
        try:
            found.append(Recent(path, file.load(path), datetime.fromtimestamp(path.stat().st_mtime)))
        except (OSError, file.SessionError):
            continue
    return found


def _list() -> Path:
    return home() / "recent-sessions"


def _known() -> list[Path]:
    try:
        return [Path(line) for line in _list().read_text(encoding="utf-8").splitlines() if line]
    except (OSError, UnicodeDecodeError):
        return []
