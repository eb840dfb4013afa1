"""Real engines with a tiny model, to which everything happens that happens to processes, in every phase of a run.

After each fault: no event that was written is lost, what is said of the run is true within ten seconds, it goes on from its
last checkpoint or says why not, and no process, lock or half-written file is left. Prints the table of faults and phases.
"""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.lab import HELD_OUT, TRAIN, Lab, at_step, in_phase, poll, wait_for, wait_gone, worker_of
from tui.engine.checkpoints import WRITING, checkpoints_of, what_is_wrong
from tui.run import commands, events
from tui.run.folder import RunFolder
from tui.run.going_on import why_not
from tui.run.lock import is_held
from tui.run.process import resume_run, send
from tui.run.watcher import read_state

pytest_plugins = ["tests.engine_fixtures"]
pytestmark = [pytest.mark.slow, pytest.mark.faults, pytest.mark.timeout(7200)]

TRUE_WITHIN_S = 10
PATIENCE_S = 240
"""For an engine to get to a phase, on a box that has other things to do."""
ENDLESS = {"max_steps": 100_000, "save_strategy": "no"}
SAVING = {"max_steps": 100_000, "save_strategy": "steps", "save_steps": 1, "save_total_limit": 2}
PHASES: dict[str, dict[str, dict[str, Any]]] = {
    "importing": {"training": ENDLESS},
    "loading": {"training": ENDLESS},
    "tokenising": {"training": ENDLESS},
    "training": {"training": SAVING | {"save_steps": 5}},
    "evaluating": {"training": ENDLESS, "evaluation": {"eval_steps": 1, "per_device_eval_batch_size": 1}},
    "checkpointing": {"training": SAVING},
    "chatting": {"training": {"max_steps": 2}, "chat": {"keep_loaded_minutes": 5}},
}


@dataclass
class Case:
    """One engine to which one thing happens."""

    phase: str
    fault: str
    folder: RunFolder
    family: list[psutil.Process] = field(default_factory=list)
    before: bytes = b""
    """What its events were just before."""

    def hit(self) -> None:
        """Remember who there is and what was told, and let it happen."""
        worker = worker_of(self.folder)
        parent = worker.parent()
        above = [parent] if parent and os.getsid(worker.pid) == parent.pid else []
        self.family = [*above, worker, *worker.children(recursive=True)]
        self.before = self.folder.events.read_bytes()
        FAULTS[self.fault][0](self)

    @property
    def worker(self) -> psutil.Process:
        return worker_of(self.folder)


def _kill(case: Case) -> None:
    case.worker.kill()


def _kill_all(case: Case) -> None:
    for process in case.family:
        with suppress(psutil.Error):
            process.kill()


def _kill_watcher(case: Case) -> None:
    case.family[0].kill()


def _signal(number: signal.Signals) -> Callable[[Case], None]:
    return lambda case: os.killpg(os.getpgid(case.worker.pid), number)


def _pause(case: Case) -> None:
    for process in case.family:
        process.suspend()
    threading.Event().wait(6)
    state = read_state(case.folder)
    assert not state.failure or case.phase == "chatting", f"a stopped engine counts as {state.status}"
    for process in case.family:
        process.resume()


def _hang_up_on_reader(case: Case) -> None:
    """A window that watches is killed."""
    reader = psutil.Popen(["python3", "-c", f"import time; f = open({str(case.folder.events)!r}); time.sleep(60)"])
    reader.kill()
    reader.wait()


def _unlock(case: Case) -> None:
    case.folder.lock.write_bytes(b"{garbled")


def _remove_lock(case: Case) -> None:
    case.folder.lock.unlink()
    threading.Event().wait(7)


def _strange_orders(case: Case) -> None:
    with case.folder.commands.open("ab") as stream:
        stream.write(b"\xff\xfe\n{}\n[" + b"[" * 100_000 + b'\n{"kind": "stop"\n' + bytes(5000) + b"\n")


def _stop_while_stopping(case: Case) -> None:
    for _ in range(3):
        send(case.folder, commands.Stop())
    threading.Event().wait(0.3)
    send(case.folder, commands.Stop(discard=True))
    send(case.folder, commands.Pause())
    send(case.folder, commands.Release())


FAULTS: dict[str, tuple[Callable[[Case], None], str]] = {
    "SIGKILL of the engine": (_kill, "crashed"),
    "SIGKILL of all": (_kill_all, "crashed"),
    "SIGKILL of its supervisor": (_kill_watcher, "lives"),
    "SIGTERM": (_signal(signal.SIGTERM), "ends"),
    "stop while stopping": (_stop_while_stopping, "ends"),
    "SIGHUP": (_signal(signal.SIGHUP), "lives"),
    "SIGINT": (_signal(signal.SIGINT), "lives"),
    "SIGSTOP, SIGCONT": (_pause, "lives"),
    "SIGKILL of a reader": (_hang_up_on_reader, "lives"),
    "a garbled lock": (_unlock, "lives"),
    "a lock that is removed": (_remove_lock, "lives"),
    "garbled commands": (_strange_orders, "lives"),
}
"""What happens, and what has to come of it."""


