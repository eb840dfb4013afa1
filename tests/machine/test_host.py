"""What is said of the box is true of this box."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

import pytest

from tui.machine.host import folder_bytes, free_disk_bytes, modified_s, oom_kills, read_host


def test_a_reading_of_this_box_makes_sense() -> None:
    reading = read_host()
    assert 0 < reading.memory_used_bytes < reading.memory_total_bytes
    assert reading.cores == os.cpu_count()
    assert 0 <= reading.cpu_percent <= 100


def test_free_space_is_known_before_the_folder_is_made(tmp_path: Path) -> None:
    free = free_disk_bytes(tmp_path / "runs" / "not" / "yet")
    assert free == pytest.approx(shutil.disk_usage(tmp_path).free, rel=0.05)


def test_a_file_that_cannot_be_read_hides_no_other(tmp_path: Path) -> None:
    for name in "abc":
        (tmp_path / name).write_bytes(b"x" * 10)
    (tmp_path / "inside").mkdir()
    (tmp_path / "inside" / "d").write_bytes(b"x" * 10)
    (tmp_path / "loop").symlink_to(tmp_path)
    link = (tmp_path / "loop").lstat().st_size
    assert folder_bytes(tmp_path) == 40 + link
    assert folder_bytes(tmp_path / "gone") == 0
    assert modified_s(tmp_path / "gone") == pytest.approx(time.time(), abs=5)


@pytest.mark.parametrize(("content", "kills"), [("oom_kill_disable 9\noom_kill 3\n", 3), ("pgfault 7\n", 0), ("", 0)])
def test_kills_for_want_of_memory_are_counted(monkeypatch: pytest.MonkeyPatch, content: str, kills: int) -> None:
    monkeypatch.setattr(Path, "read_text", lambda _: content)
    assert oom_kills() == kills


def test_a_kernel_that_does_not_count_them_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(_: Path) -> str:
        raise FileNotFoundError

    monkeypatch.setattr(Path, "read_text", missing)
    assert oom_kills() == 0
