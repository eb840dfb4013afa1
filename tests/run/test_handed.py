"""How a run stands in Slurm is told from what Slurm's programs print; here they print what a real one (22.05) printed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.slurm_programs import OTHERS, PENDING, RUNNING, Say
from tui.machine.jobs import Job, JobError
from tui.run import events, hand_over, hand_over_ahead, stopping, trash
from tui.run.folder import RunFolder, create_run
from tui.run.handed import Handed, read_handed, write_handed
from tui.run.lines import append_line
from tui.run.listing import read_row
from tui.run.preflight import preflight
from tui.run.process import resume_run
from tui.run.standing import _Jobs, standing, submit
from tui.run.state import fold_all
from tui.run.stopping import stop
from tui.run.watcher import read_state, seen
from tui.session.file import from_table


def run(job: str = "7", *told: events.Event, to: Any = "slurm") -> RunFolder:
    folder = create_run(from_table({"model": {"name": "a/b"}}))
    folder.job.mkdir()
    write_handed(folder, Handed(to, job))
    for event in told:
        append_line(folder.events, events.to_line(event))
    return folder


def begun(*more: events.Event) -> tuple[events.Event, ...]:
    return (events.PhaseChanged(phase="training"), *more)


def test_what_it_waits_for_is_told(home: Path, say: Say) -> None:
    say("squeue", OTHERS + PENDING)
    row = read_row(run())
    assert (row.status, row.alive) == ("waiting", True)
    assert row.reason == "Slurm job 7 waits: BeginTime, expected at 2026-11-28 02:17:05"


@pytest.mark.parametrize("last", [events.Finished(outcome="paused"), events.Failed(code="killed", text="signal 9")])
def test_an_interrupted_run_that_goes_on_by_itself_has_not_ended(home: Path, say: Say, last: events.Event) -> None:
    say("squeue", PENDING)
    state = read_state(run("7", *begun(last)))
    assert (state.status, state.ended, state.failure) == ("waiting", False, None)


def test_an_answer_on_its_way_while_a_job_is_submitted_does_not_make_that_job_unknown() -> None:
    def ask() -> dict[str, Job]:
        asked.append(len(asked))
        if len(asked) == 1:
            jobs.forget()  # as submitting does
            return {}
        return {"7": Job("7", "PENDING", queued=True)}

    asked: list[int] = []
    jobs = _Jobs(ask, good_s=60, new_s=60)
    assert jobs.get("7") is not None


def test_a_run_that_failed_by_itself_stays_failed(home: Path, say: Say) -> None:
    say("squeue", RUNNING)
    assert read_state(run("7", *begun(events.Failed(code="bad-data", text="no rows")))).status == "failed"


@pytest.mark.parametrize(
    ("end", "words"),
    [("TIMEOUT", "ran out of time"), ("OUT_OF_MEMORY", "more memory"), ("NODE_FAIL", "its machine"), ("FAILED", "(failed)")],
)
def test_why_a_job_ended_is_told_and_asked_for_once(home: Path, say: Say, end: str, words: str) -> None:
    calls = say("squeue", f"7|{end}|n1|2026-11-28T01:17:05|None")
    folder = run("7", *begun())
    assert words in (read_state(folder).failure or events.Failed(code="", text="")).text
    asked = calls.read_text()
    assert read_handed(folder) == Handed("slurm", "7", end)
    read_state(folder)
    assert calls.read_text() == asked


@pytest.mark.parametrize(
    ("code", "how"),
    [("-9 (pid: 6977)  (SIGKILL)", "was killed by signal 9 (SIGKILL)"), ("1  (pid: 7)", "ended with exit code 1")],
)
def test_of_several_machines_the_process_that_ended_the_others_is_named(home: Path, say: Say, code: str, how: str) -> None:
    """The log ends with what the others say, who only miss it."""
    say("squeue", "7|FAILED|n[1-2]|2026-11-28T01:17:05|None")
    folder = run("7", *begun())
    cause = "Root Cause (first observed failure):\n[0]:\n  host      : localhost\n  rank      : {rank} (local_rank: 0)\n"
    earlier = cause.format(rank=5) + "  exitcode  : -6 (pid: 1)  (SIGABRT)\njob 7, start 2, on n[1-2]\n"
    folder.log.write_text(f"{earlier}{cause.format(rank=1)}  exitcode  : {code}\n[rank0]: Failed to recv, got 0 bytes.\n")
    failure = read_state(folder).failure
    assert failure and failure.text == f"Slurm job 7 has ended (failed): process 2 {how}"


def test_of_a_job_that_is_gone_the_accounts_are_asked(home: Path, say: Say) -> None:
    say("squeue", OTHERS)
    say("sacct", "CANCELLED by 1000\n")
    assert "Slurm job 7 has ended (cancelled)" in seen(run()).reason
    say("sacct", refuses="Slurm accounting storage is disabled")
    assert "keeps no account of it" in seen(run()).reason


def test_a_controller_that_is_away_ends_no_run(home: Path, say: Say) -> None:
    say("squeue", refuses="slurm_load_jobs error: Unable to contact slurm controller (connect failure)")
    state = read_state(run("7", *begun()))
    assert state.status == "training" and "Unable to contact slurm controller" in state.hindrance


def test_one_question_is_for_all_runs(home: Path, say: Say) -> None:
    calls = say("squeue", f"{PENDING}\n{RUNNING.replace('7', '8', 1)}")
    for folder in [run("7"), run("8")] * 20:
        standing(folder)
    assert len(calls.read_text().splitlines()) == 1


def test_a_run_that_waits_is_cancelled_and_one_at_work_is_asked(home: Path, say: Say) -> None:
    say("squeue", PENDING)
    calls, folder = say("scancel"), run()
    assert "it was cancelled (scancel 7)" in stop(folder)
    assert calls.read_text() == "7\n" and not folder.commands.exists()
    say("squeue", "7|CANCELLED||N/A|None")
    assert read_state(folder).status == "stopped"
    say("squeue", RUNNING)
    at_work = run("7", *begun())
    assert "was asked to stop" in stop(at_work) and '"stop"' in at_work.commands.read_text()
    assert calls.read_text() == "7\n"


def test_a_run_that_does_not_answer_is_cancelled_the_second_time(
    home: Path, say: Say, monkeypatch: pytest.MonkeyPatch
) -> None:
    say("squeue", RUNNING)
    calls, folder = say("scancel"), run("7", *begun())
    stop(folder)
    stop(folder)
    assert not calls.exists()  # it still has time to answer
    monkeypatch.setattr(stopping, "ANSWER_S", 0.0)
    assert "scancel 7 has ended its job" in stop(folder)
    assert calls.read_text() == "7\n"


def test_a_run_goes_on_where_it_was(home: Path, say: Say) -> None:
    """An engine on the login node would be the end of a friendship."""
    calls, folder = say("sbatch", "9\n"), run("7", *begun(events.Finished(outcome="paused")))
    resume_run(folder, {"training.max_steps": 9})
    assert read_handed(folder) == Handed("slurm", "9")
    assert calls.read_text() == f"--parsable {folder.job}/job.sbatch\n"
    assert json.loads(folder.commands.read_text())["values"] == {"training.max_steps": 9}
    assert not folder.log.exists()


def test_what_was_not_submitted_waits_for_somebody_and_can_be_given_up(home: Path, say: Say) -> None:
    folder = run("")
    row = read_row(folder)
    assert row.status == "waiting" and row.reason.startswith("not submitted yet: sbatch ")
    stop(folder)
    row = read_row(folder)
    assert (row.status, row.reason, row.alive) == ("stopped", "", False)
    trash.delete(folder)
    assert not folder.path.exists()


def test_a_run_in_slurm_is_not_deleted(home: Path, say: Say) -> None:
    say("squeue", PENDING)
    folder = run()
    with pytest.raises(trash.StillRunning, match="Slurm job 7 waits"):
        trash.delete(folder)
    assert folder.session.exists()


def test_what_slurm_refuses_is_told_in_its_words(home: Path, say: Say) -> None:
    say("sbatch", refuses="sbatch: error: Batch job submission failed: Invalid account")
    folder = run("")
    with pytest.raises(JobError, match="Invalid account"):
        submit(folder)
    assert read_handed(folder) == Handed("slurm")


def test_what_the_cluster_has_is_compared_with_what_is_asked_for(home: Path, say: Say, tmp_path: Path) -> None:
    say("sbatch")
    say("sinfo", "debug*|30:00|2|(null)\ngpu|2-00:00:00|4|gpu:a100:4(S:0-1)\ngpu|2-00:00:00|16|gpu:2\n")
    (tmp_path / "t.jsonl").write_text('{"text": "a"}\n')

    def wrong(device: str = "auto", **cluster: Any) -> dict[str, str]:
        told = {"model": {"name": "a/b", "device": device}, "data": {"source": str(tmp_path / "t.jsonl")}}
        found = hand_over.look(from_table(told | {"cluster": cluster}), "slurm")
        return {problem.key: problem.text for problem in found if problem.blocking}

    assert wrong("cpu") == {}
    assert "the machines of debug have none" in wrong()["cluster.gpus_per_node"]
    assert wrong(partition="gpu") == {}
    assert "have 4 at most" in wrong(partition="gpu", gpus_per_node=8)["cluster.gpus_per_node"]
    assert wrong(partition="gpu", gpus_per_node=4, nodes=5) == {
        "cluster.nodes": "5 machines are asked for, and gpu has 4 such"
    }
    assert wrong(partition="gqu") == {"cluster.partition": "there is no partition gqu; there are debug, gpu"}


@pytest.mark.parametrize(
    ("said", "key"),
    [
        ("allocation failure: Invalid account or account/partition combination specified", "cluster.account"),
        ("allocation failure: Requested time limit is invalid (missing or exceeds some limit)", "cluster.time"),
        ("sbatch: error: Batch job submission failed: Invalid qos specification", "cluster.qos"),
        ("sbatch: unrecognized option '--frob'", "cluster.sbatch_options"),
        ("sbatch: error: Invalid generic resource (gres) specification", ""),
    ],
)
def test_what_slurm_would_refuse_is_said_before_anything_is_submitted(home: Path, say: Say, said: str, key: str) -> None:
    say("sinfo", "main*|infinite|2|(null)\n")
    calls = say("sbatch", refuses=said)
    told = from_table({"model": {"name": "a/b", "device": "cpu"}, "cluster": {"account": "x"}})
    (problem,) = [it for it in hand_over.look(told, "slurm") if "Slurm would not" in it.text]
    assert (problem.key, problem.blocking, said in problem.text) == (key, True, True)
    assert calls.read_text().startswith("--test-only ") and not (home / "runs").exists()


@pytest.mark.parametrize(
    "said",
    [
        "allocation failure: Requested node configuration is not available",
        "allocation failure: Required partition not available (inactive or drain)",
        "sbatch: error: Unable to contact slurm controller (connect failure)",
    ],
)
def test_a_cluster_that_is_being_mended_may_be_waited_for(home: Path, say: Say, said: str) -> None:
    say("sinfo", "main*|infinite|2|(null)\n")
    say("sbatch", refuses=said)
    found = hand_over.look(from_table({"model": {"name": "a/b", "device": "cpu"}}), "slurm")
    (problem,) = [it for it in found if f"it may wait for ever: {said}" in it.text]
    assert not problem.blocking


def test_a_cache_of_the_hub_that_the_machines_do_not_share_is_said(
    home: Path, say: Say, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The job would look for the model where there is none, and perhaps reach no hub."""
    monkeypatch.setenv("PATH", "")  # no Slurm of this machine is asked
    monkeypatch.setenv("HF_HUB_CACHE", "/shared/hub")
    kinds = {Path("/shared/hub"): "ext4"}
    monkeypatch.setattr(hand_over_ahead, "file_system_of", lambda path: kinds.get(path, "nfs4"))

    def said(name: str) -> list[str]:
        found = hand_over.look(from_table({"model": {"name": name}}), "slurm")
        return [problem.text for problem in found if problem.key == "HF_HOME"]

    assert "/shared/hub lies on a disk of this machine (ext4)" in said("a/b")[0]
    assert said(str(home)) == []
    kinds.clear()
    assert said("a/b") == []
    assert "HF_HUB_CACHE=/shared/hub " in hand_over.planned(from_table({"model": {"name": "a/b"}}), "slurm")


def test_what_needs_several_machines_is_not_begun_on_one(home: Path) -> None:
    told = from_table({"model": {"name": "a/b"}, "cluster": {"nodes": 2}})
    assert next(it.key for it in preflight(told) if it.blocking) == "cluster.nodes"
    assert "cluster.nodes" not in [it.key for it in hand_over.look(told, "skypilot")]


def test_the_state_of_a_watched_run_follows_its_job() -> None:
    told = [*begun(events.Finished(outcome="paused")), events.EngineSeen(alive=True, queued=True, reason="waits")]
    waits = fold_all(told)
    assert (waits.status, waits.hindrance) == ("waiting", "waits")
    assert fold_all([events.Resumed(step=0, path=""), events.EngineSeen(alive=True)], waits).status == "loading"
    assert fold_all([events.EngineSeen(alive=False, reason="cancelled")], waits).status == "crashed"
