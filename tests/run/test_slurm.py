"""With a real Slurm: a job is submitted, watched, interrupted, pre-empted, goes on and is stopped; README says how."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab import Lab, at_step, poll, wait_for
from tui.machine import slurm
from tui.machine.jobs import JobError
from tui.run import commands, events
from tui.run.folder import RunFolder
from tui.run.handed import Handed, read_handed
from tui.run.process import send
from tui.run.state import RunState

pytest_plugins = ["tests.engine_fixtures"]


def answers() -> bool:
    """Whether there is a Slurm that takes jobs from here."""
    try:
        return shutil.which("sbatch") is not None and bool(slurm.partitions())
    except JobError:
        return False


pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
WITHIN_S = 240


@pytest.fixture(scope="module", autouse=True)
def real_slurm() -> None:
    """Asked for here, as a Slurm that is down is waited for."""
    if not answers():
        pytest.skip("no Slurm answers here")


@pytest.fixture(autouse=True)
def no_job_is_left(lab: Lab) -> Iterator[None]:
    yield
    for path in (lab.home / "runs").iterdir():
        if (handed := read_handed(RunFolder(path))) and handed.id:
            subprocess.run(["scancel", handed.id], check=False)
            poll(lambda id=handed.id: not slurm.jobs()[id].active, 90, "the job does not end")  # type: ignore[misc]


def told(lab: Lab, *words: str) -> str:
    """What the command line says, results and all; it has to work."""
    command = lab.command(*words, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    out, said = command.communicate(timeout=120)
    assert command.returncode == 0, said
    return out + said


def submitted(lab: Lab, path: Path, name: str, steps: int = 100_000, **cluster: object) -> RunFolder:
    """A run of the tiny model that waits in Slurm or is at work there."""
    file = lab.write_session(
        path / "session.toml",
        model={"device": "cpu"},
        training={"max_steps": steps, "save_strategy": "no", "logging_steps": 1},
        cluster={"time": "30"} | cluster,
        run={"name": name},
    )
    told_first = told(lab, "submit", str(file), "--to", "slurm", "--yes", "--json").splitlines()[0]
    return RunFolder(Path(json.loads(told_first)["folder"]))


def job_of(folder: RunFolder) -> str:
    handed = read_handed(folder)
    assert isinstance(handed, Handed)
    return handed.id


def let_it_go_on(folder: RunFolder) -> RunState:
    """A requeued job has to wait for two minutes before Slurm looks at it again, unless it is told not to."""
    waits = wait_for(folder, lambda state, event: isinstance(event, events.EngineSeen) and event.queued, WITHIN_S)
    poll(lambda: slurm.jobs()[job_of(folder)].state == "PENDING", 90, "the job does not wait")
    subprocess.run(["scontrol", "update", f"JobId={job_of(folder)}", "StartTime=now"], check=True)
    return waits


def stopped(state: RunState, event: events.Event) -> bool:
    """A condition: it has come to its end, not only to that of one turn."""
    return state.status == "stopped"


def resumed(times: int) -> object:
    return lambda state, event: len(state.resumed) == times and state.steps and state.last_step.step > state.resumed[-1].step


def test_an_interrupted_job_goes_on_where_it_was(lab: Lab, tmp_path: Path) -> None:
    """Its time is nearly up, then somebody with more rights wants the machine: what was learned is not lost, and in the end
    it stops when asked to."""
    with lab.entered():
        folder = submitted(lab, tmp_path, "it's mine")
        wait_for(folder, at_step(5), WITHIN_S)
        subprocess.run(["scancel", "--signal=USR1", "--batch", job_of(folder)], check=True)
        waits = let_it_go_on(folder)
        assert (waits.status, waits.failure) == ("waiting", None) and waits.hindrance.startswith("Slurm job")
        first = wait_for(folder, resumed(1), WITHIN_S)  # type: ignore[arg-type]
        assert first.resumed[0].step >= 5

        subprocess.run(["scontrol", "requeue", job_of(folder)], check=True)
        let_it_go_on(folder)
        second = wait_for(folder, resumed(2), WITHIN_S)  # type: ignore[arg-type]
        assert second.resumed[1].step > first.resumed[0].step
        assert [step.step for step in second.steps] == list(range(1, len(second.steps) + 1))  # none twice, none left out

        assert "was asked to stop" in told(lab, "stop", folder.name)
        wait_for(folder, stopped, WITHIN_S)
        assert (folder.adapter / "adapter_model.safetensors").is_file()
        poll(lambda: slurm.jobs()[job_of(folder)].state == "COMPLETED", 90, "the job does not end")


def test_two_machines_train_together(lab: Lab, tmp_path: Path) -> None:
    """They are one run: both are told of, they begin again when one dies, and when their time is up; both stop."""
    with lab.entered():
        folder = submitted(lab, tmp_path, "both", nodes=2, max_restarts=1)
        state = wait_for(folder, lambda state, event: bool(state.ranks) and at_step(5)(state, event), WITHIN_S)
        assert len(state.ranks) == 2
        assert slurm.jobs()[job_of(folder)].nodes == "n[1-2]"
        (second,) = [it for it in lab.processes() if it.environ().get("RANK") == "1"]
        second.kill()
        wait_for(folder, resumed(1), WITHIN_S)  # type: ignore[arg-type]
        subprocess.run(["scancel", "--signal=USR1", "--batch", job_of(folder)], check=True)
        let_it_go_on(folder)
        wait_for(folder, resumed(2), WITHIN_S)  # type: ignore[arg-type]
        told(lab, "stop", folder.name)
        wait_for(folder, stopped, WITHIN_S)
        poll(lambda: slurm.jobs()[job_of(folder)].state == "COMPLETED", 90, "the job does not end")


def test_a_job_that_waits_says_so_and_is_cancelled(lab: Lab, tmp_path: Path) -> None:
    with lab.entered():
        folder = submitted(lab, tmp_path, "later", sbatch_options=["--begin=now+1hour"])
        row = json.loads(told(lab, "runs", "later", "--json"))
        assert row["status"] == "waiting" and "waits: BeginTime, expected at" in row["reason"]
        assert f"scancel {job_of(folder)}" in told(lab, "stop", folder.name)
        poll(lambda: slurm.jobs()[job_of(folder)].state == "CANCELLED", 30, "the job still waits")
        assert json.loads(told(lab, "runs", "later", "--json"))["status"] == "stopped"


def test_a_job_that_does_not_answer_is_cancelled_the_second_time(lab: Lab, tmp_path: Path) -> None:
    with lab.entered():
        folder = submitted(lab, tmp_path, "deaf")
        poll(folder.lock.exists, 60, "the job does not begin")
        subprocess.run(["scancel", "--signal=STOP", job_of(folder)], check=True)  # it hears nothing any more
        send(folder, commands.Stop(time=time.time() - 100))
        assert "has ended its job" in told(lab, "stop", folder.name)
        poll(lambda: not slurm.jobs()[job_of(folder)].active, 90, "the job goes on")


def test_what_slurm_would_refuse_is_said_first_and_what_it_refuses_is_not_lost(lab: Lab, tmp_path: Path) -> None:
    def submit(name: str, **cluster: object) -> str:
        """What is said of a session that is not taken."""
        file = lab.write_session(tmp_path / "s.toml", model={"device": "cpu"}, cluster=cluster, run={"name": name})
        command = lab.command("submit", str(file), "--to", "slurm", "--yes", stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        _, said = command.communicate(timeout=120)
        assert command.returncode == 1
        return said

    said = submit("odd", sbatch_options=["--frob"])
    assert "cluster.sbatch_options: Slurm would not take the job: sbatch: unrecognized option '--frob'" in said
    said = submit("large", mem="9000G")
    assert "may wait for ever: allocation failure: Requested node configuration is not available" in said
    assert "it was not submitted: sbatch: error:" in said and "submit it later with: sbatch" in said
    names = [path.name for path in (lab.home / "runs").iterdir()]
    assert any(name.endswith("-large") for name in names) and not any(name.endswith("-odd") for name in names)
