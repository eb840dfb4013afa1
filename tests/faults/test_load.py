"""Long runs, many runs, many windows, restless terminals: nothing grows without bounds, and all of it stays usable."""

from __future__ import annotations

import gc
import json
import os
import random
import threading
import time
from pathlib import Path

import psutil
import pytest

from tests.faults.files import RECORDED, STEPS
from tests.faults.terminal import Terminal
from tests.lab import UNSLOTH_TUI, run_python
from tests.run.conftest import write_holder
from tests.screens.conftest import steady_machine, until  # noqa: F401
from tui.app import UnslothTui
from tui.run import events, queue
from tui.run.folder import RunFolder
from tui.run.lines import append_line
from tui.run.listing import Listing
from tui.session import file

pytestmark = [pytest.mark.slow, pytest.mark.faults, pytest.mark.timeout(3600)]

DAY_STEPS = 24 * 3600 * 20
SESSION = file.from_table({"model": {"name": "a/b"}, "data": {"source": "x.jsonl"}})
READ = """
import sys
from pathlib import Path
from tui.run.folder import RunFolder
folder = RunFolder(Path(sys.argv[2]))
if sys.argv[1] == "engine":
    from tui.engine.resuming import begin
    from tui.run import commands
    kept = len(begin(folder, commands.Resume(), lambda event: None)[1].before.steps)
else:
    from tui.run.listing import read_row
    kept = read_row(folder).step
print(kept, Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0])
"""
"""What an engine does that goes on with a run, and what the list of runs does; prints its peak in KiB."""
MOST_MIB = (2 * 16 * DAY_STEPS >> 20) + 20
"""What reading a day may take more than reading five updates: number and loss of each are 16 bytes in the list of runs, and
for a moment twice that where they are moved to find room; the rest is for the lines that are read at once."""


