"""What an engine says happened: one frozen dataclass a kind, one JSON object a line."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from annotated_types import Lt
from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from tui.machine.readings import GpuReading, HostReading
from tui.run.chat_events import Answered as Answered
from tui.run.chat_events import Ending as Ending
from tui.run.chat_events import ModelReady as ModelReady
from tui.run.chat_events import PromptShown as PromptShown
from tui.run.chat_events import Replied as Replied
from tui.run.chat_events import Voice as Voice
from tui.run.data_events import Inspected as Inspected
from tui.run.data_events import Previewed as Previewed
from tui.run.export_events import ExportMoved as ExportMoved
from tui.run.fit_events import Fitted as Fitted
from tui.run.happened import Happened
from tui.run.lines import as_line

Phase = Literal[
    "starting", "importing", "loading", "reading", "tokenising", "training", "evaluating", "sampling", "comparing", "saving",
    "exporting", "ready",
]  # fmt: skip
Outcome = Literal["completed", "early-stopped", "stopped", "paused", "discarded"]
Update = Annotated[int, Lt(10**18)]
"""The number of an update; a greater one is damage."""
Values = dict[str, bool | int | float | str | None]
"""Settings of a session, by key."""


@dataclass(frozen=True, kw_only=True)
class PhaseChanged(Happened):
    """What is being done now."""

    kind: Literal["phase"] = "phase"
    phase: Phase
    text: str = ""
    fraction: float | None = None
    """How far, 0 to 1; None when that is not known."""


@dataclass(frozen=True, kw_only=True)
class Planned(Happened):
    """What the training is going to do, known once model and data are loaded."""

    kind: Literal["plan"] = "plan"
    steps: int
    epochs: float
    examples: int
    held_out_examples: int = 0
    trained_parameters: int
    all_parameters: int
    device: str


@dataclass(frozen=True, kw_only=True)
class StepDone(Happened):
    """An update of the weights, or several of which this is the last; rates and losses are means over these."""

    kind: Literal["step"] = "step"
    step: Update
    epoch: float
    loss: float
    learning_rate: float
    grad_norm: float | None = None
    tokens: int = 0
    """Tokens seen since the start, without padding."""
    tokens_per_s: float = 0.0
    seconds: float
    """Of one update, without the time that evaluations, samples and checkpoints took."""
    peak_memory_bytes: int = 0


@dataclass(frozen=True, kw_only=True)
class RankReading:
    """What one of several processes does."""

    rank: int
    """Counted from 0."""
    host: str
    device: str
    """``GPU 1``, as the run counts its GPUs, or ``CPU``."""
    tokens_per_s: float
    """Of its own examples, without padding, since it was last told."""
    peak_memory_bytes: int


@dataclass(frozen=True, kw_only=True)
class RanksMeasured(Happened):
    """What each of several processes did of late."""

    kind: Literal["ranks"] = "ranks"
    step: int
    ranks: tuple[RankReading, ...]


@dataclass(frozen=True, kw_only=True)
class Evaluated(Happened):
    """The loss on held-out examples."""

    kind: Literal["eval"] = "eval"
    step: Update
    loss: float
    perplexity: float | None
    """e to the loss; null where the loss is not how surprised the model is: dft, smoothed labels, a loss of one's own."""
    best: bool
    """Whether this is the lowest so far."""


@dataclass(frozen=True, kw_only=True)
class Sampled(Happened):
    """What the model answered to one of the sample prompts while it trained."""

    kind: Literal["sample"] = "sample"
    step: int
    """Updates done by then; 0 is the model as it came."""
    prompt: str
    answer: str


@dataclass(frozen=True, kw_only=True)
class Changed(Happened):
    """Settings are others from now on than the session says."""

    kind: Literal["changed"] = "changed"
    step: int = 0
    values: Values
    by: Literal["user", "guard", "retry"] = "user"
    text: str = ""
    """Why, when nobody asked for it."""


