"""Real engines to which something happens in a phase of a run, and what has to come of it.

After each fault: no event that was written is lost, what is said of the run is true within ten seconds, it goes on from its
last checkpoint or says why not, and no process, lock or half-written file is left.
"""

from __future__ import annotations

import os
import random
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import psutil

from tests.lab import HELD_OUT, TRAIN, Lab, at_step, in_phase, poll, wait_for, wait_gone, worker_of
from tui.engine.checkpoints import ADAPTER_WRITING, EXPORT_WRITING, WRITING, checkpoints_of, what_is_wrong
from tui.run import commands, events
from tui.run.folder import RunFolder
from tui.run.going_on import why_not
from tui.run.lock import is_held
from tui.run.process import resume_run, send
from tui.run.watcher import read_state

TRUE_WITHIN_S = 10
PATIENCE_S = 240
"""For an engine to get to a phase, on a box that has other things to do."""
AT_ONCE = 2
"""Engines."""
Outcome = Literal["crashed", "ends", "lives"]
ENDLESS = {"max_steps": 100_000, "save_strategy": "no"}
SAVING = {"max_steps": 100_000, "save_strategy": "steps", "save_steps": 1, "save_total_limit": 2}
KEPT = {"keep_loaded_minutes": 5}
PHASES: dict[str, dict[str, dict[str, Any]]] = {
    "importing": {"training": ENDLESS},
    "loading": {"training": ENDLESS},
    "tokenising": {"training": ENDLESS},
    "training": {"training": SAVING | {"save_steps": 5}},
    "evaluating": {"training": ENDLESS, "evaluation": {"eval_steps": 1, "per_device_eval_batch_size": 1}},
    "checkpointing": {"training": SAVING},
    "exporting": {"training": {"max_steps": 2}, "export": {"kinds": ["merged-16bit"]}, "chat": KEPT},
    "chatting": {"training": {"max_steps": 2}, "chat": KEPT},
}
SHORT = ("exporting", "chatting")
"""Phases of runs that come to their end meanwhile, and go on as a model to chat with."""
LASTS_S = {"importing": 5.0, "exporting": 0.1}
"""About how long a phase takes, where that is not half a second."""


@dataclass
class Case:
    """One engine to which one thing happens."""

    phase: str
    fault: str
    folder: RunFolder
    family: list[psutil.Process] = field(default_factory=list)
    """The process that watches over it, itself, and what it has started."""
    before: bytes = b""
    """What its events were just before."""

    @property
    def worker(self) -> psutil.Process:
        return worker_of(self.folder)

    def remember(self) -> None:
        """Who there is, and what was told so far."""
        worker = self.worker
        parent = worker.parent()
        above = [parent] if parent and os.getsid(worker.pid) == parent.pid else []
        self.family = [*above, worker, *worker.children(recursive=True)]
        self.before = self.folder.events.read_bytes()

    def end(self) -> None:
        """Leave nobody behind."""
        with suppress(psutil.Error, AssertionError):
            self.remember()
        kill(self.family)


Fault = tuple[Callable[[Case], None], Outcome]


def kill(processes: Sequence[psutil.Process]) -> None:
    for process in processes:
        with suppress(psutil.Error):
            process.kill()


def chosen(variable: str, there_are: Iterable[str]) -> list[str]:
    """Those that FAULT_PHASES or FAULTS names, with semicolons in between; all where it is not set."""
    named = os.environ.get(variable, "")
    return [it for it in there_are if not named or it in named.split(";")]


def told(phase: str, fault: str, outcome: str) -> str:
    """A line of the table; returns it where the outcome should not be, which begins with NOT then."""
    line = f"{phase:15}{fault:32}{outcome}"
    print(line, flush=True)
    return line if outcome.startswith("NOT") else ""


