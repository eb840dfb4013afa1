"""The dialog that measures settings: it can be stopped, an answer goes into the session, the engine ends."""

from __future__ import annotations

import errno
import os
from dataclasses import replace
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import DataTable, Static

from tests.screens.conftest import until
from tui.app import UnslothTui
from tui.run import commands, events
from tui.run.fit_events import Fitted, Trial
from tui.run.fits import kept
from tui.run.folder import RunFolder, create_workbench
from tui.run.lines import Tail, append_line
from tui.run.lock import beat
from tui.screens.dialogs.fit import FitDialog
from tui.session.schema import Session

OWN = Trial({}, "own", "4-bit, 2 × 4, Unsloth's checkpointing", tokens_per_s=767, seconds=1.6, examples=8, epoch_s=400)
SAME = Trial(
    {
        "training.per_device_train_batch_size": 8,
        "training.gradient_accumulation_steps": 1,
        "lora.use_gradient_checkpointing": "false",
    },
    "same",
    "4-bit, 8 × 1, nothing recomputed",
    tokens_per_s=2216,
    seconds=0.5,
    examples=8,
    epoch_s=140,
    peak_bytes=12 << 30,
)
PACKED = Trial(
    {"training.packing": True, "model.load_in_4bit": False, "model.load_in_16bit": True},
    "packing",
    "16-bit, packed 4 × 1, nothing recomputed",
    "the frozen weights are as they came, which is more exact; an update sees about 52.2 examples instead of 8",
    tokens_per_s=11080,
    seconds=0.7,
    examples=52,
    epoch_s=28,
    peak_bytes=49 << 30,
    share=0.46,
)
LARGE = Trial({"training.packing": True}, "packing", "4-bit, packed 8 × 1, nothing recomputed", verdict="out-of-memory")


@pytest.fixture
def engine(home: Path, monkeypatch: pytest.MonkeyPatch) -> RunFolder:
    """The folder of an engine that seems to live elsewhere, so that the test says what it says."""
    folder = create_workbench()
    folder.lock.write_text('{"pid": 1, "started": 1.0, "host": "elsewhere"}')
    monkeypatch.setattr("tui.run.fitter.open_workbench", lambda device: folder)
    return folder


def asked(engine: RunFolder) -> list[commands.Command | None]:
    return [commands.from_line(line) for line in Tail(engine.commands).read()]


def tell(engine: RunFolder, *told: events.Event) -> None:
    beat(engine.lock)
    for event in told:
        append_line(engine.events, events.to_line(event))


async def opened(pilot: Pilot[None]) -> FitDialog:
    await pilot.press("f4", "ctrl+g")
    await until(pilot, lambda: isinstance(pilot.app.screen, FitDialog))
    assert isinstance(pilot.app.screen, FitDialog)
    return pilot.app.screen


async def measuring(pilot: Pilot[None], engine: RunFolder) -> tuple[FitDialog, Fitted]:
    """The dialog with a measurement in it, of which two settings are known."""
    dialog = await opened(pilot)
    await pilot.press("enter")
    await until(pilot, lambda: asked(engine))
    (wanted,) = asked(engine)
    assert isinstance(wanted, commands.Fit)
    told = Fitted(id=wanted.id, trials=(OWN, SAME), text=PACKED.name, fraction=0.4, device="NVIDIA H200", examples=1000)
    tell(engine, events.PhaseChanged(phase="training", text="measuring settings"), told)
    await until(pilot, lambda: dialog.table.row_count == 2)
    return dialog, told


async def test_what_was_found_goes_into_the_session_by_one_key_and_out_again_by_another(
    desk: Session, engine: RunFolder
) -> None:
    async with UnslothTui(desk).run_test(size=(80, 24)) as pilot:
        dialog, told = await measuring(pilot, engine)
        assert "measuring: 16-bit, packed" in str(dialog.told.content)
        tell(engine, replace(told, trials=(OWN, SAME, PACKED, LARGE), text="", fraction=1.0, done=True))
        await until(pilot, lambda: dialog.has_class("-after"))
        assert dialog.table.row_count == 4
        said = str(dialog.query_one("#answers", Static).content)
        assert "2.89 times as fast: 4-bit, 8 × 1" in said and "more exact; an update sees about 52.2 examples" in said
        await pilot.press("f")
        await until(pilot, lambda: not isinstance(pilot.app.screen, FitDialog))
        assert isinstance(pilot.app, UnslothTui)
        training = pilot.app.session.training
        assert training.packing and pilot.app.session.model.load_in_16bit
        await pilot.press("ctrl+z")
        assert pilot.app.session == desk
        assert isinstance(asked(engine)[-1], commands.Release)


async def test_it_is_stopped_with_the_best_so_far_and_what_is_closed_is_kept(desk: Session, engine: RunFolder) -> None:
    async with UnslothTui(desk).run_test(size=(140, 40)) as pilot:
        dialog, told = await measuring(pilot, engine)
        await pilot.press("x")
        tell(engine, replace(told, fraction=0.6))
        await until(pilot, lambda: dialog.bar.progress == 0.6)
        assert "stopping" in str(dialog.told.content), "what comes meanwhile does not say that nothing was asked"
        await until(pilot, lambda: getattr(asked(engine)[-1], "kind", "") == "cancel")
        assert getattr(asked(engine)[-1], "id", "") == told.id
        await pilot.press("escape")  # before the engine has answered
        await until(pilot, lambda: not isinstance(pilot.app.screen, FitDialog))
        assert isinstance(asked(engine)[-1], commands.Release)
        assert {it.seconds_per_example for it in kept()} == {OWN.seconds / 8, SAME.seconds / 8}
        assert isinstance(pilot.app, UnslothTui) and pilot.app.session == desk


async def test_an_engine_that_ends_says_why(desk: Session, engine: RunFolder) -> None:
    async with UnslothTui(desk).run_test(size=(80, 24)) as pilot:
        dialog, _ = await measuring(pilot, engine)
        tell(engine, events.Failed(code="killed", text="the engine was killed [/b]", advice=""))
        await until(pilot, lambda: dialog.has_class("-after"))
        assert "killed [/b]" in str(dialog.told.content)
        assert dialog.query_one(DataTable).row_count == 2  # what was found is there
        await pilot.press("escape")
        await until(pilot, lambda: not isinstance(pilot.app.screen, FitDialog))
        assert len(list(kept())) == 2


async def test_a_stop_that_cannot_be_written_is_said_and_nothing_ends(
    desk: Session, engine: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with UnslothTui(desk).run_test(size=(80, 24)) as pilot:
        dialog, _ = await measuring(pilot, engine)
        monkeypatch.setattr("tui.run.fitter.send", _is_full)
        await pilot.press("x")
        await until(pilot, lambda: any("No space left" in it.message for it in pilot.app._notifications))
        assert not dialog.stopping and dialog.is_current


def _is_full(*_: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
