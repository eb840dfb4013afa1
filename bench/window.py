"""``python bench/window.py [--rounds 5] [--seconds 20] [--history 2000] [--json FILE]``: the window against its bars.

The first painted frame, in turn with Textual's hello world; processor, memory and bytes to the terminal while a run logs ten
updates a second and Live shows it at 120×36. How soon a key is seen is measured by ``bench/chat_typing.py``.
"""

from __future__ import annotations

import argparse
import math
import os
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
from report import Row, report
from terminal import WINDOW, Terminal

from tui.run import events
from tui.run.folder import RunFolder, create_run
from tui.run.lines import append_line
from tui.run.lock import acquire, beat
from tui.session.file import from_table

HELLO = """
from textual.app import App
from textual.widgets import Label
class Hello(App):
    def compose(self):
        yield Label("hello world")
Hello().run()
"""
FIRST = b"Letters find a model"
SIZE = (120, 36)
RATE = 10
"""Updates a second."""
SETTLED_S = 6.0
"""So long after a place is shown the window has come to rest."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--history", type=int, default=2000)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    frames = _frames(given.rounds)
    load = _load(given.seconds, given.history)
    rows = [
        Row("first frame", frames[1], bare=frames[0], bar=1 / 2.5),
        Row("first frame", frames[1], bar=0.6),
        Row("processor, 10 updates/s", load[0], "% of a core", bar=10),
        Row("memory", load[1], "MB", bar=150),
        Row("to the terminal", load[2], "kB/s", bar=8),
    ]
    report(rows, given.json)


def _frames(rounds: int) -> tuple[float, float]:
    """Seconds to the first frame of hello world and of ours: the medians of some starts in turn."""
    hello, ours = [], []
    for _ in range(rounds):
        hello.append(_first_frame([sys.executable, "-c", HELLO], b"hello world"))
        ours.append(_first_frame(WINDOW, FIRST))
    return statistics.median(hello), statistics.median(ours)


def _first_frame(words: list[str] | tuple[str, ...], text: bytes) -> float:
    with tempfile.TemporaryDirectory() as home:
        os.environ["UNSLOTH_TUI_HOME"] = home
        terminal = Terminal(80, 24, words)
        terminal.wait(text)
        took = time.monotonic() - terminal.began
        terminal.end()
    return took


def _load(seconds: float, history: int) -> tuple[float, float, float]:
    """Percent of a core, MB, and kB a second to the terminal."""
    with _watching(history) as terminal:
        process = psutil.Process(terminal.program.pid)
        busy, sent = sum(process.cpu_times()[:2]), len(terminal.shown)
        time.sleep(seconds)
        busy, sent = sum(process.cpu_times()[:2]) - busy, len(terminal.shown) - sent
        return 100 * busy / seconds, process.memory_info().rss / 1e6, sent / seconds / 1e3


@contextmanager
def _watching(history: int) -> Iterator[Terminal]:
    """The window on a run that logs; this program plays the engine."""
    with tempfile.TemporaryDirectory() as home:
        os.environ["UNSLOTH_TUI_HOME"] = home
        folder = create_run(from_table({"run": {"name": "played"}}))
        acquire(folder.lock)
        plan = events.Planned(
            steps=100_000, epochs=1, examples=1000, trained_parameters=1, all_parameters=2, device="played"
        )
        told = [plan, events.PhaseChanged(phase="training"), *map(_step, range(1, history + 1))]
        folder.events.write_text("".join(map(events.to_line, told)))
        until = threading.Event()
        threading.Thread(target=_play, args=(folder, history, until), daemon=True).start()
        terminal = Terminal(*SIZE)
        try:
            terminal.wait(b"played")
            time.sleep(SETTLED_S)
            yield terminal
        finally:
            until.set()
            terminal.end()


def _play(folder: RunFolder, history: int, until: threading.Event) -> None:
    number = history
    while not until.wait(1 / RATE):
        number += 1
        append_line(folder.events, events.to_line(_step(number)))
        beat(folder.lock)


def _step(number: int) -> events.StepDone:
    loss = 3 * math.exp(-number / 500) + 0.1 * math.sin(number)
    return events.StepDone(
        step=number, epoch=number / 1000, loss=loss, learning_rate=2e-4, grad_norm=1.0, tokens=number * 500,
        tokens_per_s=5000.0, seconds=0.1, peak_memory_bytes=1 << 33,
    )  # fmt: skip


if __name__ == "__main__":
    main()
