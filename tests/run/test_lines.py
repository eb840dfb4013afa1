"""No line of a growing file is lost, read twice or read half, however many write to it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from tui.run import lines
from tui.run.lines import Tail, append_line


def test_a_half_written_line_waits_for_its_end(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    tail = Tail(path)
    path.write_bytes(b"one\ntw")
    assert list(tail.read()) == [b"one"]
    assert list(tail.read()) == []
    with path.open("ab") as stream:
        stream.write(b"o\nthree\n")
    assert list(tail.read()) == [b"two", b"three"]


def test_what_is_written_after_a_line_that_a_full_disk_cut_off_is_not_lost_with_it(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_bytes(b'one\n{"half')
    append_line(path, "two\n")
    assert list(Tail(path).read()) == [b"one", b'{"half', b"two"]


def test_a_line_that_is_written_only_half_is_reported(tmp_path: Path) -> None:
    """Written by a process that may write no longer files, as on a full disk."""
    path = tmp_path / "events.jsonl"
    words = [sys.executable, "-c", LIMITED, str(path)]
    assert subprocess.run(words, capture_output=True, text=True, check=True).stdout == "refused\n"
    append_line(path, "whole\n")
    assert list(Tail(path).read())[-1] == b"whole"


def test_each_line_comes_once(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    tail = Tail(path)
    for word in ("one", "two", "three"):
        append_line(path, word + "\n")
        assert list(tail.read()) == [word.encode()]
    assert list(tail.read()) == []
    assert list(Tail(path).read()) == [b"one", b"two", b"three"]


def test_a_file_that_appears_later_is_read_from_its_start(tmp_path: Path) -> None:
    tail = Tail(tmp_path / "events.jsonl")
    assert list(tail.read()) == []
    append_line(tail.path, "one\n")
    assert list(tail.read()) == [b"one"]


def test_a_new_file_belongs_to_its_owner_alone(tmp_path: Path) -> None:
    append_line(tmp_path / "events.jsonl", "one\n")
    assert (tmp_path / "events.jsonl").stat().st_mode & 0o777 == 0o600


@given(st.lists(st.binary(max_size=30), min_size=1), st.integers(1, 9))
def test_no_cut_between_two_looks_loses_a_byte(tmp_path: Path, pieces: list[bytes], chunk: int) -> None:
    path = tmp_path / "events.jsonl"
    path.write_bytes(b"")
    tail, told = Tail(path), []
    kept, lines.CHUNK_BYTES = lines.CHUNK_BYTES, chunk
    try:
        for piece in pieces:
            with path.open("ab") as stream:
                stream.write(piece)
            told += tail.read()
    finally:
        lines.CHUNK_BYTES = kept
    assert told == b"".join(pieces).split(b"\n")[:-1]


LIMITED = """
import resource, signal, sys
from pathlib import Path
from tui.run.lines import append_line
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))
try:
    append_line(Path(sys.argv[1]), "x" * 150)
except OSError:
    print("refused")
"""

WRITER = """
import sys
from pathlib import Path
from tui.run.lines import append_line
for number in range(1500):
    append_line(Path(sys.argv[1]), '{"writer": "%s", "number": %d, "text": "%s"}\\n' % (sys.argv[2], number, "x" * 300))
"""


def test_two_writers_at_once_lose_no_line_and_mix_none(tmp_path: Path) -> None:
    path = tmp_path / "commands.jsonl"
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, str(path), name]) for name in "ab"]
    assert [writer.wait() for writer in writers] == [0, 0]
    told = [json.loads(line) for line in Tail(path).read()]
    for name in "ab":
        assert [line["number"] for line in told if line["writer"] == name] == list(range(1500))
    assert len(told) == 3000
