"""The window hands a session over: it shows what was found and what would be written, and does what is asked, no more."""

from __future__ import annotations

import json
import re

from textual.pilot import Pilot
from textual.widgets import Button, Label, Static

from tests.screens.conftest import until
from tests.slurm_programs import PENDING, Say
from tui.app import UnslothTui
from tui.run.folder import RunFolder, create_run, list_runs
from tui.run.handed import Handed, read_handed, write_handed
from tui.screens.dialogs.ask import AskDialog
from tui.screens.dialogs.hand_over import HandOverDialog
from tui.session.file import replace_value
from tui.session.schema import Session
from tui.widgets.progress import Progress


async def looked(pilot: Pilot[None]) -> HandOverDialog:
    """The dialog, once it has found out what may be wrong."""
    await pilot.press("f10")
    await until(pilot, lambda: isinstance(pilot.app.screen, HandOverDialog) and pilot.app.screen.problems is not None)
    assert isinstance(pilot.app.screen, HandOverDialog)
    return pilot.app.screen


def without_minute(script: str) -> list[str]:
    """The lines of a script without the time in the name of its run, and as they look on a screen of any width."""
    return re.sub(r"\d{4}-\d\d-\d\d-\d{4}", "", script).split()


def said(dialog: HandOverDialog, name: str) -> str:
    return str(dialog.query_one(f"#{name}", Static).render())


async def test_what_is_shown_is_written_and_nothing_is_submitted(home: object, desk: Session, say: Say) -> None:
    calls = say("sbatch", "7\n")
    say("sinfo", "main*|infinite|2|(null)\n")
    session = replace_value(desk, "model.device", "cpu")
    async with UnslothTui(session=session).run_test(size=(80, 24)) as pilot:
        dialog = await looked(pilot)
        assert "UNSLOTH_TUI_HOME" in said(dialog, "found")
        shown = said(dialog, "script")
        assert "#SBATCH --requeue" in shown and not list_runs()
        await pilot.press("right")
        await until(pilot, lambda: dialog.problems is not None and "file_mounts:" in said(dialog, "script"))
        await pilot.press("left")
        await until(pilot, lambda: dialog.problems is not None and "#SBATCH" in said(dialog, "script"))
        dialog.query_one("#write", Button).press()
        await until(pilot, lambda: pilot.app.screen.query("#status"))
        status = pilot.app.screen.query_one("#status", Label)
        await until(pilot, lambda: ": not submitted yet: sbatch" in str(status.render()))
    (folder,) = list_runs()
    assert without_minute((folder.job / "job.sbatch").read_text()) == without_minute(shown)
    assert read_handed(folder) == Handed("slurm")
    assert {line.split()[0] for line in calls.read_text().splitlines()} == {"--test-only"}


async def test_what_slurm_refuses_is_shown_in_its_words(home: object, desk: Session, say: Say) -> None:
    say("sbatch")
    say("sinfo", "main*|infinite|2|gpu:8\n")
    async with UnslothTui(session=desk).run_test(size=(140, 40)) as pilot:
        dialog = await looked(pilot)
        say("sbatch", refuses="sbatch: error: Invalid account")
        dialog.query_one("#submit", Button).press()
        await until(pilot, lambda: "it was not submitted: sbatch: error: Invalid account" in said(dialog, "found"))


async def test_what_cannot_be_trained_there_is_not_written(home: object, desk: Session, say: Say) -> None:
    say("sbatch")
    say("sinfo", "main*|infinite|2|(null)\n")
    async with UnslothTui(session=desk).run_test(size=(80, 24)) as pilot:
        dialog = await looked(pilot)
        assert "cluster.gpus_per_node" in said(dialog, "found")
        assert {button.disabled for button in dialog.query("#write, #submit").results(Button)} == {True}
    assert not list_runs()


async def test_a_run_that_waits_in_slurm_is_cancelled_from_the_window(home: object, desk: Session, say: Say) -> None:
    say("squeue", PENDING)
    calls = say("scancel")
    folder: RunFolder = create_run(desk)
    folder.job.mkdir()
    write_handed(folder, Handed("slurm", "7"))
    async with UnslothTui(session=desk, run=folder).run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: pilot.app.screen.query("#status"))
        status = pilot.app.screen.query_one("#status", Label)
        await until(pilot, lambda: ": Slurm job 7 waits: BeginTime" in str(status.render()))
        phases = pilot.app.screen.query_one("#phases", Static)
        await until(pilot, lambda: "as soon as it begins" in str(phases.render()))
        assert {"stop"} == {it for it in ("stop", "pause", "change") if pilot.app.screen.check_action(it, ())}
        assert not pilot.app.screen.query_one(Progress).display  # nothing moves
        await pilot.press("ctrl+x")
        await until(pilot, lambda: isinstance(pilot.app.screen, AskDialog))
        await until(pilot, lambda: pilot.app.screen.query("#yes"))
        assert "Its job waits" in str(pilot.app.screen.query_one(Static).render())
        pilot.app.screen.query_one("#yes", Button).press()
        await until(pilot, calls.exists)
        say("squeue", PENDING.replace("PENDING", "CANCELLED"))
        await until(pilot, lambda: "stopped" in str(status.render()))
    assert json.loads(folder.events.read_text())["outcome"] == "stopped"