@dataclass(frozen=True, kw_only=True)
class Resumed(Happened):
    """Training goes on from a checkpoint; what was told of later updates no longer holds."""

    kind: Literal["resumed"] = "resumed"
    step: int
    path: str


@dataclass(frozen=True, kw_only=True)
class Compared(Happened):
    """What base and tuned model answered to one held-out prompt."""

    kind: Literal["compared"] = "compared"
    prompt: str
    reference: str
    base: str
    tuned: str


@dataclass(frozen=True, kw_only=True)
class Checkpointed(Happened):
    """A checkpoint was written."""

    kind: Literal["checkpoint"] = "checkpoint"
    step: int
    path: str
    bytes: int


@dataclass(frozen=True, kw_only=True)
class MemoryMeasured(Happened):
    """Memory of the device at a moment of the guide: once the model is loaded, and once it is trained."""

    kind: Literal["memory"] = "memory"
    moment: Literal["loaded", "trained"]
    used_bytes: int
    """Reserved by torch on a GPU; resident memory of the engine on a CPU."""
    peak_bytes: int
    total_bytes: int


@dataclass(frozen=True, kw_only=True)
class MachineSampled(Happened):
    """What the box was doing: for windows on another host, and for what the run takes of its GPUs."""

    kind: Literal["gpu"] = "gpu"
    devices: tuple[GpuReading, ...] = ()
    used: tuple[int, ...] = (0,)
    """The indices of those that the run computes on."""
    host: HostReading | None = None


@dataclass(frozen=True, kw_only=True)
class Warned(Happened):
    """Something that does not end the run but that its owner should know."""

    kind: Literal["warning"] = "warning"
    code: str
    text: str
    advice: str = ""
    mend: Values = field(default_factory=dict)
    """Changes of the session that would help the next run, by key; empty where only a person can tell."""
    step: int = 0


@dataclass(frozen=True, kw_only=True)
class Failed(Happened):
    """The run ended without a result."""

    kind: Literal["failed"] = "failed"
    code: str
    """out-of-memory, nan-loss, bad-data, bad-model, bad-session, disk-full, hub, killed, error"""
    text: str
    advice: str = ""
    mend: Values = field(default_factory=dict)
    """Changes of the session that would help the next run, by key; empty where only a person can tell."""


@dataclass(frozen=True, kw_only=True)
class Finished(Happened):
    """The run ended as it should."""

    kind: Literal["finished"] = "finished"
    outcome: Outcome
    result: str = ""
    """The folder of the adapter or model; empty when nothing was kept."""
    loaded: bool = False
    """Whether the model stays in memory to chat with."""


@dataclass(frozen=True, kw_only=True)
class EngineSeen(Happened):
    """Whether the engine lives. Said by a reader of the run folder, never written into it."""

    kind: Literal["engine"] = "engine"
    alive: bool
    queued: bool = False
    """Whether it waits elsewhere for its turn, the first one or another."""
    reason: str = ""
    """What is known of its end, when it is gone; else why nothing may be heard of it."""


Event = (
    PhaseChanged | Planned | StepDone | RanksMeasured | Evaluated | Sampled | Changed | Resumed | Compared | Checkpointed
    | MemoryMeasured | MachineSampled | ModelReady | Replied | PromptShown | Answered | Previewed | Inspected | Fitted
    | ExportMoved | Warned | Failed | Finished | EngineSeen
)  # fmt: skip

_ADAPTER: TypeAdapter[Any] = TypeAdapter(
    Annotated[Event, Field(discriminator="kind")], config=ConfigDict(ser_json_inf_nan="strings", defer_build=True)
)


def to_line(event: Event) -> str:
    """The event as one line of JSON, with its line end. Not-a-number is written as the text ``NaN``."""
    return as_line(_ADAPTER, event)


def from_line(line: str | bytes) -> Event | None:
    """The event on one line, or None for a kind that this version does not know and for a damaged line."""
    try:
        return _ADAPTER.validate_json(line)  # type: ignore[no-any-return]
    except ValidationError:
        return None
