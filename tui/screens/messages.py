"""What the screens tell the window."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from textual.message import Message

from tui.run.commands import Command
from tui.run.folder import RunFolder
from tui.session.schema import Session


@dataclass
class SessionEdited(Message):
    """Values of the session were changed by hand, by key."""

    changes: dict[str, Any]


@dataclass
class FieldsRefused(Message):
    """What is typed in these fields of a place is not allowed: key to reason. Empty when all of it is."""

    place: str
    refused: dict[str, str]


@dataclass
class SessionReady(Message):
    """Nothing stands in the way of training a session, as far as is known."""

    session: Session


@dataclass
class RunPicked(Message):
    """A run was chosen to be looked at."""

    folder: RunFolder
    picked_in: str = ""
    """The place whose key did it; empty where it was chosen from anywhere."""


@dataclass
class RunOrdered(Message):
    """Something is asked of the run that is watched."""

    order: Command


@dataclass
class RunResumed(Message):
    """A run that has ended is to go on from its last checkpoint, with these settings changed, by key."""

    folder: RunFolder
    values: dict[str, int | float]
    queued: bool = False
    """Whether it waits for its turn."""


@dataclass
class SessionCopied(Message):
    """A session is to be changed and trained anew, without the file or the run that it comes from."""

    session: Session


@dataclass
class PreviewWanted(Message):
    """A row is to be shown as it is trained on."""

    row: int
    tokens: bool
    """Whether its tokens are wanted too."""


@dataclass
class InspectionWanted(Message):
    """The whole dataset is to be looked through."""


@dataclass
class InspectionCancelled(Message):
    """That look is not wanted any more."""


@dataclass
class SessionChosen(Message):
    """A session file is to be opened."""

    path: Path


@dataclass
class ActionWanted(Message):
    """Something is to be done in a place, which is gone to first."""

    place: str
    name: str
    """Of the key that does it."""
    action: str
    title: str


@dataclass
class FieldWanted(Message):
    """A field of the session is to be shown on Tune."""

    key: str


@dataclass
class Learned(Message):
    """Something was done that there is a hint for."""

    hint: str


@dataclass
class Judged(Message):
    """The session was looked at closely, with its model, data and machine: so many things stand in its way."""

    blocking: int
