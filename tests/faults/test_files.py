"""Whatever happens to the files of a run: no event that can still be read is lost, and what is said of the run is true.

`uv run pytest -s tests/faults/test_files.py` prints the table of faults and phases.
"""

from __future__ import annotations

import re
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from tests.faults.files import CHECKPOINTS, DAMAGES, FILES, PARTS, RECORDED, Damage, Moment, make, moments
from tests.run.conftest import write_holder
from tui.engine.checkpoints import what_is_wrong
from tui.engine.resuming import begin
from tui.run import commands, events, watcher
from tui.run.folder import RunFolder
from tui.run.going_on import why_not
from tui.run.lines import Tail
from tui.run.listing import Listing, read_row
from tui.run.state import ENDED, RunState, fold_all
from tui.run.watcher import read_events, read_state
from tui.session.file import SessionError

MOMENTS = moments()
SHORT = ("starting, gone", "checkpointing, gone", "finished")
"""The phases of the short version."""
Outcome = tuple[str, str, str]
"""File, what happened to it, what is said of the run."""


def whole_lines(path: Path) -> list[events.Event]:
    """The events that are still whole in a file, looked for without the product's own reader of files."""
    try:
        lines = path.read_bytes().split(b"\n")
    except OSError:
        return []
    return [event for line in lines[:-1] if (event := events.from_line(line)) is not None]


def told(found: Iterable[events.Event]) -> list[str]:
    """Events to be compared: not a number is not equal to itself, and one whose time is damaged is told at another."""
    return [re.sub(r"time=[\d.]+", "", repr(it)) for it in found]


def resumed(folder: RunFolder) -> str:
    """Where an engine would go on, or why it would not."""
    try:
        _, start = begin(folder, commands.Resume(), lambda event: None)
    except SessionError as error:
        assert str(error)
        return "the session is refused"
    if start.checkpoint is None:
        return "begins anew"
    assert what_is_wrong(start.checkpoint) == ""
    return f"goes on from {start.step}"


def told_of(folder: RunFolder, moment: Moment) -> str:
    """What is said of a damaged run, once it is seen to be true."""
    kept = whole_lines(folder.events)
    state = read_state(folder)
    if folder.events.is_file():
        assert told(read_events(folder)) == told(kept)
    truth = fold_all(kept)
    lock_is_whole = moment.alive and state.engine_alive
    if truth.ended:
        assert state.status == truth.status
    elif lock_is_whole:
        assert state.status not in ENDED
    else:
        assert state.status == "crashed" and state.failure and state.failure.text
    assert [it.step for it in state.steps] == [it.step for it in truth.steps]
    row = read_row(folder)
    assert (row.status, row.step) == (state.status, state.steps[-1].step if state.steps else 0)
    if folder.session.is_file():
        assert any(it.status == state.status for it in Listing().rows())
    reason = why_not(folder)
    if state.ended and not state.engine_alive:
        return f"{state.status}; {reason or resumed(folder)}"
    return state.status


def faults() -> Iterator[tuple[str, str, Damage]]:
    for name in FILES:
        for what, damage in DAMAGES.items():
            yield name, what, damage
    for part in PARTS:
        for what in ("cut off", "garbled", "empty", "missing", "ends in zeros", "a folder in its place"):
            yield f"checkpoints/checkpoint-{CHECKPOINTS[-1]}/{part}", what, DAMAGES[what]


@pytest.mark.slow
@pytest.mark.parametrize("phase", [it if it in SHORT else pytest.param(it, marks=pytest.mark.faults) for it in MOMENTS])
def test_what_is_said_of_a_run_is_true_whatever_happened_to_its_files(
    phase: str, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watcher, "STARTING_S", 0.0)
    moment = MOMENTS[phase]
    write_holder(tmp_path / "holder")
    outcomes: list[Outcome] = []
    for name, what, damage in faults():
        folder = make(home, moment, (tmp_path / "holder").read_text())
        path = folder.path / name
        if not path.exists():
            continue
        if path.stat().st_size or damage not in (DAMAGES["garbled"], DAMAGES["a block is noise"]):
            damage(path)
        outcomes.append((name.rpartition("/")[2], what, told_of(folder, moment)))
        assert not [it for it in folder.path.rglob("*") if it.name.startswith(".")], "a temporary file is left"
    print(f"\n{phase}: {len(outcomes)} faults")
    for (name, said), count in sorted(Counter((name, said) for name, _, said in outcomes).items()):
        print(f"  {name:28} {count:>3} × {said[:90]}")


def test_a_run_folder_that_is_deleted_while_it_is_watched_has_crashed(home: Path, tmp_path: Path) -> None:
    write_holder(tmp_path / "holder")
    folder = make(home, MOMENTS["training, alive"], (tmp_path / "holder").read_text())
    assert read_state(folder).status == "training"
    shutil.rmtree(folder.path)
    state = read_state(folder)
    assert (state.status, list(state.steps)) == ("crashed", [])
    assert Listing().rows() == []


def test_a_run_folder_that_is_replaced_while_it_is_watched_is_told_from_its_beginning(home: Path, tmp_path: Path) -> None:
    write_holder(tmp_path / "holder")
    folder = make(home, MOMENTS["training, alive"], (tmp_path / "holder").read_text())
    tail = Tail(folder.events)
    state = fold_all(filter(None, map(events.from_line, tail.read())), RunState())
    assert len(state.steps) > 20
    shutil.rmtree(folder.path)
    folder = make(home, MOMENTS["loading, alive"], (tmp_path / "holder").read_text())
    found = list(filter(None, map(events.from_line, tail.read())))
    assert len(found) == len([line for line in RECORDED[: MOMENTS["loading, alive"].told] if events.from_line(line)])
