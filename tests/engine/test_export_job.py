"""Real exports by real processes: written, loaded again and compared; given up and nothing left; one after the other."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from tests.lab import Lab, poll, run_python
from tests.nursery import Nursery
from tests.tiny_adapter import write_adapter
from tui.engine.export.card import write_card
from tui.run import export_jobs
from tui.run.events import Changed, Event, StepDone, to_line
from tui.run.export_commands import Export
from tui.run.export_jobs import Job, JobState
from tui.run.exports import Record, read_record
from tui.run.folder import RunFolder
from tui.run.lock import holder_of
from tui.session import file

pytest_plugins = ["tests.engine_fixtures"]
pytestmark = pytest.mark.slow

PROMPTS = ["How do I count the lines of notes.txt?", "List all files"]
LLAMA = os.environ.get("UNSLOTH_LLAMA_CPP_PATH", "")


def run_of(lab: Lab, model: Path, name: str, spread: float) -> RunFolder:
    """A run that has ended, with an adapter that changes what the model says."""
    folder = RunFolder(lab.home / "runs" / name)
    folder.path.mkdir(parents=True, mode=0o700)
    session = lab.session(model={"name": str(model), "load_in_4bit": True}, evaluation={"sample_prompts": PROMPTS})
    file.save(session, folder.session)
    write_adapter(model, folder.adapter, spread)
    return folder


@pytest.fixture(scope="module")
def finished(lab: Lab, tiny_model: Path) -> RunFolder:
    return run_of(lab, tiny_model, "2026-tiny", 0.3)


def state_of(folder: RunFolder) -> JobState:
    job = export_jobs.read_job(folder)
    assert job is not None
    return job.state


def ended(folder: RunFolder, within_s: float = 280) -> JobState:
    """What came of an export."""
    return poll(lambda: (state := state_of(folder)).ended and state, within_s, f"{state_of(folder)}")


@pytest.fixture(scope="module")
def exported(lab: Lab, finished: RunFolder) -> Callable[[str], Record]:
    """The adapter and the merged model, asked for at once; the records as they are asked for."""
    with lab.entered():
        jobs = {to: export_jobs.start(export_jobs.request(finished, to)) for to in ("adapter", "merged-16bit")}

    def record(to: str) -> Record:
        with lab.entered():
            state = ended(jobs[to])
        assert state.result, state.failure
        found = read_record(Path(state.result))
        assert found is not None
        return found

    return record


def test_an_export_without_the_adapter_would_say_something_else(
    engines: Nursery, finished: RunFolder, tiny_model: Path, tmp_path: Path
) -> None:
    told = engines.run("tests.engine.likeliest", str(tiny_model), str(finished.adapter), place=tmp_path)
    alone, tuned = json.loads(told.splitlines()[-1])
    assert alone != tuned


@pytest.mark.parametrize("to", ["adapter", "merged-16bit"])
def test_an_export_says_what_the_run_says_when_it_is_loaded_again(exported: Callable[[str], Record], to: str) -> None:
    record = exported(to)
    (proof,) = record.proofs
    assert [it.prompt for it in proof.asked] == PROMPTS
    assert all(it.same >= 32 and it.difference is None for it in proof.asked) and proof.passed


def test_the_record_knows_every_file_and_what_it_was_made_of(
    exported: Callable[[str], Record], finished: RunFolder, tiny_model: Path
) -> None:
    record = exported("merged-16bit")
    place = finished.exports / "merged-16bit"
    assert {it.path for it in record.files} >= {"model.safetensors", "README.md", "tokenizer.json", "chat_template.jinja"}
    assert all((place / it.path).stat().st_size == it.bytes and len(it.sha256) == 64 for it in record.files)
    assert (record.base, record.run) == (str(tiny_model), "2026-tiny")
    assert [path.name for path in sorted(finished.exports.iterdir())] == ["adapter", "merged-16bit"]


def test_the_card_of_a_checkpoint_tells_of_that_and_of_what_was_changed_by_then(
    exported: Callable[[str], Record], finished: RunFolder, tmp_path: Path
) -> None:
    folder, record = RunFolder(tmp_path / "2026-changed"), exported("adapter")
    folder.path.mkdir()
    folder.session.write_text(finished.session.read_text())
    told: list[Event] = [
        StepDone(time=1e9 + at, step=at, epoch=at / 4, loss=9.0 - at, learning_rate=0, seconds=1) for at in range(1, 9)
    ]
    for at, rate in ((3, 3e-5), (7, 7e-5)):
        told.insert(at + (at > 3), Changed(time=1e9 + at, step=at, values={"training.learning_rate": rate}))
    folder.events.write_text("".join(map(to_line, told)))
    for step, expected, loss in (
        (4, "4 updates, 1.00 epochs, learning rate 3e-05", "5.0000"),
        (None, "8 updates", "1.0000"),
    ):
        write_card(tmp_path, folder, replace(record, step=step))
        card = (tmp_path / "README.md").read_text()
        assert expected in card and f"loss of the last update: {loss}" in card
    assert "learning rate 7e-05" in card and "`training.learning_rate` = 7e-05" in card


def test_the_card_names_the_model_and_no_folder_of_this_machine(
    exported: Callable[[str], Record], finished: RunFolder
) -> None:
    exported("merged-16bit")
    for to in ("adapter", "merged-16bit"):
        card = (finished.exports / to / "README.md").read_text()
        assert card.startswith("---\n") and "**tiny**" in card
        assert str(finished.path.parent) not in card and "/tmp" not in card


def given_up(lab: Lab, finished: RunFolder, end: Callable[[Export, RunFolder], None]) -> JobState:
    """An export that is ended by something while Unsloth is being loaded for it."""
    before = sorted(finished.exports.iterdir())
    with replace(lab, nursery=None).entered():  # where it is loaded already, there is nothing to end
        asked = export_jobs.request(finished, "merged-16bit", step=None)
        folder = export_jobs.start(asked)
        poll(lambda: state_of(folder).stage == "importing", 120, "it never began")
        end(asked, folder)
        state = ended(folder, 60)
    poll(lambda: not writers(asked), 20, "a child process goes on")
    poll(lambda: sorted(finished.exports.iterdir()) == before, 20, "something half-written is left")
    return state


def writers(asked: Export) -> list[psutil.Process]:
    """The processes that write this export."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        words = process.info["cmdline"] or []
        if any(asked.id in word for word in words):
            found.append(process)
    return found


