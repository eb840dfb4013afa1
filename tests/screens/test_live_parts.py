"""What Live draws with: columns of a million updates, means, strips, gauges."""

from __future__ import annotations

import re
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from tests.screens.conftest import GPU, RECORDED
from tests.screens.test_live import PLAN, step
from tui.machine.readings import GpuUser, HostReading
from tui.run import events
from tui.run.events import RankReading
from tui.run.folder import RunFolder
from tui.run.state import RunState, Series, fold, fold_all
from tui.screens.live_figures import essential_lines, groups
from tui.screens.live_text import headline
from tui.widgets.curve_data import Columns, running_mean, thin
from tui.widgets.gauges import gpu_gauges, host_gauges
from tui.widgets.sparkline import sparkline


def test_a_million_updates_are_taken_in_once_and_thinned_to_their_extremes() -> None:
    one = step(1)
    columns = Columns()
    columns.follow(Series([one] * 300_000))
    values = np.sin(np.arange(1_000_000) / 1000)
    values[123_456] = 50.0
    begun = time.perf_counter()
    x, y = thin(np.arange(1_000_000.0), running_mean(values, 1.0), 400)
    assert time.perf_counter() - begun < 1
    assert len(x) < 450 and y.max() == 50.0 and x[y.argmax()] == 123_456
    assert len(columns) == 300_000


def test_the_running_mean_is_that_of_its_definition() -> None:
    values = np.array([3.0, 2.0, np.nan, 4.0, *np.linspace(4, 1, 3000)])
    mean, expected, past = 0.0, [], 1 - 1 / 5
    for number, value in enumerate(values[np.isfinite(values)], 1):
        mean = past * mean + (1 - past) * value
        expected.append(mean / (1 - past**number))
    found = running_mean(values, 5.0)
    assert np.allclose(found[np.isfinite(values)], expected) and np.isnan(found[2])


def test_a_resumed_run_forgets_the_curve_beyond_its_checkpoint() -> None:
    columns, first = Columns(), Series(step(number) for number in range(1, 50))
    columns.follow(first)
    columns.follow(Series([*first[:20], *(step(number, 9.0) for number in range(21, 60))]))
    assert columns["step"].tolist() == list(range(1, 60))
    assert columns["loss"][30] == 9.0


def test_another_process_on_the_gpu_is_named_and_the_engine_is_not() -> None:
    gpu = replace(GPU, users=(GpuUser(7, "engine", None), GpuUser(8, "blender", 3 << 30)))
    shared = [gauge.text for gauge in gpu_gauges(gpu, own_pids=frozenset({7})) if gauge.label == "shared"]
    assert shared == ["blender 8 3 GiB"]


def test_a_memory_of_terabytes_is_told_in_whole_numbers() -> None:
    gpu = replace(GPU, memory_used_bytes=50 << 20, memory_total_bytes=141 << 30)
    assert gpu_gauges(gpu)[0].text == "0.0488/141 GiB"
    assert host_gauges(HostReading(0.0, 192, 1234 << 30, 2015 << 30))[1].text == "1,234/2,015 GiB"


def test_each_of_several_processes_is_told_and_one_alone_is_not() -> None:
    alone = RunState(steps=Series([step(1)]))
    assert "Processes" not in [group.title for group in groups(alone, 0.0)]
    ranks = tuple(
        RankReading(rank=at, host="a", device=f"GPU {at}", tokens_per_s=900.0 + at, peak_memory_bytes=3 << 30)
        for at in (0, 1)
    )
    told = replace(alone, ranks=ranks)
    assert groups(told, 0.0)[-1].lines() == [
        "Processes", "  rank 0        900/s, 3 GiB, GPU 0", "  rank 1        901/s, 3 GiB, GPU 1",
    ]  # fmt: skip
    assert "processes 2, 900–901/s" in essential_lines(told, 0.0, 0)


def test_a_strip_shows_the_oldest_first() -> None:
    assert sparkline([0.0, 0.5, 1.0], 3) == "▁▅█"
    assert sparkline([0.5], 4) == "▅▅▅▅"
    assert sparkline([], 4) == ""


def test_no_figure_moves_another_while_a_run_goes_on() -> None:
    state, seen = RunState(), set()
    for line in RECORDED.read_bytes().splitlines():
        event = events.from_line(line)
        state = fold(state, event) if event else state
        if state.started and not state.ended:
            *rows, _, _ = essential_lines(state, state.last_event, 0)  # the last two are for what has gone wrong
            seen.add(tuple(re.split(r" {2,}", row)[0].replace("so far", "left") for row in rows))
    assert seen == {("update", "left", "ends", "", "loss", "held out", "", "speed", "memory", "")}


def test_a_run_that_told_nothing_before_it_crashed_has_no_time_of_its_end() -> None:
    gone = fold(RunState(), events.EngineSeen(alive=False, reason="the engine is gone without a word"))
    assert not any(line.startswith(("ended", "took")) for line in essential_lines(gone, 1e9, 0))


def test_a_run_that_got_no_better_says_that_it_ended_early() -> None:
    state = fold_all([PLAN, step(30), events.Finished(outcome="early-stopped", result="x")])
    assert headline(RunFolder(Path("a")), state, 0.0) == "a finished early, as nothing got better any more; c talks to it"
    whole = fold_all([PLAN, step(PLAN.steps), events.Finished(outcome="completed", result="x")])
    assert headline(RunFolder(Path("a")), whole, 0.0) == "a finished; c talks to it"


def test_a_run_without_a_result_goes_on_from_its_checkpoint_unless_it_was_thrown_away() -> None:
    saved = events.Checkpointed(time=1010.0, step=9, path="checkpoint-9", bytes=7)
    told = {it: fold_all([step(9), saved, events.Finished(outcome=it)]) for it in ("stopped", "discarded")}  # type: ignore[arg-type]
    assert headline(RunFolder(Path("a")), told["stopped"], 0.0) == "a stopped; r goes on from its last checkpoint"
    assert "nothing was kept" in headline(RunFolder(Path("a")), told["discarded"], 0.0)