class Bench:
    """Starts engines, two at a time, and tells what came of each fault."""

    def __init__(self, lab: Lab, work: Path, faults: Mapping[str, Fault], more: Mapping[str, dict[str, Any]]) -> None:
        """`more` are tables for every session."""
        self.lab, self.faults, self.more, self.starting = lab, faults, more, threading.Lock()
        self.large, self.held_out = work / "large.jsonl", work / "held-out.jsonl"
        self.large.write_text(TRAIN.read_text() * 150)
        self.held_out.write_text(HELD_OUT.read_text() * 20)

    def try_all(self, phases: Sequence[str]) -> list[str]:
        """Every fault in each of these phases, as a table; the lines that should not be."""
        print()
        cases = [(phase, fault) for phase in chosen("FAULT_PHASES", phases) for fault in chosen("FAULTS", self.faults)]
        with ThreadPoolExecutor(AT_ONCE) as pool:
            return [line for line in pool.map(lambda case: self.try_one(*case), cases) if line]

    def start(self, phase: str, name: str) -> RunFolder:
        tables = {key: dict(value) for key, value in PHASES[phase].items()} | {"run": {"name": name}} | dict(self.more)
        if phase == "tokenising":
            tables["data"] = {"source": str(self.large)}
        if phase == "evaluating":
            tables["evaluation"] = tables["evaluation"] | {"source": str(self.held_out)}
        lab = replace(self.lab, nursery=None) if phase == "importing" else self.lab
        with self.starting:  # it changes the environment of this process for a moment
            return lab.start(**tables)

    def try_one(self, phase: str, fault: str) -> str:
        """Let one thing happen in one phase, and tell what came of it."""
        happen, wanted = self.faults[fault]
        case = Case(phase, fault, self.start(phase, f"{phase[:12]} {fault[:20]}".lower()))
        try:
            self.wait(case)
            case.remember()
            happen(case)
            outcome = {"crashed": self.has_crashed, "ends": self.ends, "lives": self.lives}[wanted](case)
        except (AssertionError, psutil.Error, OSError) as error:
            outcome = f"NOT: {str(error)[:1000]}"
        finally:
            case.end()
        return told(phase, fault, outcome)

    def wait(self, case: Case) -> None:
        """Until it is in its phase, somewhere in the middle."""
        folder = case.folder
        if case.phase == "training":
            wait_for(folder, at_step(7), PATIENCE_S)
        elif case.phase == "evaluating":  # which takes nearly all of the time there
            wait_for(folder, at_step(2), PATIENCE_S)
            threading.Event().wait(random.Random(case.fault).uniform(0, 2))
        elif case.phase == "checkpointing":
            wait_for(folder, at_step(3), PATIENCE_S)
            poll(lambda: any((folder.checkpoints / WRITING).glob("checkpoint-*/*")), 60, "no checkpoint is being written")
        elif case.phase == "chatting":
            wait_for(folder, lambda state, event: isinstance(event, events.Finished), PATIENCE_S)
            talk = commands.Speaker("base", (commands.Message("user", "hello"),))
            sampling = commands.Sampling(max_new_tokens=200)
            send(folder, commands.Chat(id="1", speakers=(talk,), sampling=sampling))
            wait_for(folder, lambda state, event: isinstance(event, events.Replied), 60)
        else:
            wait_for(folder, in_phase(case.phase), PATIENCE_S)  # type: ignore[arg-type]
            threading.Event().wait(random.Random(case.fault).uniform(0, LASTS_S.get(case.phase, 0.4)))

    def nothing_lost(self, case: Case) -> None:
        assert case.folder.events.read_bytes().startswith(case.before), "events that were written are gone"

    def nothing_left(self, case: Case) -> None:
        """A box that was taken away leaves what the next engine removes; anything else leaves nothing."""
        folder = case.folder
        assert not is_held(folder.lock), "its lock is held"
        left = [folder.checkpoints / WRITING, folder.path / ADAPTER_WRITING, *folder.exports.glob(f"{EXPORT_WRITING}*")]
        assert not any(path.exists() for path in left), "something half-written is left"

    def has_crashed(self, case: Case) -> str:
        began = time.monotonic()
        wanted = {"exporting": ("crashed", "finished"), "chatting": ("finished",)}.get(case.phase, ("crashed",))
        poll(lambda: read_state(case.folder).status in wanted, TRUE_WITHIN_S, f"it does not count as {wanted[0]}")
        took = time.monotonic() - began
        wait_gone(case.family, TRUE_WITHIN_S)
        self.nothing_lost(case)
        if case.fault != "SIGKILL of all":
            self.nothing_left(case)
        return f"{read_state(case.folder).status} after {took:.1f} s; {self.resumes(case)}"

    def ends(self, case: Case) -> str:
        began = time.monotonic()
        wait_gone(case.family, 60)
        took = time.monotonic() - began
        state = read_state(case.folder)
        assert state.status in ("stopped", "finished"), f"it is {state.status}: {state.failure}"
        self.nothing_lost(case)
        self.nothing_left(case)
        return f"{state.status} after {took:.1f} s"

    def lives(self, case: Case) -> str:
        self.nothing_lost(case)
        size = case.folder.events.stat().st_size
        poll(lambda: case.folder.events.stat().st_size > size, 60, "nothing is heard of it any more")
        state = read_state(case.folder)
        assert state.engine_alive and (not state.ended or case.phase in SHORT), f"it is {state.status}: {state.failure}"
        return f"goes on ({state.status})"

    def resumes(self, case: Case) -> str:
        """Where it goes on, for the phases in which there is something to go on from."""
        folder = case.folder
        if case.phase not in ("training", "checkpointing"):
            return why_not(folder) or "can begin anew"
        step = max((it.step for it in checkpoints_of(folder) if not what_is_wrong(it)), default=0)
        with self.starting, self.lab.entered():
            resume_run(folder, {})
        state = wait_for(folder, lambda state, event: bool(state.resumed) and state.last_step is not None, PATIENCE_S)
        assert state.resumed[-1].step == step, f"it went on from {state.resumed[-1].step}, not {step}"
        again = lambda state, event: bool(state.resumed) and at_step(step + 2)(state, event)  # noqa: E731
        wait_for(folder, again, PATIENCE_S)
        case.remember()
        send(folder, commands.Stop())
        wait_gone(case.family, 60)
        self.nothing_left(case)
        assert all(what_is_wrong(it) == "" for it in checkpoints_of(folder)), "a damaged checkpoint is left"
        numbers = [it.step for it in read_state(folder).steps]
        assert numbers == list(range(1, len(numbers) + 1)), "updates are missing"
        return f"went on from update {step}"