class Bench:
    """Starts engines, two at a time, and tells what came of each fault."""

    def __init__(self, lab: Lab, work: Path) -> None:
        self.lab, self.starting = lab, threading.Lock()
        self.large, self.held_out = work / "large.jsonl", work / "held-out.jsonl"
        self.large.write_text(TRAIN.read_text() * 150)
        self.held_out.write_text(HELD_OUT.read_text() * 20)

    def start(self, phase: str, name: str) -> RunFolder:
        tables = {key: dict(value) for key, value in PHASES[phase].items()} | {"run": {"name": name}}
        if phase == "tokenising":
            tables["data"] = {"source": str(self.large)}
        if phase == "evaluating":
            tables["evaluation"] = tables["evaluation"] | {"source": str(self.held_out)}
        with self.starting:  # it changes the environment of this process for a moment
            return self.lab.start(**tables)

    def try_one(self, phase: str, fault: str) -> tuple[str, str, str]:
        """Let one thing happen in one phase. Returns both and the outcome, which begins with NOT where it should not be."""
        folder = self.start(phase, f"{phase[:12]} {fault[:20]}".lower())
        case = Case(phase, fault, folder)
        try:
            self.wait(case)
            case.hit()
            told = {"crashed": self.has_crashed, "ends": self.ends, "lives": self.lives}[FAULTS[fault][1]](case)
        except (AssertionError, psutil.Error, OSError) as error:
            told = f"NOT: {str(error)[:300]}"
        finally:
            _kill_all(case)
            with suppress(psutil.Error, AssertionError):
                worker_of(folder).kill()
        return phase, fault, told

    def wait(self, case: Case) -> None:
        """Until it is in its phase, somewhere in the middle."""
        folder = case.folder
        if case.phase == "training":
            wait_for(folder, at_step(7), PATIENCE_S)
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
            threading.Event().wait(random.Random(case.fault).uniform(0, 0.4))

    def nothing_lost(self, case: Case) -> None:
        assert case.folder.events.read_bytes().startswith(case.before), "events that were written are gone"

    def has_crashed(self, case: Case) -> str:
        wanted = "finished" if case.phase == "chatting" else "crashed"
        began = time.monotonic()
        poll(lambda: read_state(case.folder).status == wanted, TRUE_WITHIN_S, f"it does not count as {wanted}")
        took = time.monotonic() - began
        wait_gone(case.family, TRUE_WITHIN_S)
        self.nothing_lost(case)
        assert not is_held(case.folder.lock), "its lock is held"
        return f"{wanted} after {took:.1f} s; {self.resumes(case)}"

    def ends(self, case: Case) -> str:
        began = time.monotonic()
        wait_gone(case.family, 60)
        took = time.monotonic() - began
        state = read_state(case.folder)
        assert state.status in ("stopped", "finished"), f"it is {state.status}: {state.failure}"
        self.nothing_lost(case)
        assert not is_held(case.folder.lock), "its lock is held"
        assert not (case.folder.checkpoints / WRITING).exists(), "a half-written checkpoint is left"
        return f"{state.status} after {took:.1f} s"

    def lives(self, case: Case) -> str:
        self.nothing_lost(case)
        size = case.folder.events.stat().st_size
        poll(lambda: case.folder.events.stat().st_size > size, 60, "nothing is heard of it any more")
        state = read_state(case.folder)
        assert state.engine_alive and (not state.ended or case.phase == "chatting"), f"it is {state.status}"
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
        wait_for(folder, at_step(step + 2), 60)
        case.family = [worker_of(folder), *worker_of(folder).parents()[:1]]
        send(folder, commands.Stop())
        wait_gone([worker_of(folder)], 60)
        assert not (folder.checkpoints / WRITING).exists(), "a half-written checkpoint is left"
        assert all(what_is_wrong(it) == "" for it in checkpoints_of(folder)), "a damaged checkpoint is left"
        numbers = [it.step for it in read_state(folder).steps]
        assert numbers == list(range(1, len(numbers) + 1)), "updates are missing"
        return f"went on from update {step}"


@pytest.fixture(scope="module")
def bench(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    yield Bench(lab, tmp_path_factory.mktemp("work"))


def test_every_fault_in_every_phase(bench: Bench) -> None:
    wanted = os.environ.get("FAULT_PHASES", "").split(",") if os.environ.get("FAULT_PHASES") else list(PHASES)
    cases = [(phase, fault) for phase in wanted for fault in FAULTS]
    with ThreadPoolExecutor(2) as pool:
        told = list(pool.map(lambda case: bench.try_one(*case), cases))
    print(f"\n{'phase':15}{'fault':27}outcome")
    for phase, fault, outcome in told:
        print(f"{phase:15}{fault:27}{outcome}", flush=True)
    assert not [it for it in told if it[2].startswith("NOT")]
