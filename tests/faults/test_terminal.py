"""Text from elsewhere is shown, and does nothing: it steers no terminal, moves no cell of the screen, ends no window."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from textual.pilot import Pilot
from wcwidth import wcwidth

from tests.faults.hostile import CORPUS, EVERYTHING, hostile_home
from tests.faults.terminal import Terminal, rest, sequences
from tests.lab import UNSLOTH_TUI, poll
from tests.screens.conftest import settled, steady_machine, until  # noqa: F401
from tui.app import UnslothTui
from tui.run import client, events
from tui.run.folder import create_workbench
from tui.screens.dialogs.ask import AskDialog, TextDialog

STEERING = {*map(chr, range(32)), *map(chr, range(0x7F, 0xA0))}
WALK = (
    *("f2", "down", "ctrl+o", "escape", "f3", "down", "m", "escape", "v", "escape", "f4", "down", "f9", "down", "escape"),
    *("f12", "escape", "slash", "H", "escape", "escape", "f1", "escape", "f5", "s", "s", "l", "l", "a", "a", "E", "down"),
    *("escape", "f6", "ctrl+l", "down", "escape", "f8", "down", "escape", "f9", "escape", "ctrl+k", "escape", "f7", "down"),
    *("t", "escape", "E", "escape", "c", "escape", "slash", "H", "escape", "ctrl+p", "H", "escape"),
)
SHORT_WALK = ("f3", "f4", "s", "l", "f6", "f7")
LAST_PLACE, KEYS_EVERYWHERE = "F7 Runs", "^q Quit  f1 Help"
TERMINAL_WALK = (
    *("s", "s", "l", "l", "a", "f2", "f3", "m", "escape", "f4", "f12", "escape", "f6", "ctrl+l", "escape", "f7", "t"),
    "escape",
)


def painted(app: UnslothTui) -> None:
    """Every piece of what is painted has as many cells as the window counts, on terminals of every kind, and no controls."""
    for strip in app.screen._compositor.render_strips():
        for segment in strip:
            text = segment.text
            assert all(char == " " or char.isprintable() or char in "\u200c\u00ad" for char in text), ascii(text)
            cells = sum(max(0, wcwidth(char)) for char in text)
            assert cells == segment.cell_length, f"{text!a}: {cells} cells, counted as {segment.cell_length}"
            assert segment.style is None or segment.style.link is None
            assert not segment.control


async def walk(pilot: Pilot[None], keys: Sequence[str]) -> None:
    """Go about and look at what is painted after every key."""
    app = pilot.app
    assert isinstance(app, UnslothTui)
    for key in keys:
        await pilot.press(key)
        await settled(pilot)
        painted(app)


@pytest.fixture
def no_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    """A workbench in which nobody works: what it would say is said by the test."""
    monkeypatch.setattr(client, "open_workbench", lambda *_: create_workbench())


async def shown_everywhere(home: Path, work: Path, text: str, keys: Sequence[str]) -> None:
    session, folder = hostile_home(home, work, text)
    app = UnslothTui(session, work / "x.toml", folder)
    async with app.run_test(size=(110, 34)) as pilot:
        await until(pilot, lambda: app.run_state.ended)
        preview = events.Previewed(id="1", place=text, source=text, turns=(("user", text),), text=text, pieces=(text,))
        app.client.view = replace(app.client.view, preview=replace(preview, marks="l", error=text))
        await walk(pilot, keys)
        app.try_to(lambda: (_ for _ in ()).throw(FileNotFoundError(2, text[:500], text[:500])))
        await pilot.pause()
        painted(app)
        for dialog in (AskDialog(text, "Yes"), TextDialog("x", text)):
            await app.push_screen(dialog)
            await pilot.pause()
            painted(app)
            await pilot.press("escape")
    assert app.return_code in (None, 0)


@pytest.mark.slow
@pytest.mark.usefixtures("no_engine", "steady_machine")
async def test_hostile_text_moves_nothing(home: Path, tmp_path: Path) -> None:
    await shown_everywhere(home, tmp_path, EVERYTHING, SHORT_WALK)


@pytest.mark.faults
@pytest.mark.usefixtures("no_engine", "steady_machine")
@pytest.mark.parametrize("name", CORPUS)
async def test_each_kind_of_hostile_text_moves_nothing(name: str, home: Path, tmp_path: Path) -> None:
    await shown_everywhere(home, tmp_path, CORPUS[name], WALK)


def opened(work: Path, text: str) -> Terminal:
    """A real window in a real terminal, on a run that says this text wherever it can."""
    work.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("UNSLOTH_TUI_HOME", str(work / "home"))
        _, folder = hostile_home(work / "home", work, text)
    return Terminal([*UNSLOTH_TUI, "attach", str(folder.path)], {"UNSLOTH_TUI_HOME": str(work / "home")}, work)


def frame(terminal: Terminal) -> tuple[str, bool]:
    """The places, as they stand at the top, and whether the keys of every place stand at the bottom.

    What stands beside them tells of the session, which a hostile text makes a worse one.
    """
    lines = terminal.lines
    return lines[0][: lines[0].find(LAST_PLACE) + len(LAST_PLACE)], KEYS_EVERYWHERE in lines[-1]


def compared(tmp_path: Path, text: str, keys: Sequence[str]) -> None:
    """The same window with harmless and with hostile text: no other sequence is written, the frame stays."""
    usual, terminal = windows = opened(tmp_path / "decent", "decent"), opened(tmp_path / "hostile", text)
    try:
        for window in windows:
            window.sees("F5 Live")
            window.sees("failed")
        for key in keys:
            for window in windows:
                window.press(key)
            for window in windows:
                window.quiet()
            with suppress(AssertionError):
                poll(lambda: frame(usual) == frame(terminal), 30, "")
            assert frame(usual) == frame(terminal), f"the frames are not the same after {key}"
    finally:
        codes = [window.close() for window in windows]
    assert codes == [0, 0], terminal.lines
    assert sequences(terminal.written) <= sequences(usual.written) | {b"\x1b]9;"}
    assert set(rest(terminal.written)) & STEERING <= set(rest(usual.written)) & STEERING


@pytest.mark.slow
def test_what_a_terminal_gets_of_hostile_text_is_text(tmp_path: Path) -> None:
    compared(tmp_path, EVERYTHING, ("l", "f2"))


@pytest.mark.faults
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("name", CORPUS)
def test_what_a_terminal_gets_of_each_kind_of_hostile_text_is_text(name: str, tmp_path: Path) -> None:
    compared(tmp_path, CORPUS[name], TERMINAL_WALK)
