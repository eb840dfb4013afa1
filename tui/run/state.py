"""What is known of a run at one moment, folded from its events one by one."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar, overload

from tui.run import events as ev
from tui.run.usage import Usage, used

if TYPE_CHECKING:
    from dataclasses import replace
else:

    def replace(before: Any, **changes: Any) -> Any:
        """What `dataclasses.replace` does, in a tenth of the time: a long history is folded in half of it."""
        after = object.__new__(type(before))
        vars(after).update(vars(before), **changes)
        return after


T = TypeVar("T")
Status = Literal["waiting", "loading", "training", "finished", "stopped", "paused", "failed", "crashed"]

ENDED: tuple[Status, ...] = ("finished", "stopped", "paused", "failed", "crashed")
_STATUS: dict[ev.Outcome, Status] = {
    "completed": "finished", "early-stopped": "finished", "stopped": "stopped", "paused": "paused", "discarded": "stopped",
}  # fmt: skip
LOADING: tuple[ev.Phase, ...] = ("starting", "importing", "loading", "reading", "tokenising")
"""What is done before the first update."""
DISORDER_S = 2.0
"""So much later may an event be written than one that happened after it: an engine has two threads."""
RATE_WINDOW = 20
"""How many of the last updates the rate is taken from."""


class Series(Sequence[T], Generic[T]):
    """An immutable sequence that grows in constant time: longer ones share the storage of shorter ones."""

    def __init__(self, items: Iterable[T] = ()) -> None:
        self._items = list(items)
        self._length = len(self._items)

    def plus(self, item: T) -> Series[T]:
        """A series with one more item."""
        grown: Series[T] = Series()
        grown._items = self._items if len(self._items) == self._length else self._items[: self._length]
        grown._items.append(item)
        grown._length = self._length + 1
        return grown

    def __len__(self) -> int:
        return self._length

    @overload
    def __getitem__(self, index: int) -> T: ...
    @overload
    def __getitem__(self, index: slice) -> list[T]: ...
    def __getitem__(self, index: int | slice) -> T | list[T]:
        if isinstance(index, slice):
            return [self._items[position] for position in range(*index.indices(self._length))]
        if not -self._length <= index < self._length:
            raise IndexError(index)
        return self._items[index % self._length]

    def __iter__(self) -> Iterator[T]:
        return (self._items[position] for position in range(self._length))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Series) or len(self) != len(other):
            return False
        return self._items is other._items or list(self) == list(other)

    def __repr__(self) -> str:
        return f"Series({list(self)!r})"

    __hash__ = None  # type: ignore[assignment]


@dataclass(frozen=True)
class RunState:
    """Everything a screen needs to know of a run."""

    status: Status = "waiting"
    phase: ev.Phase = "starting"
    phase_text: str = ""
    phase_fraction: float | None = None
    phases: tuple[ev.PhaseChanged, ...] = ()
    """What was done, one after the other; the last one is being done."""
    plan: ev.Planned | None = None
    steps: Series[ev.StepDone] = field(default_factory=Series)
    evaluations: Series[ev.Evaluated] = field(default_factory=Series)
    samples: Series[ev.Sampled] = field(default_factory=Series)
    compared: tuple[ev.Compared, ...] = ()
    checkpoints: tuple[ev.Checkpointed, ...] = ()
    memory_loaded: ev.MemoryMeasured | None = None
    memory_trained: ev.MemoryMeasured | None = None
    machine: ev.MachineSampled | None = None
    usage: tuple[Usage, ...] = ()
    """What it has taken of each GPU so far."""
    ranks: tuple[ev.RankReading, ...] = ()
    """What each of several processes did of late; empty where there is one."""
    warnings: tuple[ev.Warned, ...] = ()
    changes: tuple[ev.Changed, ...] = ()
    """Settings that are others than the session says, in the order in which they changed."""
    resumed: tuple[ev.Resumed, ...] = ()
    failure: ev.Failed | None = None
    result: str = ""
    early: bool = False
    """Whether it ended before its last update because nothing got better any more."""
    discarded: bool = False
    """Whether what it learned was thrown away, so that it cannot go on."""
    engine_alive: bool = False
    chat_ready: bool = False
    """Whether the model is still in memory to talk to."""
    started: float = 0.0
    training_started: float = 0.0
    ended_at: float = 0.0
    last_event: float = 0.0
    idle_s: float = 0.0
    """How long it had ended before it went on, in all."""
    clock_back_s: float = 0.0
    """How far the clock of the box was set back while it ran; the times in this state are as if it had not been."""
    hindrance: str = ""
    """Why what the engine does now may not reach its reader; empty when nothing is in the way."""

    @property
    def held_up(self) -> bool:
        """Whether it waits, to begin or to go on, and it is known for what: its job's turn, or to be submitted."""
        return self.status == "waiting" and bool(self.hindrance)

    @property
    def last_step(self) -> ev.StepDone | None:
        return self.steps[-1] if self.steps else None

    @property
    def ended(self) -> bool:
        return self.status in ENDED

    @property
    def worked_s(self) -> float:
        """From its first event to its end, or to its last one, without the time between an end and going on."""
        return (self.ended_at or self.last_event) - self.started - self.idle_s

    @property
    def seconds_a_step(self) -> float | None:
        """Mean over the last updates; the first one, which compiles, is left out as soon as there are others."""
        recent = self.steps[-RATE_WINDOW:] if len(self.steps) > 1 else self.steps[:]
        if len(recent) == len(self.steps) > 1:
            recent = recent[1:]
        return sum(step.seconds for step in recent) / len(recent) if recent else None

    @property
    def tokens_per_s(self) -> float | None:
        """Mean over the same updates as `seconds_a_step`."""
        recent = self.steps[-RATE_WINDOW:]
        if len(recent) < 2:
            return recent[0].tokens_per_s if recent else None
        seconds = sum((step.step - before.step) * step.seconds for before, step in pairwise(recent))
        return (recent[-1].tokens - recent[0].tokens) / seconds if seconds else None