def peak_mib(pid: int) -> int:
    """The most memory that a process has had at once."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) >> 10


def day_of_updates(home: Path) -> RunFolder:
    """A run of 24 hours with 20 updates a second, still going on."""
    folder = RunFolder(home / "runs" / "day")
    folder.path.mkdir(parents=True)
    folder.session.write_text(file.dumps(SESSION))
    write_holder(folder.lock)
    parts = json.loads(RECORDED[STEPS[3]])
    with folder.events.open("wb") as stream:
        stream.write(b"".join(RECORDED[: STEPS[0]]))
        for step in range(1, DAY_STEPS + 1):
            parts |= {"step": step, "loss": 1 + 1 / step, "time": 1.7e9 + step / 20}
            stream.write(json.dumps(parts, separators=(",", ":")).encode() + b"\n")
    return folder


def window_peak(home: Path, folder: RunFolder, update: int) -> int:
    """The peak of a real window that shows a run up to an update."""
    terminal = Terminal([*UNSLOTH_TUI, "attach", str(folder.path)], {"UNSLOTH_TUI_HOME": str(home)}, home)
    try:
        terminal.sees("F5 Live", 240)
        terminal.sees(f" {update}/", 600)
        terminal.quiet()
        return peak_mib(terminal.process.pid)
    finally:
        terminal.close(120)


def test_a_day_of_updates_takes_bounded_memory(home: Path) -> None:
    day, short = day_of_updates(home), live_run(home)
    size = day.events.stat().st_size >> 20
    print(f"\n{DAY_STEPS:,} updates, {size} MiB of events; the peak of memory against that of a run of five updates:")
    for who in ("engine", "list"):
        began = time.monotonic()
        kept, peak = map(int, run_python("-c", READ, who, str(day.path), within_s=900).split())
        took = time.monotonic() - began
        _, usual = map(int, run_python("-c", READ, who, str(short.path)).split())
        print(f"{who}: {peak >> 10} against {usual >> 10} MiB, {took:.0f} s, {kept:,} kept")
        assert (peak - usual) >> 10 < MOST_MIB
    began = time.monotonic()
    peak = window_peak(home, day, DAY_STEPS)
    took = time.monotonic() - began
    usual = window_peak(home, short, 5)
    print(f"window: {peak} against {usual} MiB, {took:.0f} s until it is quiet")
    assert peak - usual < MOST_MIB


def test_a_thousand_runs_and_fifty_that_wait(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue, "start_keeper", lambda: True)
    told = b"".join(RECORDED)
    for number in range(1000):
        folder = RunFolder(home / "runs" / f"2026-01-01-{number:04}-x")
        folder.path.mkdir(parents=True)
        folder.session.write_text(file.dumps(SESSION))
        folder.events.write_bytes(told)
        folder.lock.write_text('{"pid": 1, "started": 1.0, "host": "elsewhere"}')
        os.utime(folder.lock, (1, 1))
    for _ in range(50):
        queue.enqueue(SESSION)
    listing = Listing()
    began = time.monotonic()
    rows = listing.rows()
    first = time.monotonic() - began
    began = time.monotonic()
    assert listing.rows() == rows
    again = time.monotonic() - began
    print(f"\n1,000 runs and 50 in the queue: listed in {first:.2f} s, again in {again:.2f} s")
    assert len(rows) == 1050 and [row.place for row in rows[:50]] == list(range(1, 51))
    assert {row.status for row in rows[50:]} == {"finished"}
    assert again < 2


def live_run(home: Path) -> RunFolder:
    """A run whose engine is this process."""
    folder = RunFolder(home / "runs" / "2026-11-23-1736-live")
    folder.path.mkdir(parents=True)
    folder.session.write_text(file.dumps(SESSION))
    folder.events.write_bytes(b"".join(RECORDED[: STEPS[5]]))
    write_holder(folder.lock)
    return folder


def a_step(number: int) -> str:
    return events.to_line(events.StepDone(step=number, epoch=0.1, loss=1 / number, learning_rate=1e-4, seconds=0.1))


def test_ten_windows_on_one_run_all_see_its_end(home: Path, tmp_path: Path) -> None:
    folder = live_run(home)
    words = [*UNSLOTH_TUI, "attach", str(folder.path)]
    windows = [Terminal(words, {"UNSLOTH_TUI_HOME": str(home)}, tmp_path) for _ in range(10)]
    try:
        for window in windows:
            window.sees("F5 Live", 240)
        for number in range(6, 300):
            append_line(folder.events, a_step(number))
            threading.Event().wait(0.05)
        append_line(folder.events, events.to_line(events.Finished(outcome="stopped")))
        for window in windows:
            window.sees("stopped", 120)
        memory = [psutil.Process(window.process.pid).memory_info().rss >> 20 for window in windows]
        print(f"\n10 windows: {sum(memory)} MiB together, the largest {max(memory)} MiB")
    finally:
        codes = [window.close(60) for window in windows]
    assert codes == [0] * 10


def test_a_terminal_that_is_resized_a_thousand_times(home: Path, tmp_path: Path) -> None:
    folder = live_run(home)
    terminal = Terminal([*UNSLOTH_TUI, "attach", str(folder.path)], {"UNSLOTH_TUI_HOME": str(home)}, tmp_path)
    chance = random.Random(5)
    try:
        terminal.sees("F5 Live", 120)
        process = psutil.Process(terminal.process.pid)
        memory = []
        for number in range(1000):
            terminal.resize(chance.randint(1, 250), chance.randint(1, 80))
            threading.Event().wait(0.02)
            if number % 250 == 249:
                memory.append(process.memory_info().rss >> 20)
        terminal.screen.resize(30, 100)
        terminal.resize(100, 30)
        terminal.press("f4")
        terminal.sees("F5 Live", 120)
        print(f"\n1,000 sizes: {memory} MiB after each quarter")
        assert memory[-1] - memory[0] < 60
    finally:
        code = terminal.close(60)
    assert code == 0


@pytest.mark.usefixtures("steady_machine")
async def test_a_window_that_is_left_open_does_not_grow(home: Path) -> None:
    """An hour of ticks and of updates, without the waiting in between."""
    folder = live_run(home)
    app = UnslothTui(run=folder)
    process, memory = psutil.Process(), []
    async with app.run_test(size=(120, 36)) as pilot:
        await until(pilot, lambda: app.run_state.last_step)
        for number in range(6, 3606):
            append_line(folder.events, a_step(number))
            for _ in range(10):
                app.drain()
            if number % 20 == 0:
                await pilot.pause()
            if number % 600 == 5:
                gc.collect()
                memory.append(process.memory_info().rss >> 20)
        await until(pilot, lambda: app.run_state.last_step and app.run_state.last_step.step == 3605)
    print(f"\nan hour of ticks: {memory} MiB after each ten minutes")
    assert memory[-1] - memory[1] < 25
