"""The export dialog: what is chosen is asked for, what cannot be made is refused, what is there can be used and deleted."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import DataTable, Input, Static

from tests.screens.conftest import until
from tests.screens.test_runs import made, opened
from tui.app import UnslothTui
from tui.run import commands, events, export_jobs
from tui.run.export_ahead import Ahead
from tui.run.export_commands import Export, Push
from tui.run.export_events import ExportMoved
from tui.run.exports import Asked, ExportedFile, Proof, Record, write_record
from tui.run.folder import RunFolder
from tui.run.lines import append_line
from tui.run.process import send
from tui.screens.dialogs import export as dialogs
from tui.screens.dialogs.ask import AskDialog
from tui.screens.dialogs.export import ExportDialog
from tui.widgets.choice import Choice


@pytest.fixture
def run(home: Path) -> RunFolder:
    folder = made(home, "one")
    (folder.checkpoints / "checkpoint-20").mkdir(parents=True)
    return folder


@pytest.fixture(autouse=True)
def ahead(monkeypatch: pytest.MonkeyPatch) -> dict[str, Ahead]:
    """What a look ahead finds."""
    told = {"": Ahead(source=Path("/x"), disk_bytes=2**30, disk_free=2**40)}
    monkeypatch.setattr(dialogs, "look_ahead", lambda asked: told[""])
    return told


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[Export]:
    """What was asked for, in place of an engine."""
    told: list[Export] = []
    monkeypatch.setattr(dialogs.export_jobs, "start", told.append)
    return told


def exported(run: RunFolder, name: str = "merged-16bit") -> Path:
    place = run.exports / name
    place.mkdir(parents=True)
    proof = Proof("", "transformers", (Asked("hello?", "yes", "yes", 48, 48),))
    files = (ExportedFile("model.safetensors", 2**30, "ab"),)
    write_record(place, Record(name, "merged-16bit", run.name, 1.0, 2.0, "org/base", files=files, proofs=(proof,)))
    return place


async def shown(pilot: Pilot[None]) -> ExportDialog:
    await opened(pilot)
    await pilot.press("E")
    await until(pilot, lambda: isinstance(pilot.app.screen, ExportDialog) and "Needs" in said(pilot.app.screen, "needs"))
    assert isinstance(pilot.app.screen, ExportDialog)
    return pilot.app.screen


def said(screen: object, name: str) -> str:
    return str(screen.query_one(f"#{name}", Static).render())  # type: ignore[attr-defined]


def rows(screen: ExportDialog) -> list[str]:
    table = screen.query_one("#exports", DataTable)
    return [" ".join(str(cell) for cell in table.get_row_at(at)) for at in range(table.row_count)]


async def test_what_is_chosen_is_asked_for_and_what_cannot_be_made_is_not(
    run: RunFolder, started: list[Export], ahead: dict[str, Ahead], tmp_path: Path
) -> None:
    (tmp_path / "config.json").write_text('{"_name_or_path": "org/base"}')
    ahead[""] = Ahead(source=Path("/x"), base=str(tmp_path), problems=("it needs 9 GiB of [/memory], and 1 GiB are free",))
    app = UnslothTui()
    async with app.run_test() as pilot:
        screen = await shown(pilot)
        assert "Cannot be made here: it needs 9 GiB of [/memory]" in said(screen, "needs")
        await pilot.press("enter")
        await until(pilot, lambda: app._notifications)
        assert started == []
        ahead[""] = replace(ahead[""], problems=())
        await pilot.press("down", "down", "down")
        await until(pilot, lambda: screen.kind == "gguf")
        screen.query_one("#quantisations", Input).value = "Q8_0, f16"
        screen.query_one("#weights", Choice).value = "20"
        assert not screen.query_one("#named").display
        screen.query_one("#repository", Input).value = "ada/small"
        screen.query_one("#private", Choice).value = "public"
        await until(pilot, lambda: screen.query_one("#named").display)  # others have no such folder
        await pilot.press("ctrl+e")
        await until(pilot, lambda: started)
    (asked,) = started
    assert (asked.to, asked.quantisations, asked.step) == ("gguf", ("q8_0", "f16"), 20)
    assert (asked.push, asked.run) == (Push("ada/small", private=False, base="org/base"), str(run.path))


async def test_an_export_that_goes_on_is_cancelled_and_one_that_is_there_is_used_and_deleted(
    run: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = exported(run)
    folder = RunFolder(export_jobs.jobs_folder() / "1")
    folder.path.mkdir(parents=True)
    monkeypatch.setattr("tui.run.watcher.engine_alive", lambda folder: True)
    send(folder, export_jobs.request(run, "gguf", ["q4_k_m"]))
    append_line(folder.events, events.to_line(ExportMoved(stage="converting", text="llama.cpp makes q4_k_m")))
    append_line(folder.events, events.to_line(ExportMoved(bytes_done=2**29, bytes_total=2**30)))
    app = UnslothTui()
    async with app.run_test() as pilot:
        screen = await shown(pilot)
        going_on, there = rows(screen)
        assert going_on.startswith("gguf-q4_k_m 512 MiB ██████░░░░░░ 50 % llama.cpp makes q4_k_m")
        assert there == "merged-16bit 1 GiB proven: the same 48 tokens or more in 1 answers"
        screen.query_one("#exports").focus()
        await pilot.press("x")
        await pilot.pause()
        asked = [commands.from_line(line) for line in folder.commands.read_bytes().splitlines()]
        assert isinstance(asked[-1], commands.Cancel)
        append_line(folder.events, events.to_line(events.Finished(outcome="discarded")))
        await until(pilot, lambda: "cancelled" in rows(screen)[0])
        await pilot.press("down")
        await until(pilot, lambda: f"vllm serve {place}" in said(screen, "uses").replace("\n", ""))
        await pilot.press("c", "c")
        assert app.clipboard == f"vllm serve {place} --served-model-name one"
        await pilot.press("delete")
        await until(pilot, lambda: isinstance(app.screen, AskDialog))
        await pilot.press("tab", "enter")
        await until(pilot, lambda: not place.exists())


async def test_live_opens_the_exports_of_the_run_that_is_watched(run: RunFolder) -> None:
    app = UnslothTui(run=run)
    async with app.run_test() as pilot:
        await until(pilot, lambda: app.run_folder == run and app.current_mode == "live" and app.run_state.ended)
        await pilot.pause()
        await pilot.press("E")
        await until(pilot, lambda: isinstance(app.screen, ExportDialog))
        assert app.screen.run_folder == run