def fold(state: RunState, event: ev.Event) -> RunState:
    """The state after one more event. Pure: the same events always give the same state."""
    if isinstance(event, ev.EngineSeen):
        return _engine_seen(state, event)
    before, (state, event) = state, _in_time(state, event)
    match event:
        case ev.PhaseChanged():
            return _phase_changed(state, event)
        case ev.Planned():
            return replace(state, plan=event)
        case ev.StepDone():
            # the curve after a resume replaces what was beyond the checkpoint
            kept = state.steps
            if kept and kept[-1].step >= event.step:
                kept = Series(step for step in kept if step.step < event.step)
            return replace(state, steps=kept.plus(event), status="training", phase="training", phase_text="")
        case ev.RanksMeasured():
            return replace(state, ranks=event.ranks)
        case ev.Evaluated():
            return replace(state, evaluations=state.evaluations.plus(event))
        case ev.Sampled():
            return replace(state, samples=state.samples.plus(event))
        case ev.Compared():
            return replace(state, compared=(*state.compared, event))
        case ev.Checkpointed():
            return replace(state, checkpoints=(*state.checkpoints, event))
        case ev.MemoryMeasured(moment="loaded"):
            return replace(state, memory_loaded=event)
        case ev.MemoryMeasured():
            return replace(state, memory_trained=event)
        case ev.MachineSampled():
            usage = used(state.usage, state.machine, event, state.phase == "training")
            return replace(state, machine=event, usage=usage)
        case ev.Warned():
            return replace(state, warnings=(*state.warnings, event))
        case ev.Changed():
            return replace(state, changes=(*state.changes, event))
        case ev.Resumed():
            return _resumed(state, event, idle_s=event.time - (before.ended_at or before.last_event or event.time))
        case ev.Failed():
            status: Status = "crashed" if event.code == "killed" else "failed"
            return replace(state, status=status, failure=event, chat_ready=False, ended_at=event.time)
        case ev.Finished():
            return _finished(state, event)
        case _:
            return state


