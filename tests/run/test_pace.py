"""How long a run will take is told by the last one like it on this machine, and by no other."""

from __future__ import annotations

import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tui.run import events, fits
from tui.run.fit_events import Fitted, Trial
from tui.run.folder import RunFolder, create_run
from tui.run.lock import acquire
from tui.run.pace import RUNS_READ, TAIL_BYTES, seconds_per_example
from tui.session.file import from_table
from tui.session.schema import Session

RECORDED = Path(__file__).parent.parent / "recorded" / "demo-events.jsonl"
BATCH = 8
"""Examples an update of a session that says nothing else."""


def session_of(**sections: dict[str, Any]) -> Session:
    told: dict[str, dict[str, Any]] = {"model": {"name": "a/b"}, "data": {"source": "/train.jsonl"}}
    return from_table({name: told.get(name, {}) | sections.get(name, {}) for name in told.keys() | sections.keys()})


def update(seconds: float) -> str:
    return events.to_line(events.StepDone(step=1, epoch=0.1, loss=1.0, learning_rate=0.0, seconds=seconds))


def has_run(session: Session, *seconds: float, age: int = 0) -> RunFolder:
    """A run whose updates took so long; `age` is how many runs came after it."""
    folder = create_run(session)
    folder.events.write_text("".join(map(update, seconds)))
    os.utime(folder.session, (1e9 - age, 1e9 - age))
    return folder


def test_before_the_first_run_nothing_is_foretold() -> None:
    assert seconds_per_example(session_of()) is None


def test_the_middle_update_tells_the_pace() -> None:
    """The first one is slow and one may be interrupted; neither should count."""
    has_run(session_of(), 90.0, 2.0, 2.0, 2.0, 500.0)
    assert seconds_per_example(session_of()) == 2.0 / BATCH


def test_the_pace_is_that_of_an_example_not_of_an_update() -> None:
    has_run(session_of(training={"per_device_train_batch_size": 4, "gradient_accumulation_steps": 1}), 2.0)
    assert seconds_per_example(session_of()) == 0.5


def test_the_last_run_counts() -> None:
    has_run(session_of(), 8.0, age=2)
    has_run(session_of(), 4.0, age=1)
    assert seconds_per_example(session_of()) == 4.0 / BATCH


OTHERS: list[dict[str, dict[str, Any]]] = [
    {"model": {"name": "c/d"}},
    {"model": {"max_seq_length": 512}},
    {"model": {"load_in_16bit": True}},
    {"model": {"load_in_8bit": True}},
    {"model": {"full_finetuning": True}},
    {"model": {"device": "cpu"}},
    {"data": {"source": "/other.jsonl"}},
    {"training": {"packing": True}},
]


@pytest.mark.parametrize("other", OTHERS, ids=str)
def test_a_run_of_another_kind_says_nothing(other: dict[str, dict[str, Any]]) -> None:
    has_run(session_of(), 4.0, age=1)
    has_run(session_of(**other), 400.0)
    assert seconds_per_example(session_of()) == 4.0 / BATCH
    assert seconds_per_example(session_of(**other)) == 400.0 / BATCH


def test_what_does_not_change_the_pace_may_differ() -> None:
    has_run(session_of(run={"name": "first"}, training={"learning_rate": 1e-3, "max_steps": 5}), 4.0)
    assert seconds_per_example(session_of()) == 4.0 / BATCH


def test_a_run_on_another_machine_says_nothing_about_this_one() -> None:
    """Runs of several machines may lie in one home."""
    acquire(has_run(session_of(), 4.0, age=1).lock)
    elsewhere = has_run(session_of(), 400.0)
    elsewhere.lock.write_text(json.dumps({"pid": 1, "started": 1.0, "host": "elsewhere"}))
    assert seconds_per_example(session_of()) == 4.0 / BATCH


def test_a_run_that_never_made_an_update_is_passed_over() -> None:
    has_run(session_of(), 4.0, age=2)
    has_run(session_of(), age=1)
    create_run(session_of())  # without any events
    assert seconds_per_example(session_of()) == 4.0 / BATCH


def test_damaged_runs_are_passed_over() -> None:
    has_run(session_of(), 4.0, age=2)
    has_run(session_of(), 5.0, age=1).session.write_text("[training]\nfrom_the_future = 1\n")
    has_run(session_of()).events.write_bytes(b'\xff\n{"kind": "step"}\nnonsense\n')
    assert seconds_per_example(session_of()) == 4.0 / BATCH


def test_a_long_run_is_read_from_its_end() -> None:
    folder = has_run(session_of())
    folder.events.write_text(update(100.0) * 2000 + update(2.0) * 1000)
    assert folder.events.stat().st_size > 2 * TAIL_BYTES
    assert seconds_per_example(session_of()) == 2.0 / BATCH


def test_a_hundred_other_runs_are_not_all_read() -> None:
    has_run(session_of(), 4.0, age=RUNS_READ)
    for number in range(RUNS_READ):
        has_run(session_of(model={"name": "c/d"}), 1.0, age=number)
    assert seconds_per_example(session_of()) is None


def test_the_recorded_demo_has_a_pace() -> None:
    has_run(session_of()).events.write_bytes(RECORDED.read_bytes())
    pace = seconds_per_example(session_of())
    assert pace is not None and 0.01 < pace < 10


def test_damaged_measurements_and_a_full_disk_take_no_other_measurement_with_them(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured = Fitted(id="1", device="CPU", trials=(Trial({}, "own", "as it is", seconds=1.0, examples=2),))
    fits.keep(session_of(), measured)
    whole = fits.place().read_bytes()
    fits.place().write_bytes(b"\xff\n" + whole.replace(b'"examples": 2', b'"examples": 0') + whole)
    fits.keep(session_of(), measured)
    assert [it.seconds_per_example for it in fits.kept()] == [0.5, 0.5]
    monkeypatch.setattr(fits, "place", lambda: home / "fits.jsonl" / "no folder")
    fits.keep(session_of(), measured)


def test_windows_that_measure_at_once_lose_nothing_and_the_oldest_measurements_go() -> None:
    measured = Fitted(id="1", device="CPU", trials=(Trial({}, "own", "as it is", seconds=1.0, examples=2),))
    with ThreadPoolExecutor(8) as windows:
        list(windows.map(lambda _: fits.keep(session_of(), measured), range(40)))
    assert len(list(fits.kept())) == 40
    line = fits.place().read_text().splitlines()[0] + "\n"
    fits.place().write_text(line * (2 * fits.MOST_KEPT - 1))
    fits.keep(session_of(), measured)
    assert len(list(fits.kept())) == fits.MOST_KEPT
