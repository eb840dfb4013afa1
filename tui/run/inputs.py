"""What a session names of this machine's files, and the same session with them elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tui.catalog.local import is_path
from tui.data.readers.folder import is_pattern
from tui.data.readers.places import is_hub_name
from tui.resources import expanded
from tui.session.file import replace_values
from tui.session.schema import Session
from tui.session.sections.data import JINJA

CARRIED = ("training.custom_loss", "data.chat_template")
"""Small files that belong to the session itself: they are copied into the job's folder."""


@dataclass(frozen=True)
class Input:
    """One file or folder that a session names."""

    key: str
    path: Path
    """Of a pattern, the folder in which all of it lies."""


def inputs_of(session: Session) -> list[Input]:
    """Every file and folder of this machine that a session names; its paths are absolute."""
    found: list[Input] = []

    def note(key: str, name: str) -> str:
        found.append(Input(key, _without_pattern(expanded(name))))
        return name

    moved(session, note)
    return found


def moved(session: Session, place: Callable[[str, str], str]) -> Session:
    """The session with every local path replaced by what `place` makes of its key and the path."""
    changes: dict[str, object] = {}
    if session.model.name and is_path(session.model.name):
        changes["model.name"] = place("model.name", session.model.name)
    if session.lora.continue_from:
        changes["lora.continue_from"] = place("lora.continue_from", session.lora.continue_from)
    for key, name in (("data.source", session.data.source), ("evaluation.source", session.evaluation.source)):
        if name and not is_hub_name(name):
            changes[key] = place(key, name)
    more = session.data.more_sources
    changes["data.more_sources"] = tuple(name if is_hub_name(name) else place("data.more_sources", name) for name in more)
    if session.training.custom_loss:
        path, _, function = session.training.custom_loss.rpartition(":")
        changes["training.custom_loss"] = f"{place('training.custom_loss', path)}:{function}"
    template = session.data.chat_template or ""
    if template.endswith(JINJA):
        changes["data.chat_template"] = place("data.chat_template", template)
    return replace_values(session, changes)


def _without_pattern(path: Path) -> Path:
    """The path, or of a pattern the part before its first wildcard."""
    while is_pattern(str(path)) and not path.exists():
        path = path.parent
    return path