def _in_time(state: RunState, event: ev.Event) -> tuple[RunState, ev.Event]:
    """Both with the times that they would have if the clock had not been set back, the state with that of the event."""
    behind_s = state.last_event - (event.time + state.clock_back_s)
    if behind_s > DISORDER_S:
        state = replace(state, clock_back_s=state.clock_back_s + behind_s)
    if state.clock_back_s:
        event = replace(event, time=event.time + state.clock_back_s)
    return replace(state, last_event=max(event.time, state.last_event), started=state.started or event.time), event


def _finished(state: RunState, event: ev.Finished) -> RunState:
    return replace(
        state,
        status=_STATUS[event.outcome],
        result=event.result,
        early=event.outcome == "early-stopped",
        discarded=event.outcome == "discarded",
        chat_ready=event.loaded,
        phase="ready",
        phase_fraction=None,
        ended_at=event.time,
    )


def _phase_changed(state: RunState, event: ev.PhaseChanged) -> RunState:
    again = bool(state.phases) and state.phases[-1].phase == event.phase
    phases = state.phases if again else (*state.phases, event)
    state = replace(state, phase=event.phase, phase_text=event.text, phase_fraction=event.fraction, phases=phases)
    if state.ended:
        return state
    if event.phase == "training" and not state.training_started:
        state = replace(state, training_started=event.time)
    loading = event.phase in LOADING or not state.training_started  # a resumed run loads a second time
    return replace(state, status="loading" if loading else "training")


def _resumed(state: RunState, event: ev.Resumed, idle_s: float) -> RunState:
    """A run that had ended goes on: what was told after the checkpoint is forgotten."""
    return replace(
        state,
        status="loading",
        failure=None,
        result="",
        early=False,
        discarded=False,
        ended_at=0.0,
        idle_s=state.idle_s + max(0.0, idle_s),
        ranks=(),
        compared=(),
        changes=tuple(replace(it, step=min(it.step, event.step)) for it in state.changes),  # they hold from there on
        resumed=(*state.resumed, event),
        steps=Series(step for step in state.steps if step.step <= event.step),
        evaluations=Series(it for it in state.evaluations if it.step <= event.step),
        samples=Series(it for it in state.samples if it.step <= event.step),
        checkpoints=tuple(it for it in state.checkpoints if it.step <= event.step),
    )


def _engine_seen(state: RunState, event: ev.EngineSeen) -> RunState:
    hindrance = event.reason if event.alive else ""
    state = replace(state, engine_alive=event.alive, chat_ready=state.chat_ready and event.alive, hindrance=hindrance)
    if event.queued and state.status in ("paused", "crashed"):  # it was interrupted, and goes on when its turn comes
        return replace(state, status="waiting", failure=None, result="", ended_at=0.0)
    if event.alive and state.status == "crashed":  # it was only slow to start, or to beat across a network
        return replace(state, status="training" if state.training_started else "loading", failure=None)
    if event.alive or state.ended:
        return state
    return replace(state, status="crashed", failure=ev.Failed(code="killed", text=event.reason, time=event.time))


def fold_all(events: Iterable[ev.Event], state: RunState | None = None) -> RunState:
    """The state after all of these events."""
    state = state or RunState()
    for event in events:
        state = fold(state, event)
    return state


def exact_share(compared: Sequence[ev.Compared], voice: ev.Voice) -> float:
    """Share of answers, 0 to 1, that equal their reference once white space around them is removed."""
    return _share([getattr(row, voice).strip() == row.reference.strip() for row in compared])


def form_share(compared: Sequence[ev.Compared], voice: ev.Voice, pattern: str) -> float:
    """Share of answers, 0 to 1, that the regular expression matches as a whole."""
    form = re.compile(pattern)
    return _share([form.fullmatch(getattr(row, voice).strip()) is not None for row in compared])


def _share(hits: list[bool]) -> float:
    return sum(hits) / len(hits) if hits else 0.0
