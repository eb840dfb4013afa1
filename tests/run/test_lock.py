"""A run never has two engines, and a dead engine is never taken for a living one."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tui.run.lock import STALE_S, Holder, LockHeld, acquire, beat, holder_of, is_held, is_running

HOLDER = """
import sys
from pathlib import Path
from tui.run.lock import LockHeld, acquire
try:
    acquire(Path(sys.argv[1]))
except LockHeld as error:
    sys.exit(f"refused: {error}")
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def holder(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds the lock until its stdin is closed or it is killed."""
    words = [sys.executable, "-c", HOLDER, str(tmp_path / "engine.lock")]
    process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin and process.stdout and process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.wait()
    process.stdin.close()
    process.stdout.close()


def test_a_second_engine_is_refused_and_the_first_one_stays_named(tmp_path: Path, holder: subprocess.Popen[str]) -> None:
    lock = tmp_path / "engine.lock"
    with pytest.raises(LockHeld, match=f"another engine works in {tmp_path}"):
        acquire(lock)
    told = holder_of(lock)
    assert told is not None and told.pid == holder.pid
    words = [sys.executable, "-c", HOLDER, str(lock)]
    second = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    assert (second.returncode, second.stderr) == (1, f"refused: another engine works in {tmp_path}\n")
    assert holder_of(lock) == told


def test_a_drive_without_locks_is_not_taken_for_another_engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr("fcntl.flock", refused)
    with pytest.raises(OSError, match="No locks available"):
        acquire(tmp_path / "engine.lock")


def test_an_engine_counts_as_alive_until_it_is_killed(tmp_path: Path, holder: subprocess.Popen[str]) -> None:
    lock = tmp_path / "engine.lock"
    assert is_held(lock)
    holder.kill()
    os.waitid(os.P_PID, holder.pid, os.WEXITED | os.WNOWAIT)
    assert not is_held(lock)  # dead, though its parent has not looked yet
    holder.wait()
    assert not is_held(lock)
    handle = acquire(lock)
    assert is_held(lock)
    os.close(handle)


def test_the_lock_belongs_to_its_owner_alone(tmp_path: Path) -> None:
    os.close(acquire(tmp_path / "engine.lock"))
    assert (tmp_path / "engine.lock").stat().st_mode & 0o777 == 0o600


def test_a_shorter_holder_leaves_nothing_of_a_longer_one(tmp_path: Path) -> None:
    lock = tmp_path / "engine.lock"
    lock.write_text("x" * 500)
    os.close(acquire(lock))
    me = psutil.Process()
    assert holder_of(lock) == Holder(me.pid, me.create_time(), os.uname().nodename)


def test_a_process_that_got_the_number_of_a_dead_engine_is_not_the_engine() -> None:
    me = psutil.Process()
    assert is_running(Holder(me.pid, me.create_time(), ""))
    assert not is_running(Holder(me.pid, me.create_time() - 60, ""))


def test_a_number_that_nobody_has_is_dead(nobody: int) -> None:
    assert not is_running(Holder(nobody, time.time(), ""))


@pytest.mark.parametrize(
    "content", [None, "", "{", "[]", "5", '{"pid": 1}', '{"pid": "x", "started": 0, "host": ""}', "\xff"]
)
def test_a_missing_or_damaged_lock_is_held_by_nobody(tmp_path: Path, content: str | None) -> None:
    lock = tmp_path / "engine.lock"
    if content is not None:
        lock.write_text(content, encoding="latin-1")
    assert holder_of(lock) is None
    assert not is_held(lock)


def test_an_engine_on_another_host_lives_as_long_as_it_beats(tmp_path: Path, nobody: int) -> None:
    lock = tmp_path / "engine.lock"
    lock.write_text(f'{{"pid": {nobody}, "started": 1.0, "host": "another-host"}}')
    assert is_held(lock)
    old = time.time() - STALE_S - 1
    os.utime(lock, (old, old))
    assert not is_held(lock)
    beat(lock)
    assert is_held(lock)
