"""The Runs place: runs are found, sorted, named, copied, compared, written out and deleted, and the queue is changed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import DataTable, Input, Static

from tests.run.conftest import write_holder
from tests.screens.conftest import RECORDED, settled, until
from tui.app import UnslothTui
from tui.run import events, queue
from tui.run.folder import RunFolder, list_runs
from tui.run.listing import Listing
from tui.run.trash import trashed_runs
from tui.screens.dialogs.ask import AskDialog
from tui.screens.dialogs.compare import CompareDialog
from tui.screens.runs import RunsScreen
from tui.session import file
from tui.session.schema import Session


def made(home: Path, name: str, *told: events.Event, **tables: dict[str, object]) -> RunFolder:
    """An ended run with these events after its only update."""
    folder = RunFolder(home / "runs" / name)
    folder.path.mkdir(parents=True)
    file.save(file.from_table({"model": {"name": "org/Qwen"}, "data": {"source": "a.jsonl"}} | tables), folder.session)
    step = events.StepDone(time=10, step=3, epoch=1, loss=0.5, learning_rate=1e-4, seconds=1)
    end = told or (events.Finished(time=70, outcome="completed"),)
    folder.events.write_text("".join(map(events.to_line, (step, *end))))
    write_holder(folder.lock, started=1.0)  # its engine is gone
    return folder


async def opened(pilot: Pilot[None]) -> RunsScreen:
    await pilot.press("f7")
    await settled(pilot)
    assert isinstance(pilot.app.screen, RunsScreen)
    return pilot.app.screen


def names(screen: RunsScreen) -> list[str]:
    return [row.name for row in screen.rows]


async def test_a_run_is_found_by_the_words_of_its_row(home: Path) -> None:
    made(home, "one", run={"tags": ["good"]})
    made(home, "two", events.Failed(code="error", text="[/INST] \x1b[2J broke"))
    app = UnslothTui()
    async with app.run_test() as pilot:
        screen = await opened(pilot)
        assert {*names(screen)} == {"one", "two"}
        for typed, expected in (("good qwen", ["one"]), ("failed", ["two"]), ("a.jsonl two", ["two"]), ("nothing", [])):
            screen.query_one(Input).value = typed
            await pilot.pause()
            assert names(screen) == expected
        await pilot.press("escape")
        assert {*names(screen)} == {"one", "two"}


async def test_runs_are_sorted_by_any_column_and_the_other_way_round(home: Path) -> None:
    def evaluated(loss: float) -> events.Evaluated:
        return events.Evaluated(step=3, loss=loss, perplexity=1, best=True)

    made(home, "worse", evaluated(0.9))
    made(home, "better", evaluated(0.1))
    app = UnslothTui()
    async with app.run_test() as pilot:
        screen = await opened(pilot)
        await pilot.press("s", "s", "s", "s")
        assert names(screen) == ["better", "worse"]
        await pilot.press("S")
        assert names(screen) == ["worse", "better"]


async def test_tags_and_notes_are_given_to_a_run_whose_session_stays_as_it_was(home: Path) -> None:
    folder = made(home, "one")
    before = folder.session.read_bytes()
    app = UnslothTui()
    async with app.run_test() as pilot:
        await opened(pilot)
        await pilot.press("t", *"best", "comma", *"keep")
        app.screen.query_one("#notes", Input).value = "for the demo"
        await pilot.press("enter")
        await settled(pilot)
        (row,) = Listing().rows()
        assert (row.tags, row.notes) == (("best", "keep"), "for the demo")
        assert folder.session.read_bytes() == before


async def test_a_run_is_copied_as_a_new_session_and_continued_from(home: Path) -> None:
    folder = made(home, "one", lora={"r": 7})
    folder.adapter.mkdir()
    app = UnslothTui()
    async with app.run_test() as pilot:
        await opened(pilot)
        await pilot.press("a")
        await settled(pilot)
        assert app.session.lora.continue_from is None  # an empty folder is no adapter
        (folder.adapter / "adapter_config.json").write_text("{}")
        await pilot.press("a")
        await until(pilot, lambda: app.session.lora.continue_from == str(folder.path))
        assert (app.session.model.name, app.session.lora.r) == ("org/Qwen", Session().lora.r)
        await pilot.press("ctrl+z", "n")
        await until(pilot, lambda: isinstance(app.screen, AskDialog) or app.session.lora.r == 7)
        if isinstance(app.screen, AskDialog):
            await pilot.press("tab", "enter")
        await until(pilot, lambda: app.session.lora.r == 7)


async def test_a_deleted_run_lies_in_the_trash_and_comes_back(home: Path) -> None:
    made(home, "one")
    made(home, "two")
    app = UnslothTui()
    async with app.run_test() as pilot:
        screen = await opened(pilot)
        await pilot.press("space", "space", "d")
        await until(pilot, lambda: isinstance(app.screen, AskDialog))
        assert "2 runs (" in str(app.screen.query_one(Static).content)
        await pilot.press("escape")
        assert len(list_runs()) == 2
        await pilot.press("d")
        await until(pilot, lambda: isinstance(app.screen, AskDialog))
        await pilot.press("tab", "enter")
        await until(pilot, lambda: not screen.found and app.screen is screen)
        assert {it.name for it in trashed_runs()} == {"one", "two"} and list_runs() == []
        await pilot.press("u")
        await until(pilot, lambda: len(screen.found) == 1)


async def test_a_run_that_goes_on_is_not_deleted(home: Path) -> None:
    folder = made(home, "one", events.PhaseChanged(phase="training"))
    write_holder(folder.lock)
    app = UnslothTui()
    async with app.run_test() as pilot:
        screen = await opened(pilot)
        await pilot.press("d")
        await settled(pilot)
        assert app.screen is screen and list_runs() == [folder]


async def test_two_runs_are_compared(home: Path) -> None:
    said = events.Sampled(step=3, prompt="[/INST] hi", answer="ho \x1b[2J")
    made(home, "one", said, lora={"r": 4})
    made(home, "two", lora={"r": 8})
    app = UnslothTui()
    async with app.run_test(size=(120, 36)) as pilot:
        await opened(pilot)
        await pilot.press("c")
        assert not isinstance(app.screen, CompareDialog)
        await pilot.press("space", "space", "c")
        await until(pilot, lambda: isinstance(app.screen, CompareDialog))
        table = app.screen.query_one(DataTable)
        await until(pilot, lambda: table.row_count)
        told = {str(row[0]): {str(cell) for cell in row[1:]} for row in map(table.get_row_at, range(table.row_count))}
        assert told["Rank (r)"] == {"4", "8"}
        assert told["[/INST] hi"] == {"–", "ho ␛[2J"}


@pytest.mark.parametrize(("ending", "begins"), [(".csv", "step,epoch,loss"), (".svg", "<svg ")])
async def test_figures_are_written_to_a_file(home: Path, tmp_path: Path, ending: str, begins: str) -> None:
    made(home, "one")
    app = UnslothTui()
    async with app.run_test() as pilot:
        await opened(pilot)
        await pilot.press("e")
        path = tmp_path / f"figures{ending}"
        await until(pilot, lambda: app.screen.query("Input"))
        app.screen.query_one(Input).value = str(path)
        await pilot.press("enter")
        await until(pilot, path.exists)
        assert path.read_text().startswith(begins)


async def test_waiting_runs_come_first_and_are_moved_held_and_cancelled(home: Path) -> None:
    made(home, "old")
    write_holder(home / "queue.lock")  # so that nobody starts them
    first, second = (queue.enqueue(file.from_table({"run": {"name": name}})) for name in ("first", "second"))
    app = UnslothTui()
    async with app.run_test() as pilot:
        screen = await opened(pilot)
        assert names(screen) == [first.name, second.name, "old"]
        await pilot.press("down", "shift+up")
        await until(pilot, lambda: names(screen) == [second.name, first.name, "old"])
        assert screen.current and screen.current.name == second.name
        await pilot.press("h")
        await until(pilot, lambda: screen.rows[0].held)
        await pilot.press("x")
        await until(pilot, lambda: [row.place for row in screen.rows if row.place] == [1])
        assert [ticket.name for ticket in queue.waiting()] == [first.name]
        assert next(row.status for row in screen.rows if row.name == second.name) == "stopped"


async def test_the_session_is_queued_from_the_window(home: Path, desk: Session) -> None:
    home.mkdir(exist_ok=True)
    write_holder(home / "queue.lock")
    app = UnslothTui(desk)
    async with app.run_test() as pilot:
        await settled(pilot)
        app.queue_session()
        await until(pilot, lambda: isinstance(app.screen, RunsScreen) and app.screen.rows)
        (ticket,) = queue.waiting()
        assert file.load(ticket.folder.session).model.name == str(Path("tiny").absolute())
        assert not ticket.folder.lock.exists()  # nobody has started it


@pytest.mark.slow
def test_what_compared_runs_look_like(snap_compare: Callable[..., bool], home: Path) -> None:
    for name, rate in (("careful", 2e-4), ("eager", 5e-4)):
        folder = made(home, name, training={"learning_rate": rate}, data={"source": "/data/a.jsonl"})
        folder.events.write_bytes(RECORDED.read_bytes())

    async def look(pilot: Pilot[None]) -> None:
        await opened(pilot)
        await pilot.press("s", "space", "space", "c")
        await until(pilot, lambda: isinstance(pilot.app.screen, CompareDialog))
        await until(pilot, lambda: pilot.app.screen.query_one(DataTable).row_count)
        await pilot.pause()

    assert snap_compare(UnslothTui(), terminal_size=(120, 36), run_before=look)
