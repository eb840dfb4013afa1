"""Real exports to which something happens while they load, write, prove and push; beside an older one that they replace.

After each fault: what is said of the export is true within ten seconds, the older export is whole or has been replaced by a
whole one, and no process and nothing half-written is left.
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest

from tests import hub_server
from tests.faults.bench import TRUE_WITHIN_S, chosen, kill, told
from tests.hub_server import TOKEN, Hub
from tests.lab import Lab, poll, wait_gone, worker_of
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

PATIENCE_S = 240
PAUSE_S = 6
STAGES = {
    "importing": "merged-16bit", "loading": "merged-16bit", "writing": "merged-16bit", "proving": "merged-16bit",
    "proving it": "adapter", "pushing": "adapter",
}  # fmt: skip
"""At what something happens, and to which kind of export."""


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


@pytest.fixture(scope="module")
def run(lab: Lab, tiny_model: Path) -> RunFolder:
    """A run that has ended, of which an adapter and a merged model were exported before."""
    folder = RunFolder(lab.home / "runs" / "2026-exported")
    folder.path.mkdir(parents=True, mode=0o700)
    session = lab.session(model={"name": str(tiny_model)}, evaluation={"sample_prompts": ["list files"]})
    file.save(session, folder.session)
    write_adapter(tiny_model, folder.adapter, 0.3)
    with lab.entered():
        for to in ("adapter", "merged-16bit"):
            made = export_jobs.start(export_jobs.request(folder, to))  # type: ignore[arg-type]
            poll(lambda made=made: state_of(made).ended, PATIENCE_S, "the first export does not end")
    return folder


@pytest.fixture
def in_lab(lab: Lab) -> Iterator[None]:
    with lab.entered():
        yield


def whole(run: RunFolder) -> None:
    """What lies below ``exports`` is both kinds, and their files are those of their records."""
    assert sorted(path.name for path in run.exports.iterdir()) == ["adapter", "merged-16bit"], "something else lies there"
    for place in run.exports.iterdir():
        record = read_record(place)
        assert record is not None, f"{place.name} has no {RECORD}"
        assert hashed_files(place) == record.files, f"{place.name} is not what its record says"


def outcome(case: Case, wanted: str) -> str:
    """Wait for it, and look around."""
    began = time.monotonic()
    poll(lambda: case.state.ended, PATIENCE_S if wanted == "done" else TRUE_WITHIN_S, f"it does not end: {case.state}")
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
    if there == "proving" and fault == "SIGKILL of its child":
        wanted = "done"  # what is written stays, and says that it is unproven
    push = Push("ada/small") if stage == "pushing" else None
    asked = export_jobs.request(run, STAGES[stage], push=push)  # type: ignore[arg-type]
    case = Case(asked, export_jobs.start(asked), run)
    if push:
        hub.held["/"] = threading.Event()
    try:
        poll(lambda: case.state.stage == there or case.state.ended, PATIENCE_S, f"it does not get there: {case.state}")
        poll(lambda: case.remember() or len(case.family) > 2, 30, "it has no child")
        happen(case)
        if push and wanted == "done":
            hub.held["/"].set()
        found = outcome(case, wanted)
        if fault == "SIGKILL of all":
            export_jobs.clear_leftovers(run)  # as the next one does
        whole(run)
    except (AssertionError, psutil.Error, OSError, IndexError) as error:
        found = f"NOT: {str(error)[:1000]}"
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
    whole(run)
    print()
    cases = [(stage, fault) for stage in chosen("FAULT_PHASES", STAGES) for fault in chosen("FAULTS", FAULTS)]
    assert not [line for stage, fault in cases if (line := try_one(run, hub, stage, fault))]
