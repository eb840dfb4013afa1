"""A line for every run: what is known of it, read again only where something has changed."""

from __future__ import annotations

import json
import math
import threading
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tui.machine.host import folder_bytes
from tui.resources import home
from tui.run import queue
from tui.run.events import EngineSeen
from tui.run.folder import RunFolder, list_runs
from tui.run.gist import Gist
from tui.run.labels import Labels, read_labels
from tui.run.lines import Tail
from tui.run.state import ENDED, RunState, Status, fold
from tui.run.watcher import seen, unreadable
from tui.session import file
from tui.session.schema import Session

VERSION = 4
"""Of what is kept between two looks; another version is read anew."""


@dataclass(frozen=True)
class RunRow:
    """One line of the list of runs."""

    path: str
    status: Status
    reason: str = ""
    """Why it failed or crashed."""
    model: str = "?"
    data: str = "?"
    device: str = "auto"
    processes: int = 1
    step: int = 0
    steps: int | None = None
    loss: float | None = None
    """Of the last updates."""
    best_loss: float | None = None
    """The lowest on held-out examples."""
    eval_loss: float | None = None
    """The last one on held-out examples."""
    seconds: float = 0.0
    """How long it has worked."""
    size_bytes: int = 0
    tags: tuple[str, ...] = ()
    notes: str = ""
    created: float = 0.0
    """Seconds since 1970."""
    result: str = ""
    discarded: bool = False
    """Whether what it learned was thrown away, so that it cannot go on."""
    alive: bool = False
    loaded: bool = False
    """Whether its model is kept in memory to talk to."""
    checkpoints: int = 0
    place: int = 0
    """Its turn in the queue, counted from 1; 0 where it does not wait."""
    held: bool = False
    """Whether it waits until somebody lets it go."""

    @property
    def folder(self) -> RunFolder:
        return RunFolder(Path(self.path))

    @property
    def name(self) -> str:
        return Path(self.path).name

    @property
    def ended(self) -> bool:
        return self.status in ENDED

    @property
    def labels(self) -> Labels:
        return Labels(self.tags, self.notes)


@dataclass(frozen=True)
class Kept:
    """A row, and what it was made from."""

    row: RunRow
    stamp: list[int]
    settled: bool
    """Whether the run has said itself that it has ended, and its engine is gone."""


class Listing:
    """Lists the runs again and again; rows of ended runs outlive the process in a file."""

    def __init__(self) -> None:
        self._kept = _read_kept()
        self._followed: dict[str, tuple[Tail, Gist]] = {}
        """How far the runs that go on were read."""
        self._lock = threading.Lock()

    def rows(self) -> list[RunRow]:
        """Every run: those that wait in their order, then the others, the newest first."""
        with self._lock:
            before = self._kept
            self._kept = {folder.name: self._look_at(folder) for folder in list_runs()}
            ended = {name: kept for name, kept in self._kept.items() if kept.row.ended}
            if any(before.get(name) is not kept for name, kept in ended.items()) or before.keys() - self._kept.keys():
                _write_kept(ended)
            return _in_order([kept.row for kept in self._kept.values()])

    def _look_at(self, folder: RunFolder) -> Kept:
        stamp = _stamp(folder)
        kept = self._kept.get(folder.name)
        same = kept is not None and kept.stamp == stamp and kept.row.path == str(folder.path)
        if kept and same and kept.settled:
            return kept
        liveness = seen(folder)  # before the events: an engine may write its last one and end in between
        if kept and same and kept.row.alive == liveness.alive and (not liveness.alive or kept.row.reason == liveness.reason):
            return kept
        followed = self._followed.pop(folder.name, None)
        tail, gist = followed or (Tail(folder.events), Gist())
        state = _state(tail, gist, liveness)
        if state.engine_alive:
            self._followed[folder.name] = (tail, gist)
        return Kept(_row(folder, gist, state), stamp, gist.state.ended and not state.engine_alive)


