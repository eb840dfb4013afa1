"""The list of runs tells what is true now, and reads again only what has changed."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.run.conftest import MakeRun, write_holder
from tui.run import listing, queue, trash
from tui.run.curve_picture import Stroke, to_svg
from tui.run.curves import HELD_OUT, RAW, TRAINING, UnknownKind, export, shapes_of, to_csv
from tui.run.events import Checkpointed, Evaluated, Event, Failed, Finished, PhaseChanged, Planned, StepDone, to_line
from tui.run.folder import RunFolder, list_runs
from tui.run.labels import Labels, write_labels
from tui.run.lines import append_line
from tui.run.listing import Listing, matching
from tui.run.state import fold_all
from tui.session.file import from_table

END = Finished(time=100, outcome="completed", result="adapter")


def step(number: int, loss: float = 1.0) -> StepDone:
    return StepDone(time=10 + number, step=number, epoch=0, loss=loss, learning_rate=1e-4, seconds=1)


def evaluated(number: int, loss: float) -> Evaluated:
    return Evaluated(time=10 + number, step=number, loss=loss, perplexity=2, best=False)


def read_files(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The event files that are read from now on."""
    read: list[Path] = []

    class Spying(listing.Tail):
        def __init__(self, path: Path) -> None:
            read.append(path)
            super().__init__(path)

    monkeypatch.setattr(listing, "Tail", Spying)
    return read


def test_a_row_tells_what_became_of_a_run(make_run: MakeRun) -> None:
    plan = Planned(time=10, steps=9, epochs=1, examples=9, trained_parameters=1, all_parameters=2, device="cpu")
    saved = Checkpointed(time=12, step=2, path="checkpoint-2", bytes=7)
    folder = make_run([plan, step(1, 3.0), evaluated(1, 0.5), step(2, 2.0), evaluated(2, 0.7), saved, END], alive=False)
    (folder.checkpoints / "checkpoint-2").mkdir(parents=True)
    (folder.checkpoints / "checkpoint-2" / "weights").write_bytes(b"x" * 1_000_000)
    (row,) = Listing().rows()
    assert (row.name, row.status, row.step, row.steps) == (folder.name, "finished", 2, 9)
    assert (row.loss, row.best_loss, row.eval_loss, row.seconds) == (2.0, 0.5, 0.7, 90)
    assert (row.model, row.data, row.checkpoints) == ("b", "x.jsonl", 1)
    assert 1_000_000 < row.size_bytes < 1_010_000


def test_an_ended_run_is_read_once_and_never_again(make_run: MakeRun, monkeypatch: pytest.MonkeyPatch) -> None:
    made = [make_run([step(1), END], alive=False, name=name) for name in ("one", "two")]
    first = Listing().rows()
    read = read_files(monkeypatch)
    again = Listing()
    assert again.rows() == again.rows() == first and read == []
    append_line(made[0].events, to_line(step(2)))
    assert {row.step for row in again.rows()} == {1, 2} and read == [made[0].events]


def test_of_a_run_that_goes_on_only_what_is_new_is_read(make_run: MakeRun, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = make_run([PhaseChanged(time=10, phase="training"), step(1)], alive=True)
    read = read_files(monkeypatch)
    rows = Listing()
    assert rows.rows()[0].step == 1
    append_line(folder.events, to_line(step(2)))
    assert rows.rows()[0].step == 2 and read == [folder.events]
    append_line(folder.events, to_line(Failed(time=20, code="nan-loss", text="it is no number")))
    assert (rows.rows()[0].status, rows.rows()[0].reason) == ("failed", "it is no number")


def test_a_killed_run_is_noticed_without_a_new_event(make_run: MakeRun) -> None:
    folder = make_run([PhaseChanged(time=10, phase="training"), step(1)], alive=True)
    rows = Listing()
    assert rows.rows()[0].status == "training"
    write_holder(folder.lock, started=1.0)
    assert rows.rows()[0].status == "crashed"
    assert "gone without a word" in Listing().rows()[0].reason


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"version": 1, "runs": {"x": 3}}', '{"version": 9}'])
def test_a_damaged_memory_is_read_anew(make_run: MakeRun, home: Path, damage: str) -> None:
    make_run([step(1), END], alive=False)
    before = Listing().rows()
    (home / "cache" / "runs.json").write_text(damage)
    assert Listing().rows() == before
    assert json.loads((home / "cache" / "runs.json").read_text())["runs"]


def test_tags_and_notes_stay_with_the_run_and_find_it(make_run: MakeRun) -> None:
    folder = make_run([END], alive=False)
    make_run([END], alive=False, name="other")
    before = folder.session.read_bytes()
    rows = Listing()
    rows.rows()
    write_labels(folder, Labels(("best", "demo"), "keep this"))
    assert folder.session.read_bytes() == before
    found = matching(rows.rows(), "BEST keep")
    assert [(row.name, row.labels) for row in found] == [(folder.name, Labels(("best", "demo"), "keep this"))]
    folder.labels.unlink()
    folder.labels.write_text("{")
    assert matching(rows.rows(), "best") == []


def test_a_run_with_a_damaged_session_is_listed_all_the_same(make_run: MakeRun) -> None:
    make_run([END], alive=False).session.write_text("[run")
    (row,) = Listing().rows()
    assert (row.status, row.model, row.tags) == ("finished", "?", ())


# figures in files


CURVE: list[Event] = [step(number, 3 / number) for number in range(1, 5000)]