def test_a_cancelled_export_leaves_nothing_behind(exported: Callable[[str], Record], lab: Lab, finished: RunFolder) -> None:
    exported("merged-16bit")
    state = given_up(lab, finished, lambda asked, folder: export_jobs.cancel(Job(folder, asked)))
    assert state.cancelled and not state.failure


def test_an_export_whose_engine_is_killed_says_so(exported: Callable[[str], Record], lab: Lab, finished: RunFolder) -> None:
    def kill(asked: Export, folder: RunFolder) -> None:
        holder = holder_of(folder.lock)
        assert holder is not None
        os.kill(holder.pid, signal.SIGKILL)

    exported("merged-16bit")
    given_up(lab, finished, kill)
    with lab.entered():  # the process that watches over it needs a moment to write that down
        poll(
            lambda: any("killed by signal 9" in job.state.failure for job in export_jobs.jobs_of(finished)), 20, "no reason"
        )


@pytest.mark.timeout(1500)
@pytest.mark.skipif(not LLAMA, reason="needs a built llama.cpp, named by UNSLOTH_LLAMA_CPP_PATH")
def test_a_gguf_file_says_in_llama_cpp_what_the_run_says(lab: Lab) -> None:
    """With the small real model, whose tokenizer llama.cpp knows."""
    model = lab.home / "models" / "smollm2"
    model.parent.mkdir(parents=True, exist_ok=True)
    run_python("-m", "tui.engine.bundled", str(model), within_s=300)
    finished = run_of(lab, model, "2026-smollm2", 0.05)
    with lab.entered():
        folder = export_jobs.start(export_jobs.request(finished, "gguf", ["bf16", "q4_k_m"]))
        state = ended(folder, 1200)
    assert state.result, state.failure
    record = read_record(Path(state.result))
    assert record is not None
    exact, small = sorted(record.proofs, key=lambda proof: "Q4_K_M" in proof.subject)
    assert exact.how.startswith("llama") and not exact.problems and not small.problems
    assert all(it.same >= min(it.of, 32) for it in exact.asked)
    assert len(small.asked) == len(PROMPTS)
    assert (Path(state.result) / "Modelfile").read_text().startswith("FROM ./2026-smollm2.BF16.gguf")
