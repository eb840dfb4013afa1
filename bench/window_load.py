"""What the window costs while a run logs ten updates a second: processor, memory, bytes to the terminal.

    uv run python bench/window_load.py [--seconds 20] [--history 2000] [--size 120x36]

The window runs in a real pseudo-terminal and shows Live; this program plays the engine. Prints one JSON object (the bars:
10 % of one core, 150 MB, 8 kB/s).
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import json
import math
import os
import struct
import subprocess
import sys
import tempfile
import termios
import threading
import time

import psutil

from tui.run import events
from tui.run.folder import RunFolder, create_run
from tui.run.lines import append_line
from tui.run.lock import acquire, beat
from tui.session.file import from_table

RATE = 10


def step(number: int) -> events.StepDone:
    loss = 3 * math.exp(-number / 500) + 0.1 * math.sin(number)
    return events.StepDone(
        step=number, epoch=number / 1000, loss=loss, learning_rate=2e-4, grad_norm=1.0, tokens=number * 500,
        tokens_per_s=5000.0, seconds=0.1, peak_memory_bytes=1 << 33,
    )  # fmt: skip


def play(folder: RunFolder, history: int, until: threading.Event) -> None:
    """Write an update every tenth of a second, after a history."""
    number = history
    while not until.wait(1 / RATE):
        number += 1
        append_line(folder.events, events.to_line(step(number)))
        beat(folder.lock)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--history", type=int, default=2000)
    parser.add_argument("--size", default="120x36")
    given = parser.parse_args()
    columns, lines = map(int, given.size.split("x"))
    with tempfile.TemporaryDirectory() as home:
        os.environ["UNSLOTH_TUI_HOME"] = home
        folder = create_run(from_table({"run": {"name": "played"}}))
        acquire(folder.lock)
        plan = events.Planned(
            steps=100_000, epochs=1, examples=1000, trained_parameters=1, all_parameters=2, device="played"
        )
        told = [plan, events.PhaseChanged(phase="training"), *map(step, range(1, given.history + 1))]
        folder.events.write_text("".join(map(events.to_line, told)))
        until = threading.Event()
        threading.Thread(target=play, args=(folder, given.history, until), daemon=True).start()
        ours, theirs = os.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        window = subprocess.Popen(
            [sys.executable, "-m", "tui", "attach"], stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
            env=os.environ | {"TERM": "xterm-256color", "COLORTERM": "truecolor"},
        )  # fmt: skip
        os.close(theirs)
        sent = [0]

        def read() -> None:
            with contextlib.suppress(OSError):  # the window is gone
                while piece := os.read(ours, 1 << 16):
                    sent[0] += len(piece)

        threading.Thread(target=read, daemon=True).start()
        time.sleep(6)  # the start is measured elsewhere
        process = psutil.Process(window.pid)
        busy, bytes_before = sum(process.cpu_times()[:2]), sent[0]
        time.sleep(given.seconds)
        busy = sum(process.cpu_times()[:2]) - busy
        told_of = {
            "cpu_percent_of_a_core": 100 * busy / given.seconds,
            "resident_mb": process.memory_info().rss / 1e6,
            "kb_per_s": (sent[0] - bytes_before) / given.seconds / 1e3,
        }
        until.set()
        window.kill()
        window.wait()
    print(json.dumps({key: round(value, 1) for key, value in told_of.items()}))


if __name__ == "__main__":
    main()
