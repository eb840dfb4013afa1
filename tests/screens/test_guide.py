"""Whoever starts here finds the way: what is lacking, what a field or a figure means, and every thing by its name."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual._xterm_parser import XTermParser
from textual.binding import Binding
from textual.events import Key
from textual.pilot import Pilot
from textual.screen import ModalScreen
from textual.widgets import Input, OptionList

from tests.screens.conftest import GPU, HOST, RECORDED, settled, until
from tui.app import UnslothTui
from tui.remembered import KNOWN_AFTER, recall
from tui.resources import config
from tui.run import events as told
from tui.run.folder import RunFolder
from tui.run.state import RunState, fold
from tui.screens.bindings import named_bindings
from tui.screens.dialogs.ask import TextDialog
from tui.screens.dialogs.base import Dialog
from tui.screens.dialogs.chat_settings import SettingsDialog
from tui.screens.dialogs.go import GoDialog
from tui.screens.dialogs.theme import ThemeDialog
from tui.screens.dialogs.tour import STEPS, TourDialog
from tui.screens.live_figures import essential_lines, groups
from tui.screens.messages import Learned, SessionEdited
from tui.screens.palette import Things
from tui.screens.place_help import FIGURES, PLACES
from tui.session import file
from tui.session.schema import Session
from tui.widgets.choice import Choice
from tui.widgets.field_row import FieldRow
from tui.widgets.gauges import gpu_gauges, host_gauges
from tui.widgets.hint import Hint


async def helped(pilot: Pilot[None]) -> str:
    await pilot.press("f1")
    await until(pilot, lambda: isinstance(pilot.app.screen, TextDialog))
    text = str(pilot.app.screen.text)  # type: ignore[attr-defined]
    await pilot.press("escape")
    await until(pilot, lambda: not isinstance(pilot.app.screen, TextDialog))
    return text


async def test_what_is_lacking_is_said_until_the_session_is_ready(desk: Session) -> None:
    app = UnslothTui()
    async with app.run_test() as pilot:
        assert app.standing == "needs model, data"
        app.post_message(SessionEdited({"model.name": desk.model.name}))
        await until(pilot, lambda: app.standing == "needs data")
        app.post_message(SessionEdited({"data.source": desk.data.source}))
        await until(pilot, lambda: app.standing == "F4 checks it")
        await pilot.press("f4")
        await until(pilot, lambda: app.standing == "✓ ready")
        app.post_message(SessionEdited({"model.name": "/no/such"}))
        await until(pilot, lambda: app.standing == "needs 1 mended (F4)")


async def test_help_begins_with_the_field_that_has_the_focus(desk: Session) -> None:
    app = UnslothTui(desk)
    async with app.run_test() as pilot:
        await pilot.press("f4")
        await until(pilot, lambda: any(isinstance(it, FieldRow) for it in app.focused.ancestors_with_self))  # type: ignore[union-attr]
        text = await helped(pilot)
        assert text.startswith("Longest sequence\n") and "key model.max_seq_length" in text
        assert "ctrl+t" in text.split("Keys")[1]


async def test_help_and_letters_work_in_dialogs_too() -> None:
    app = UnslothTui()
    async with app.run_test() as pilot:
        await pilot.press("f6", "f9")
        await until(pilot, lambda: isinstance(app.screen, SettingsDialog) and isinstance(app.focused, Choice))
        await pilot.press("down")
        text = await helped(pilot)
        assert text.startswith("Temperature\n") and "min_p" in text and "ctrl+s" in text.split("Keys")[1]
        await pilot.press("escape")
        app.action_change_theme()
        await until(pilot, lambda: isinstance(app.screen, ThemeDialog) and app.focused)
        await pilot.press("j", "j", "k")
        assert app.screen.query_one(OptionList).highlighted == 1


def test_every_dialog_says_what_it_is_for() -> None:
    named_bindings(UnslothTui)  # loads every one
    ours = [it for it in every_kind_of(ModalScreen) if it.__module__.startswith("tui.")]
    assert len(ours) > 20 and [it.__name__ for it in ours if not it.HELP] == ["TextDialog"]


def every_kind_of(kind: type) -> list[type]:
    return [it for below in kind.__subclasses__() for it in (below, *every_kind_of(below)) if it is not Dialog]


def test_every_figure_and_gauge_of_live_is_explained() -> None:
    state = RunState()
    for line in RECORDED.read_bytes().splitlines():
        if event := told.from_line(line):
            state = fold(state, event)
    names = {name for group in groups(state, state.last_event) for name, _ in group.rows}
    names |= {line.partition("  ")[0] for line in essential_lines(state, state.last_event, 0) if "  " in line}
    names |= {gauge.label for gauge in (*gpu_gauges(GPU), *host_gauges(HOST))}
    assert names <= FIGURES.keys()


def test_escape_and_a_digit_as_terminals_send_them_are_a_function_key() -> None:
    for digit in range(10):
        assert [event.key for event in XTermParser().feed(f"\x1b{digit}") if isinstance(event, Key)] == [f"f{digit or 10}"]


async def test_every_place_is_reached_without_function_keys(desk: Session) -> None:
    app = UnslothTui(desk)
    async with app.run_test() as pilot:
        await pilot.press("alt+4")
        await until(pilot, lambda: app.current_mode == "tune")
        await pilot.press("alt+5")
        await until(pilot, lambda: app.current_mode == "live")
        for letter, mode in (("r", "runs"), ("l", "live")):
            await pilot.press("g")
            await until(pilot, lambda: isinstance(app.screen, GoDialog))
            await pilot.press(letter)
            await until(pilot, lambda mode=mode: app.current_mode == mode and not isinstance(app.screen, GoDialog))
        assert set(PLACES) == set(app.MODES)


async def test_the_palette_finds_runs_sessions_themes_and_fields(demo_run: RunFolder, tmp_path: Path) -> None:
    file.save(Session(), tmp_path / "mine.toml")
    app = UnslothTui(Session(), tmp_path / "mine.toml")
    async with app.run_test() as pilot:
        await settled(pilot)
        things = Things(app.screen)
        await things.startup()
        titles = {
            typed: [str(hit.prompt) async for hit in things.search(typed)]
            for typed in ("demo", "mine", "ember", "lora.r", "undelete", "as it is trained")
        }
        assert f"Run {demo_run.name}" in titles["demo"] and "Session mine.toml" in titles["mine"]
        assert "Theme ember" in titles["ember"] and "Field Rank (r)" in titles["lora.r"]
        assert titles["undelete"] == ["Undelete (Runs)"] and "View (Data)" in titles["as it is trained"]
        next(thing for thing in things.others if thing.title == "Undelete (Runs)").do()
        await until(pilot, lambda: app.current_mode == "runs")
        await until(pilot, lambda: any("the trash is empty" in note.message for note in app._notifications))
        next(thing for thing in things.others if thing.title == "Open (Runs)").do()  # Enter there is the table's
        await until(pilot, lambda: app.current_mode == "live" and app.run_folder == demo_run)
        field = next(thing for thing in things.others if thing.help.startswith("lora.r:"))
        field.do()
        await until(
            pilot, lambda: isinstance(app.focused, Input) and app.focused.value == "16" and app.current_mode == "tune"
        )


async def test_the_tour_has_at_most_six_steps_and_ends_where_one_likes() -> None:
    assert len(STEPS) <= 6
    app = UnslothTui()
    async with app.run_test() as pilot:
        app.action_tour()
        await until(pilot, lambda: isinstance(app.screen, TourDialog))
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, TourDialog) and app.current_mode == STEPS[1][0])
        await pilot.press("escape")
        await until(pilot, lambda: not isinstance(app.screen, TourDialog))
        assert app.current_mode == STEPS[1][0]


async def test_a_hint_goes_away_for_good_once_it_is_known() -> None:
    app = UnslothTui()
    async with app.run_test() as pilot:
        hint = app.screen.query_one(Hint)
        for _ in range(KNOWN_AFTER):
            assert hint.display
            app.post_message(Learned(hint.about))
            await pilot.pause()
        await until(pilot, lambda: not hint.display)
    assert recall().knows("model.name")


async def test_the_users_own_keys_are_taken_and_faults_told(monkeypatch: pytest.MonkeyPatch) -> None:
    config().mkdir(parents=True)
    (config() / "keys.toml").write_text('"go.runs" = "ctrl+e"\n"go.run" = "f3"\nhelp = 7\n')
    said: list[str] = []
    monkeypatch.setattr(UnslothTui, "notify", lambda self, message, **_: said.append(message))
    app = UnslothTui()
    async with app.run_test() as pilot:
        assert any("go.run; did you mean go.runs" in text for text in said) and any(
            "help should be a key" in text for text in said
        )
        await pilot.press("ctrl+e")
        await until(pilot, lambda: app.current_mode == "runs")


def test_no_key_is_the_prefix_of_tmux_or_screen() -> None:
    """Neither those with a name nor those of the dialogs, which have none."""
    named = [it.key for found in named_bindings(UnslothTui).values() for it in found]
    dialogs = [it.key for dialog in every_kind_of(ModalScreen) for it in Binding.make_bindings(dialog.BINDINGS)]
    assert "alt+w" in named and "escape" in dialogs
    assert not {"ctrl+a", "ctrl+b"} & {*named, *dialogs}