def test_the_csv_has_every_update_and_every_evaluation() -> None:
    lines = to_csv(fold_all([step(1, 2.5), step(2, float("nan")), evaluated(2, 0.5), evaluated(3, 0.25)])).splitlines()
    assert lines[0].startswith("step,epoch,loss,learning_rate,") and lines[0].endswith(",eval_loss,perplexity")
    assert lines[1].startswith("1,0,2.5,0.0001,")
    assert lines[2].startswith("2,0,nan,") and lines[2].endswith(",0.5,2")
    assert lines[3] == "3,,,,,,,,,0.25,2"


def test_the_picture_is_whole_however_long_the_run_and_whatever_its_name() -> None:
    from xml.etree import ElementTree

    picture = to_svg(shapes_of(fold_all([*CURVE, evaluated(9, 0.5), evaluated(99, 0.4)]), "<&\x1b name"))
    root = ElementTree.fromstring(picture)
    texts = [it.text for it in root.iter("{http://www.w3.org/2000/svg}text")]
    assert {"<& name", "training", "held out", "update", "loss"} <= {*texts}
    lines = [it.attrib["points"].split() for it in root.iter("{http://www.w3.org/2000/svg}polyline")]
    curves = [line for line in lines if len(line) > 2]
    assert [len(line) <= 1200 for line in curves] == [True] * 2
    assert all(0 <= float(x) <= 900 and 0 <= float(y) <= 500 for line in lines for x, y in (p.split(",") for p in line))


@pytest.mark.parametrize("told", [[], [step(1)], [step(1, 0.0), step(2, 0.0)], [step(1, float("inf")), step(2, -1.0)]])
def test_a_run_with_hardly_any_figures_makes_a_picture(told: list[Event], tmp_path: Path) -> None:
    from xml.etree import ElementTree

    assert ElementTree.fromstring(to_svg(shapes_of(fold_all(told), "x"))).tag.endswith("svg")
    export(fold_all(told), "x", tmp_path / "curve.png")


def test_the_picture_of_pixels_shows_the_curves_in_their_colours(tmp_path: Path) -> None:
    from PIL import Image, ImageColor

    path = tmp_path / "curve.PNG"
    export(fold_all([*CURVE, evaluated(9, 0.5), evaluated(4000, 0.4)]), "名前 \x1b name", path)
    with Image.open(path) as image:
        assert (image.format, image.size) == ("PNG", (1800, 1000))
        seen = {colour for _, colour in image.convert("RGB").getcolors(1 << 20) or ()}
    assert {ImageColor.getrgb(colour) for colour in (TRAINING, HELD_OUT, "#ffffff")} <= seen


def test_a_curve_that_hardly_falls_is_not_drawn_flat() -> None:
    state = fold_all([step(1, 6.4), step(2, 6.2), step(3, 6.0)])
    (raw,) = (it for it in shapes_of(state, "x") if isinstance(it, Stroke) and it.colour == RAW)
    heights = [y for _, y in raw.points]
    assert max(heights) - min(heights) > 300


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnknownKind, match=r"\.csv, \.svg or \.png"):
        export(fold_all(CURVE[:3]), "x", tmp_path / "curve.pdf")
    assert list(tmp_path.iterdir()) == []


# the trash


def test_a_deleted_run_comes_back_as_it_was(make_run: MakeRun) -> None:
    folder = make_run([step(1), END], alive=False)
    (before,) = Listing().rows()
    trashed = trash.delete(folder)
    assert list_runs() == [] and [it.name for it in trash.trashed_runs()] == [folder.name]
    assert trashed.size_bytes == before.size_bytes
    assert trash.restore(trashed) == folder
    assert Listing().rows() == [before]


def test_runs_of_one_name_do_not_overwrite_each_other_in_the_trash(make_run: MakeRun) -> None:
    folder = make_run([END], alive=False)
    trash.delete(folder)
    folder.path.mkdir()
    folder.session.write_text("")
    write_holder(folder.lock, started=1.0)
    trash.delete(folder)
    assert {it.name for it in trash.trashed_runs()} == {folder.name, f"{folder.name}-2"}
    trash.restore(next(it for it in trash.trashed_runs() if it.name == folder.name))
    assert RunFolder(folder.path).events.exists()


def test_a_live_run_is_never_deleted(make_run: MakeRun) -> None:
    folder = make_run([step(1)], alive=True)
    with pytest.raises(trash.StillRunning, match="still has an engine"):
        trash.delete(folder)
    assert folder.events.exists()


def test_what_lies_in_the_trash_for_thirty_days_goes_for_good(make_run: MakeRun) -> None:
    old, new, last = (trash.delete(make_run([END], alive=False, name=name)) for name in ("old", "new", "last"))
    os.utime(old.path, (1, 1))
    trash.delete(make_run([END], alive=False, name="one more"))
    assert not old.path.exists() and new.path.exists() and last.path.exists()
    assert trash.empty() == 3 and trash.trashed_runs() == []


def test_a_waiting_run_leaves_the_queue_when_it_is_deleted(home: Path) -> None:
    home.mkdir()
    write_holder(home / "queue.lock")
    trash.delete(queue.enqueue(from_table({})))
    assert queue.waiting() == [] and list_runs() == []


def test_a_waiting_run_whose_engine_still_holds_its_model_stays_where_it_is(home: Path) -> None:
    home.mkdir()
    write_holder(home / "queue.lock")
    folder = queue.enqueue(from_table({}))
    write_holder(folder.lock)
    with pytest.raises(trash.StillRunning, match="still has an engine"):
        trash.delete(folder)
    assert [ticket.folder for ticket in queue.waiting()] == [folder]
