"""Whoever reads what the program prints goes away, or does not read: no traceback, and the run does not notice."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.faults.files import RECORDED, STEPS
from tests.lab import ROOT, UNSLOTH_TUI, Lab, at_step, poll, wait_for
from tests.run.conftest import write_holder
from tui.run import commands
from tui.run.folder import RunFolder
from tui.run.process import send
from tui.run.watcher import read_state
from tui.session import file

pytest_plugins = ["tests.engine_fixtures"]

SESSION = file.from_table(
    {"model": {"name": "a/b"}, "data": {"source": str(ROOT / "sample_data" / "shell" / "train.jsonl")}}
)
PIPE_BYTES = 1 << 16
"""What a pipe holds before whoever writes has to wait."""
SAYS = (
    ["watch", "finished", "--json"], ["watch", "finished"], ["runs"], ["runs", "--json"],
    ["exports"], ["check", "s.toml"], ["diff", "s.toml"], ["inspect", str(SESSION.data.source)], ["--help"], ["queue"],
    ["trash"], ["doctor"], ["doctor", "--json"],
)  # fmt: skip
"""Commands that say something."""


@pytest.fixture
def told(home: Path, tmp_path: Path) -> Path:
    """A home with a run that has said more than a pipe holds and goes on, and one that has ended; where to work."""
    file.save(SESSION, tmp_path / "s.toml")
    for name in ("finished", "live"):
        folder = RunFolder(home / "runs" / f"2026-11-28-0000-{name}")
        folder.path.mkdir(parents=True)
        file.save(SESSION, folder.session)
        folder.events.write_bytes(b"".join(RECORDED if name == "finished" else RECORDED[: STEPS[-1]]))
    write_holder(folder.lock)
    assert folder.events.stat().st_size > PIPE_BYTES / 4
    return tmp_path


def piped(words: Sequence[str], place: Path, reader: str) -> tuple[int, str]:
    """Run a command whose output another program reads; its exit code, and what it said on stderr."""
    line = f'"$@" 2>said | {reader}; echo "${{PIPESTATUS[0]}}" >code'
    subprocess.run(
        ["bash", "-c", line, "bash", *UNSLOTH_TUI, *words], cwd=place, timeout=120, check=False, capture_output=True
    )
    return int((place / "code").read_text()), (place / "said").read_text()


def quiet(code: int, said: str) -> None:
    """It may say why it failed, but not how a program falls over."""
    assert code in (0, 1), (code, said)
    assert not any(word in said for word in ("Traceback", "BrokenPipe", "Exception ignored", "Errno")), said


@pytest.mark.parametrize("reader", ["head -1", "true"])
def test_a_reader_that_goes_away_ends_what_is_said_to_it(told: Path, reader: str) -> None:
    code, said = piped(["watch", "finished", "--json"], told, reader)
    quiet(code, said)


@pytest.mark.faults
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("reader", ["head -1", "head -c 1", "true", "cat >/dev/full"])
@pytest.mark.parametrize("words", SAYS, ids=" ".join)
def test_every_command_bears_a_reader_that_goes_away(told: Path, words: list[str], reader: str) -> None:
    quiet(*piped(words, told, reader))


def test_a_full_pipe_holds_up_whoever_writes_and_can_be_interrupted(told: Path, home: Path) -> None:
    """Nobody reads, and nobody says so: as with a program that is suspended."""
    watching = subprocess.Popen(
        [*UNSLOTH_TUI, "watch", "live", "--json"], cwd=told, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        pipesize=4096, preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip
    waits = Path(f"/proc/{watching.pid}/wchan")
    poll(lambda: "pipe" in waits.read_text(), 60, "it does not wait for its reader")
    watching.send_signal(signal.SIGINT)
    assert watching.stderr is not None and watching.stdout is not None
    said = watching.stderr.read()
    assert watching.wait(30) == 130
    assert "Traceback" not in said and "goes on" in said


@pytest.mark.slow
@pytest.mark.faults
@pytest.mark.timeout(900)
def test_a_run_whose_output_nobody_reads_goes_on(lab: Lab, tmp_path: Path) -> None:
    """`run --json` into a pipe that is full, and then into one that is gone."""
    endless = {"max_steps": 100_000, "save_strategy": "no"}
    session = lab.write_session(tmp_path / "s.toml", training=endless, run={"name": "unread"})
    reading, writing = os.pipe()
    command = lab.command("run", str(session), "--json", stdout=writing, stderr=subprocess.PIPE)
    os.close(writing)
    folder = lab.run_named("unread", 120)
    wait_for(folder, at_step(1000), 600)
    assert command.poll() is None
    os.close(reading)
    _, said = command.communicate(timeout=60)
    quiet(command.returncode, said)
    seen = read_state(folder).steps[-1].step
    wait_for(folder, at_step(seen + 50), 120)
    send(folder, commands.Stop())
    poll(lambda: not lab.processes(), 60, "it does not end")
    assert read_state(folder).status == "stopped"
