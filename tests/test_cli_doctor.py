"""`unsloth-tui doctor` in a process of its own: what it says of this box, and how it ends."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest


def doctor(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "tui", "doctor", *words],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
        env=os.environ | environment,
    )
    assert "Traceback" not in done.stdout + done.stderr
    assert done.stderr == ""
    return done


def test_every_check_is_one_aligned_line_and_the_last_says_what_can_be_trained(home: Path) -> None:
    done = doctor()
    *checks, last = done.stdout.splitlines()
    assert done.returncode == 0
    assert "up to about" in last
    for line in checks:
        assert line[:16].strip() and line[17:25].strip() in ("ok", "limited", "missing", "unknown")
        assert line[15] == line[16] == line[25] == " " != line[26]
    assert f"torch            ok       {version('torch')}".partition("+")[0] in done.stdout
    assert not home.exists()


def test_as_json_every_line_is_an_object() -> None:
    done = doctor("--json")
    *checks, last = map(json.loads, done.stdout.splitlines())
    assert done.returncode == 0 and list(last) == ["can_train"]
    assert {tuple(check) for check in checks} == {("name", "state", "found", "advice")}
    by_name = {check["name"]: check for check in checks}
    assert len(by_name) == len(checks)
    assert by_name["hub"]["state"] == "limited" and "HF_HUB_OFFLINE" in by_name["hub"]["found"]
    assert by_name["home"]["state"] == by_name["file locks"]["state"] == "ok"
    assert by_name["unsloth"] == {"name": "unsloth", "state": "ok", "found": version("unsloth"), "advice": ""}


@pytest.mark.parametrize("words", [[], ["--json"]])
def test_a_home_that_cannot_be_written_to_ends_it_with_1(tmp_path: Path, words: list[str]) -> None:
    (tmp_path / "file").write_text("")
    done = doctor(*words, UNSLOTH_TUI_HOME=str(tmp_path / "file"))
    assert done.returncode == 1
    assert "Nothing can be trained before this is put right: home" in done.stdout.splitlines()[-1]


def test_without_the_training_stack_it_still_speaks() -> None:
    """Only what the command line itself needs is on the path, as after a failed installation."""
    hide = "import sys, importlib.metadata as m\nold = m.distribution\n"
    hide += (
        "def none(name):\n    if name in ('torch', 'unsloth'): raise m.PackageNotFoundError(name)\n    return old(name)\n"
    )
    hide += "m.distribution = none\nsys.argv[1:] = ['doctor', '--json']\nfrom tui.__main__ import main\nmain()"
    done = subprocess.run([sys.executable, "-c", hide], capture_output=True, text=True, check=False)
    checks = {told["name"]: told for told in map(json.loads, done.stdout.splitlines()[:-1])}
    assert done.returncode == 1
    assert (checks["torch"]["state"], checks["unsloth"]["state"]) == ("missing", "missing")
    assert checks["torch"]["advice"].startswith("install torch==")
    assert "torch, unsloth" in done.stdout.splitlines()[-1]


def test_no_token_and_no_letter_too_many_is_printed(tmp_path: Path) -> None:
    """A folder with letters that this terminal lacks, and one that would steer it, are no reason to fall silent."""
    place = tmp_path / "caf\u00e9\x1b[2J"
    done = doctor(HF_TOKEN="hf_secret", UNSLOTH_TUI_HOME=str(place), PYTHONIOENCODING="ascii", LC_ALL="C.UTF-8")
    assert done.returncode == 0
    assert "hf_secret" not in done.stdout and "\x1b" not in done.stdout
    assert "caf\\xe9" in done.stdout


def test_nothing_of_the_training_stack_is_imported() -> None:
    program = "import sys\nfrom tui.machine.doctor import examine\nexamine()\n"
    program += "sys.exit(' '.join({'torch', 'unsloth', 'huggingface_hub', 'httpx', 'bitsandbytes'} & sys.modules.keys()))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.stderr.strip() == ""


@pytest.mark.slow
def test_asked_deeply_torch_says_what_it_sees() -> None:
    checks = {told["name"]: told for told in map(json.loads, doctor("--deep", "--json").stdout.splitlines()[:-1])}
    assert checks["torch itself"]["state"] == "ok" and "can be imported" in checks["torch itself"]["found"]


def test_a_wrong_option_is_a_usage_error() -> None:
    done = subprocess.run([sys.executable, "-m", "tui", "doctor", "x"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
