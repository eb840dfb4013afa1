"""What is asked of an engine: one frozen dataclass a kind, one JSON object a line."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from tui.run.asked import Asked
from tui.run.chat_commands import AnswerSet as AnswerSet
from tui.run.chat_commands import Chat as Chat
from tui.run.chat_commands import Message as Message
from tui.run.chat_commands import Sampling as Sampling
from tui.run.chat_commands import ShowPrompt as ShowPrompt
from tui.run.chat_commands import Speaker as Speaker
from tui.run.export_commands import Export as Export
from tui.run.lines import as_line


@dataclass(frozen=True, kw_only=True)
class Stop(Asked):
    """End the training at the next update, and keep what was learned or not."""

    kind: Literal["stop"] = "stop"
    discard: bool = False


@dataclass(frozen=True, kw_only=True)
class Pause(Asked):
    """Write a checkpoint, give the GPU back and end; the run can be resumed from there."""

    kind: Literal["pause"] = "pause"


@dataclass(frozen=True, kw_only=True)
class Checkpoint(Asked):
    """Write a checkpoint at the next update."""

    kind: Literal["checkpoint"] = "checkpoint"


@dataclass(frozen=True, kw_only=True)
class Evaluate(Asked):
    """Measure on the held-out examples at the next update."""

    kind: Literal["evaluate"] = "evaluate"


@dataclass(frozen=True, kw_only=True)
class Sample(Asked):
    """Ask the sample prompts at the next update."""

    kind: Literal["sample"] = "sample"


@dataclass(frozen=True, kw_only=True)
class Change(Asked):
    """Change settings of the session from the next update on, by key; only some may change while it trains."""

    kind: Literal["change"] = "change"
    values: dict[str, int | float]


@dataclass(frozen=True, kw_only=True)
class Resume(Asked):
    """Go on from the last checkpoint. It is written before an engine is started anew, which obeys what comes after it."""

    kind: Literal["resume"] = "resume"
    values: dict[str, int | float] = field(default_factory=dict)
    """Settings that change with it, by key: more updates, another rate."""


@dataclass(frozen=True, kw_only=True)
class Preview(Asked):
    """Show one row of a dataset as the model would be trained on it."""

    kind: Literal["preview"] = "preview"
    id: str
    row: int
    """Counted from 0."""
    session: str
    """The session as TOML."""
    tokens: bool = True
    """Whether its tokens are wanted, for which a model must be chosen and Unsloth be loaded."""


@dataclass(frozen=True, kw_only=True)
class Inspect(Asked):
    """Look through the whole dataset of a session, and through its tokens when a model is chosen."""

    kind: Literal["inspect"] = "inspect"
    id: str
    session: str
    """The session as TOML."""


@dataclass(frozen=True, kw_only=True)
class Fit(Asked):
    """Measure which settings train this session fastest on this device."""

    kind: Literal["fit"] = "fit"
    id: str
    session: str
    """The session as TOML."""
    within_s: float = 180.0
    """No setting is begun later than that, loading left out."""


@dataclass(frozen=True, kw_only=True)
class Cancel(Asked):
    """Give up one chat, inspection or measurement, keeping what came, or an export, keeping nothing."""

    kind: Literal["cancel"] = "cancel"
    id: str


@dataclass(frozen=True, kw_only=True)
class Release(Asked):
    """Give the GPU back and end, unless a training is running."""

    kind: Literal["release"] = "release"


@dataclass(frozen=True, kw_only=True)
class Become(Asked):
    """Be the engine of a run from now on; only a spare engine can."""

    kind: Literal["become"] = "become"
    run: str
    """Its folder."""


Command = (
    Stop | Pause | Checkpoint | Evaluate | Sample | Change | Resume | Chat | ShowPrompt | AnswerSet | Preview | Inspect
    | Fit | Export | Cancel | Release | Become
)  # fmt: skip

_ADAPTER: TypeAdapter[Any] = TypeAdapter(
    Annotated[Command, Field(discriminator="kind")], config=ConfigDict(defer_build=True)
)


def to_line(command: Command) -> str:
    """The command as one line of JSON, with its line end."""
    return as_line(_ADAPTER, command)


def from_line(line: str | bytes) -> Command | None:
    """The command on one line, or None for one that this version does not know and for a damaged line."""
    try:
        return _ADAPTER.validate_json(line)  # type: ignore[no-any-return]
    except ValidationError:
        return None
