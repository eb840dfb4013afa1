"""What is handed to Slurm is a script that says what the session says, whatever its names are."""

from __future__ import annotations

import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tui.run import hand_over
from tui.run.folder import RunFolder
from tui.run.requirements import differences, pinned
from tui.run.slurm_script import sbatch_script
from tui.session.file import from_table, load

PYTHON = Path("/opt/a b/python")


def script(folder: Path = Path("/shared/runs/one"), device: str = "auto", **cluster: Any) -> str:
    session = from_table({"model": {"name": "a/b", "device": device}, "cluster": cluster})
    return sbatch_script(session, RunFolder(folder), PYTHON)


def options(text: str) -> list[str]:
    return [line.removeprefix("#SBATCH --") for line in text.splitlines() if line.startswith("#SBATCH ")]


@pytest.mark.parametrize(
    ("key", "value", "line"),
    [
        ("nodes", 3, "nodes=3"),
        ("gpus_per_node", 4, "gpus-per-node=4"),
        ("cpus_per_task", 8, "cpus-per-task=8"),
        ("mem", "64G", "mem=64G"),
        ("time", "2-00:00:00", 'time="2-00:00:00"'),
        ("partition", "gpu", "partition=gpu"),
        ("account", "lab", "account=lab"),
        ("qos", "high", "qos=high"),
        ("constraint", 'a100&80gb|"x"', 'constraint="a100&80gb|\\"x\\""'),
        ("sbatch_options", ("--exclusive",), "exclusive"),
    ],
)
def test_each_key_becomes_its_line(key: str, value: object, line: str) -> None:
    assert line in options(script(**{key: value}))
    assert line not in options(script())


def test_processes_of_one_machine_are_the_engines_own_and_those_of_several_meet_on_the_first() -> None:
    one, two = script(nproc_per_node=4), script(nproc_per_node=4, nodes=2, max_restarts=1)
    assert "gpus-per-node=4" in options(one) and "torch.distributed.run" not in one
    assert '--nnodes="$SLURM_NNODES" --nproc-per-node=4 --max-restarts=1' in two
    assert '--rdzv-endpoint="$address:$port"' in two and "$((20000 + SLURM_JOB_ID % 20000))" in two


def test_what_is_not_said_is_left_to_the_cluster() -> None:
    asked = {line.partition("=")[0] for line in options(script())}
    usual = {"job-name", "output", "open-mode", "requeue", "signal", "nodes", "ntasks-per-node"}
    assert asked == usual | {"gpus-per-node"}
    assert {line.partition("=")[0] for line in options(script(device="cpu"))} == usual


def test_further_options_come_last_and_so_go_before_the_others() -> None:
    assert options(script(sbatch_options=("--signal=B:USR1@600",)))[-1] == "signal=B:USR1@600"


@pytest.mark.parametrize("name", ["plain", "a b'c", 'say "hi"', "$(touch x)`touch x`;&|<>*?\\", "100%j", "-x", "ü\tö"])
@pytest.mark.parametrize("nodes", [1, 2])
def test_no_name_can_be_more_than_a_name(tmp_path: Path, name: str, nodes: int) -> None:
    """The shell reads the script as it is meant, and in the run's own variable is the folder, letter by letter."""
    folder = tmp_path / name
    text = script(folder, nodes=nodes)
    checked = subprocess.run(["bash", "-n"], input=text, text=True, capture_output=True, check=False)
    assert (checked.returncode, checked.stderr) == (0, "")
    assigned = [line for line in text.splitlines() if line.startswith(("run=", "python="))]
    said = subprocess.run(
        ["bash", "-c", "\n".join([*assigned, 'printf "%s\\0%s" "$run" "$python"'])],
        capture_output=True, text=True, check=True, cwd=tmp_path,
    )  # fmt: skip
    assert said.stdout.split("\0") == [str(folder), str(PYTHON)]
    assert list(tmp_path.iterdir()) == []


def test_a_percent_sign_of_a_folder_means_itself_to_slurm() -> None:
    assert 'output="/r/100%%j/engine.log"' in options(script(Path("/r/100%j")))


def test_the_folder_of_a_job_holds_all_that_belongs_to_it(home: Path, tmp_path: Path) -> None:
    """A loss that is changed after it was handed over would train something that nobody asked for."""
    (tmp_path / "own loss.py").write_text("def f(): ...\n")
    (tmp_path / "t.jsonl").write_text('{"text": "a"}\n')
    told = {"data": {"source": str(tmp_path / "t.jsonl")}, "training": {"custom_loss": f"{tmp_path}/own loss.py:f"}}
    folder = hand_over.write(from_table({"model": {"name": "a/b", "device": "0,1"}} | told), "slurm")
    session = load(folder.session)
    assert session.training.custom_loss == f"{folder.job}/own loss.py:f"
    assert (folder.job / "own loss.py").read_text() == "def f(): ...\n"
    assert (session.data.source, session.model.device) == (str(tmp_path / "t.jsonl"), "auto")  # Slurm gives the GPUs
    assert session.chat.keep_loaded_minutes == 0  # nobody talks to the result there, and the machines are wanted by others
    assert shlex.quote(str(folder.path)) in (folder.job / "job.sbatch").read_text()
    assert {path.stat().st_mode & 0o077 for path in (folder.path, folder.job, folder.session)} == {0}


def test_nothing_is_left_of_a_job_that_could_not_be_written(home: Path, tmp_path: Path) -> None:
    gone = from_table({"model": {"name": "a/b"}, "training": {"custom_loss": f"{tmp_path}/gone.py:f"}})
    with pytest.raises(OSError, match=r"gone\.py"):
        hand_over.write(gone, "slurm")
    assert list((home / "runs").iterdir()) == []


def test_other_versions_are_told_by_name() -> None:
    here = pinned()
    assert "torch==" in here and differences(here) == []
    assert differences("torch==0.1\nnot-there==2\n")[0].endswith("where the session was written with 0.1")
    assert differences("not-there==2\n") == ["not-there is missing where the session was written with 2"]