def read_row(folder: RunFolder) -> RunRow:
    """The line of one run, read whole."""
    liveness = seen(folder)
    gist = Gist()
    state = _state(Tail(folder.events), gist, liveness)
    return _row(folder, gist, state)


def _state(tail: Tail, gist: Gist, liveness: EngineSeen) -> RunState:
    """What is known once the lines are taken that are new; one run that cannot be read hides no other."""
    try:
        for lines in tail.blocks():
            gist.take(lines)
    except OSError as error:
        liveness = unreadable(error)
    return fold(gist.state, liveness)


def matching(rows: Iterable[RunRow], text: str) -> list[RunRow]:
    """The rows that have every word of a text in their name, model, data, tags or state."""
    wanted = text.lower().split()
    return [row for row in rows if all(word in _searched(row) for word in wanted)]


def _searched(row: RunRow) -> str:
    return " ".join((row.name, row.model, row.data, *row.tags, row.status, row.notes)).lower()


def _row(folder: RunFolder, gist: Gist, state: RunState) -> RunRow:
    try:
        session: Session | None = file.load_as_written(folder.session)
    except file.SessionError:
        session = None
    labels = read_labels(folder, session)
    held_out = [it.loss for it in state.evaluations]
    return RunRow(
        path=str(folder.path),
        status=state.status,
        reason=state.failure.text if state.failure else state.hindrance,
        model=Path(session.model.name).name if session else "?",
        data=Path(session.data.source).name if session else "?",
        device=session.model.device if session else "auto",
        processes=session.cluster.nproc_per_node if session else 1,
        step=gist.step,
        steps=state.plan.steps if state.plan else None,
        loss=gist.loss,
        best_loss=min(filter(math.isfinite, held_out), default=None),
        eval_loss=held_out[-1] if held_out else None,
        seconds=state.worked_s,
        size_bytes=folder_bytes(folder.path),
        tags=labels.tags,
        notes=labels.notes,
        created=_time_of(folder.session) / 1e9,
        result=state.result,
        discarded=state.discarded,
        alive=state.engine_alive,
        loaded=state.chat_ready,
        checkpoints=len(state.checkpoints),
    )


def _in_order(rows: list[RunRow]) -> list[RunRow]:
    tickets = {ticket.name: (place, ticket) for place, ticket in enumerate(queue.waiting(), 1)}
    waiting = [
        replace(row, place=tickets[row.name][0], held=tickets[row.name][1].held) for row in rows if row.name in tickets
    ]
    return [*sorted(waiting, key=lambda row: row.place), *(row for row in rows if row.name not in tickets)]


def _stamp(folder: RunFolder) -> list[int]:
    """What changes when anything changes that a row tells; a new file in the folder changes the folder's time."""
    try:
        events = folder.events.stat()
        told = [events.st_size, events.st_mtime_ns]
    except OSError:
        told = [0, 0]
    return [*told, *(_time_of(path) for path in (folder.path, folder.session, folder.checkpoints, folder.exports))]


def _time_of(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


def _kept_file() -> Path:
    return home() / "cache" / "runs.json"


def _read_kept() -> dict[str, Kept]:
    try:
        told: dict[str, Any] = json.loads(_kept_file().read_text(encoding="utf-8"))
        if told["version"] != VERSION:
            return {}
        return {
            name: Kept(RunRow(**row | {"tags": tuple(row["tags"])}), stamp, settled)
            for name, (row, stamp, settled) in told["runs"].items()
        }
    except (OSError, ValueError, OverflowError, KeyError, TypeError, AttributeError, RecursionError):
        return {}


def _write_kept(kept: dict[str, Kept]) -> None:
    told = {name: (vars(it.row), it.stamp, it.settled) for name, it in kept.items()}
    try:
        _kept_file().parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        file.write_atomic(_kept_file(), json.dumps({"version": VERSION, "runs": told}))
    except OSError:  # a full disk: the runs are read again the next time
        return
