"""How a run stands in SkyPilot is told from what its command prints, here in the form that SkyPilot's own records have."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.run.test_sky_task import SKY
from tests.slurm_programs import Say
from tui.machine import sky
from tui.run import events, standing, stopping, trash
from tui.run.folder import RunFolder, create_run
from tui.run.handed import Handed, read_handed, write_handed
from tui.run.lines import append_line
from tui.run.listing import read_row
from tui.run.sky_task import launch_words
from tui.run.watcher import read_state
from tui.session.file import from_table, load

STARTS = "\x1b[2mFailed to connect to SkyPilot API server at http://127.0.0.1:46580. Starting a local server.\x1b[0m\n"
REAL = """
import json, sys
from sky.client.cli.command import cli
from sky.jobs.state import ManagedJobStatus
from sky.schemas.api import responses
from sky.skylet.job_lib import JobStatus
managed = [responses.ManagedJobRecord(job_id=at, job_name=it.value, status=it) for at, it in enumerate(ManagedJobStatus)]
rest = {"username": "a", "user_hash": "b", "submitted_at": 1.0, "resources": "1x", "log_path": "x"}
rented = {it.value: [responses.ClusterJobRecord(job_id=1, job_name="x", status=it, **rest)] for it in JobStatus}
told = {
    "managed": json.dumps([it.model_dump(mode="json") for it in managed], indent=2),
    "rented": json.dumps({name: [it.model_dump(mode="json") for it in jobs] for name, jobs in rented.items()}, indent=2),
    "over": {"managed": [it.value for it in ManagedJobStatus.terminal_statuses()],
             "rented": [it.value for it in JobStatus if it.is_terminal()]},
}
for words in json.loads(sys.argv[1]):  # with --help nothing is done, but every word is read
    cli.main(args=[*words[1:], "--help"], prog_name="sky", standalone_mode=False)
print("TOLD" + json.dumps(told))
"""


def managed(*jobs: tuple[int, str, str], **more: Any) -> str:
    return STARTS + json.dumps(
        [{"job_id": id, "job_name": name, "status": state} | more for id, name, state in jobs], indent=2
    )


def run(rented: bool = False, bucket: str = "s3://mine/runs") -> RunFolder:
    folder = create_run(from_table({"model": {"name": "a/b"}, "cluster": {"accelerators": "H100:1", "bucket": bucket}}))
    folder.job.mkdir()
    write_handed(folder, Handed("skypilot", "run-x", rented=rented))
    return folder


def test_what_it_does_there_is_told(home: Path, say: Say) -> None:
    calls = say(
        "sky", managed((1, "run-x", "FAILED"), (2, "run-x", "RUNNING"), (3, "other", "FAILED"), infra="AWS (us-east-1)")
    )
    row = read_row(run())
    assert (row.alive, row.ended) == (True, False)
    assert row.reason == (
        "SkyPilot job run-x is running on AWS (us-east-1); it is not followed from here: sky jobs logs --name run-x"
    )
    read_row(run())
    assert calls.read_text() == "jobs queue --all --verbose --output json\n"  # one question is for all


@pytest.mark.parametrize(
    ("state", "status", "words"),
    [
        ("SUCCEEDED", "finished", ""),
        ("CANCELLED", "stopped", ""),
        ("FAILED_NO_RESOURCE", "crashed", "SkyPilot job run-x has ended (failed_no_resource): no H100 anywhere"),
    ],
)
def test_how_it_ended_is_told_and_asked_for_once(home: Path, say: Say, state: str, status: str, words: str) -> None:
    """Nothing of it is here until it is brought back, and yet the list of runs says what became of it."""
    calls = say("sky", managed((2, "run-x", state), failure_reason="no H100\nanywhere"))
    folder = run()
    told = read_state(folder)
    assert told.status == status and (told.failure.text if told.failure else "").startswith(words)
    assert read_handed(folder) == Handed("skypilot", "run-x", state)
    read_state(folder)
    assert len(calls.read_text().splitlines()) == 1


def test_what_was_brought_back_stays_as_it_is(home: Path, say: Say) -> None:
    say("sky", managed((2, "run-x", "SUCCEEDED")))
    folder = run()
    append_line(folder.events, events.to_line(events.Finished(outcome="early-stopped", result="/there")))
    assert read_state(folder).result == "/there"


def test_a_machine_that_was_rented_for_it_tells_of_its_last_job(home: Path, say: Say) -> None:
    jobs = [{"job_id": 1, "status": "FAILED"}, {"job_id": 2, "status": "SETTING_UP"}]
    calls = say(
        "sky", "Failed to get the job queue for cluster 'other'.\n" + json.dumps({"run-x": jobs, "empty": []}, indent=2)
    )
    folder = run(rented=True)
    assert read_row(folder).reason == "SkyPilot job run-x is setting up; it is not followed from here: sky logs run-x"
    assert calls.read_text() == "queue --output json\n"
    standing.forget()
    say("sky", "Failed to get the job queue for cluster 'run-x'.\n{}\n")
    assert "its machine tells nothing; see sky status run-x" in read_row(folder).reason
    assert read_handed(folder) == Handed("skypilot", "run-x", rented=True)  # a network that is away ends no run


@pytest.mark.parametrize("said", ["", "an error\n", "[broken\n{\n"])
def test_what_is_no_answer_ends_no_run(home: Path, say: Say, said: str) -> None:
    say("sky", said)
    folder = run()
    assert "nothing can be learned: sky jobs queue" in read_row(folder).reason and read_row(folder).alive
    standing.forget()
    say("sky", refuses="sky: error: no server")
    assert "nothing can be learned: sky: error: no server" in read_row(folder).reason


@pytest.mark.parametrize(("rented", "call"), [(False, "jobs cancel --name run-x --yes"), (True, "cancel run-x --all --yes")])
def test_stopping_cancels_it_there(home: Path, say: Say, rented: bool, call: str) -> None:
    """Whoever cannot end it pays for it."""
    calls = say(
        "sky", json.dumps({"run-x": [{"job_id": 1, "status": "RUNNING"}]}) if rented else managed((1, "run-x", "RUNNING"))
    )
    folder = run(rented)
    with pytest.raises(trash.StillRunning, match="is running"):
        trash.delete(folder)
    assert "is lost" in stopping.question(folder, waits=False)[0] and "it was cancelled (sky" in stopping.stop(folder)
    assert calls.read_text().splitlines()[-1] == call
    assert json.loads(folder.events.read_text())["outcome"] == "stopped"


@pytest.mark.slow
@pytest.mark.skipif(not SKY, reason="SkyPilot is not installed; README says how to have it for this test")
def test_skypilot_itself_has_these_states_and_knows_these_words(home: Path, say: Say) -> None:
    folders = [run(), run(bucket="")]
    words = [sky.MANAGED, sky.RENTED, sky.cancel_words("x", managed=True), sky.cancel_words("x", managed=False)]
    words += [launch_words(load(folder.session), folder, Path("task.yaml")) for folder in folders]
    done = subprocess.run([SKY, "-c", REAL, json.dumps(words)], capture_output=True, text=True, check=False, timeout=250)
    assert done.returncode == 0, done.stderr[-2000:]
    told = json.loads(done.stdout.rpartition("TOLD")[2])
    for kind, ask in (("managed", sky.managed_jobs), ("rented", sky.jobs_of_machines)):
        say("sky", STARTS + told[kind])
        jobs = ask()
        assert len(jobs) > 5
        assert sorted(name for name, job in jobs.items() if not job.active) == sorted(told["over"][kind])
