"""Real exports to which something happens while they load, write, prove and push; beside an older one that they replace.

After each fault: what is said of the export is true within ten seconds, the older export is whole or has been replaced by a
whole one, and no process and nothing half-written is left.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import psutil
import pytest

from tests import hub_server
from tests.faults.bench import TRUE_WITHIN_S, chosen, kill, told
from tests.hub_repos import TOKEN, Hub
from tests.lab import Lab, poll, run_python, wait_gone, worker_of
from tests.tiny_adapter import write_adapter
from tui.run import commands, export_jobs
from tui.run.export_commands import Export, Push
from tui.run.export_jobs import JobState
from tui.run.exports import RECORD, hashed_files, read_record
from tui.run.folder import RunFolder
from tui.run.process import send
from tui.session import file

pytest_plugins = ["tests.engine_fixtures"]
pytestmark = [pytest.mark.slow, pytest.mark.faults, pytest.mark.timeout(7200)]
hub = hub_server.hub

LLAMA = os.environ.get("UNSLOTH_LLAMA_CPP_PATH", "")
PATIENCE_S = 240
PAUSE_S = 6
STAGES = {
    "importing": "merged-16bit", "loading": "merged-16bit", "writing": "merged-16bit", "proving": "merged-16bit",
    "proving it": "adapter", "pushing": "adapter", "converting": "gguf",
}  # fmt: skip
"""At what something happens, and to which kind of export; converting needs a built llama.cpp."""


def state_of(folder: RunFolder) -> JobState:
    job = export_jobs.read_job(folder)
    assert job is not None
    return job.state


@dataclass
class Case:
    """One export to which one thing happens."""

    asked: Export
    folder: RunFolder
    run: RunFolder
    family: list[psutil.Process] = field(default_factory=list)

    @property
    def state(self) -> JobState:
        return state_of(self.folder)

    def remember(self) -> None:
        worker = worker_of(self.folder)
        self.family = [*worker.parents()[:1], worker, *worker.children(recursive=True)]


def _signal(number: signal.Signals, member: int = 1) -> Callable[[Case], None]:
    """To the process that watches over it (0), to the one that leads it (1), or to the one that has loaded the model (2)."""
    return lambda case: case.family[member].send_signal(number)


def _pause(case: Case) -> None:
    for process in case.family:
        process.suspend()
    threading.Event().wait(PAUSE_S)
    assert not case.state.failure, f"a stopped export counts as failed: {case.state.failure}"
    for process in case.family:
        process.resume()


def _cancel(case: Case) -> None:
    for _ in range(3):
        send(case.folder, commands.Cancel(id=case.asked.id))


FAULTS: dict[str, tuple[Callable[[Case], None], str]] = {
    "SIGKILL": (_signal(signal.SIGKILL), "failed"),
    "SIGKILL of all": (lambda case: kill(case.family), "failed"),
    "SIGKILL of its child": (_signal(signal.SIGKILL, 2), "failed"),
    "SIGTERM": (_signal(signal.SIGTERM), "cancelled"),
    "cancelled thrice": (_cancel, "cancelled"),
    "SIGKILL of its supervisor": (_signal(signal.SIGKILL, 0), "done"),
    "SIGHUP": (_signal(signal.SIGHUP), "done"),
    "SIGSTOP, SIGCONT": (_pause, "done"),
}
"""What happens, and what has to come of it."""


def run_of(lab: Lab, model: Path, name: str) -> RunFolder:
    """A run that has ended."""
    folder = RunFolder(lab.home / "runs" / name)
    folder.path.mkdir(parents=True, mode=0o700)
    file.save(lab.session(model={"name": str(model)}, evaluation={"sample_prompts": ["list files"]}), folder.session)
    write_adapter(model, folder.adapter, 0.3)
    return folder


@pytest.fixture(scope="module")
def small_run(lab: Lab) -> RunFolder:
    """One of the small real model, whose tokenizer llama.cpp knows, with no export yet."""
    model = lab.home / "models" / "smollm2"
    model.parent.mkdir(parents=True, exist_ok=True)
    run_python("-m", "tui.engine.bundled", str(model), within_s=300)
    return run_of(lab, model, "2026-small")


@pytest.fixture(scope="module")
def run(lab: Lab, tiny_model: Path) -> RunFolder:
    """A run that has ended, of which an adapter and a merged model were exported before."""
    folder = run_of(lab, tiny_model, "2026-exported")
    with lab.entered():
        for to in ("adapter", "merged-16bit"):
            made = export_jobs.start(export_jobs.request(folder, to))  # type: ignore[arg-type]
            poll(lambda made=made: state_of(made).ended, PATIENCE_S, "the first export does not end")
    return folder


@pytest.fixture
def in_lab(lab: Lab) -> Iterator[None]:
    """Exports that are started as their users start them: each process reads the environment for itself."""
    with replace(lab, nursery=None).entered():
        yield


def whole(run: RunFolder, older: set[str]) -> None:
    """What lies below ``exports`` is those that lay there and whole ones: their files are those of their records."""
    names = {path.name for path in run.exports.glob("*")}
    assert older <= names, "an older export is gone"
    for place in run.exports.glob("*"):
        record = read_record(place)
        assert record is not None, f"{place.name} has no {RECORD}"
        assert hashed_files(place) == record.files, f"{place.name} is not what its record says"


def outcome(case: Case, wanted: str) -> str:
    """Wait for it, and look around."""
    began = time.monotonic()
    poll(lambda: case.state.ended, PATIENCE_S if wanted == "done" else TRUE_WITHIN_S, "it does not end")
    took, state = time.monotonic() - began, case.state
    found = "cancelled" if state.cancelled else "done" if state.result else "failed"
    kept = bool(case.asked.push) and "the upload was cancelled" in " ".join(state.warnings)
    assert found == wanted or (wanted == "cancelled" and kept), f"it is {found}: {state.failure}"
    wait_gone(case.family, TRUE_WITHIN_S)
    record = read_record(Path(state.result)) if state.result else None
    unproven = "; ".join(proof.why_not for proof in record.proofs) if record else ""
    more = state.failure or unproven or "the export is whole, its upload was cancelled" * kept
    return f"{found} after {took:.1f} s{': ' + more[:110] if more else ''}"


def try_one(run: RunFolder, hub: Hub, stage: str, fault: str) -> str:
    happen, wanted = FAULTS[fault]
    there = stage.partition(" ")[0]
    push = Push("ada/small") if stage == "pushing" else None
    older = {path.name for path in run.exports.glob("*")}
    asked = export_jobs.request(run, STAGES[stage], ["q8_0"], push=push)  # type: ignore[arg-type]
    case = Case(asked, export_jobs.start(asked), run)
    if push:
        hub.held["/"] = threading.Event()
    try:
        poll(lambda: case.state.stage == there or case.state.ended, PATIENCE_S, "it does not get there")
        poll(lambda: case.remember() or len(case.family) > 2, 30, "it has no child")
        happen(case)
        if fault == "SIGKILL of its child" and (there == "proving" or (case.folder.path / "write.json").exists()):
            wanted = "done"  # what is written stays, and says so if it is unproven; or the child had done its work already
        if push and wanted == "done":
            hub.held["/"].set()
        found = outcome(case, wanted)
        if fault == "SIGKILL of all":
            export_jobs.clear_leftovers(run)  # as the next one does
        whole(run, older)
    except (AssertionError, psutil.Error, OSError, IndexError) as error:
        found = f"NOT: {str(error)[:1000]} ({case.state})"
    finally:
        for event in hub.held.values():
            event.set()
        hub.mend()
        with suppress(psutil.Error, AssertionError):
            case.remember()
        kill(case.family)
        export_jobs.clear_leftovers(run)
    return told(stage, fault, found)


@pytest.mark.usefixtures("in_lab")
def test_every_fault_at_every_stage(run: RunFolder, hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    whole(run, {"adapter", "merged-16bit"})
    try_all(run, hub, [stage for stage in STAGES if stage != "converting"])


@pytest.mark.usefixtures("in_lab")
@pytest.mark.skipif(not LLAMA, reason="needs a built llama.cpp, named by UNSLOTH_LLAMA_CPP_PATH")
def test_every_fault_while_llama_cpp_converts(small_run: RunFolder, hub: Hub) -> None:
    try_all(small_run, hub, ["converting"])


def try_all(run: RunFolder, hub: Hub, stages: list[str]) -> None:
    print()
    cases = [(stage, fault) for stage in chosen("FAULT_PHASES", stages) for fault in chosen("FAULTS", FAULTS)]
    assert not [line for stage, fault in cases if (line := try_one(run, hub, stage, fault))]
