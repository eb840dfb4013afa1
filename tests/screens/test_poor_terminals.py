"""A terminal without UTF-8 or colours shows every place in what it has, and what matters is told apart there too."""

from __future__ import annotations

import pytest
from rich.cells import cell_len

from tests.screens.conftest import until
from tui.app import UnslothTui
from tui.run.folder import RunFolder
from tui.widgets.line_filters import SIGNS, in_ascii, wanted


@pytest.mark.parametrize(
    ("environ", "ascii"),
    [
        ({}, False),
        ({"LANG": "C.UTF-8"}, False),
        ({"LANG": "en_US.utf8"}, False),
        ({"LANG": "C"}, True),
        ({"LANG": "C", "LC_CTYPE": "C.UTF-8"}, True),  # what Python makes of LANG=C
        ({"LC_CTYPE": "C.UTF-8"}, False),
        ({"LC_ALL": "POSIX", "LANG": "de_DE.UTF-8"}, True),
        ({"LANG": "de_DE.ISO-8859-1"}, True),
        ({"LC_CTYPE": "en_US.UTF-8", "LANG": "C"}, False),
        ({"LANG": "C", "UNSLOTH_TUI_ASCII": "0"}, False),
        ({"UNSLOTH_TUI_ASCII": "1"}, True),
    ],
)
def test_the_locale_says_what_the_terminal_takes(environ: dict[str, str], ascii: bool) -> None:
    assert wanted(environ) is ascii


def test_every_letter_keeps_its_columns() -> None:
    text = "".join(SIGNS) + "╭─╮ ⠁⣿⠒ é ﬁ 漢字 😀 ☃ ①"
    assert in_ascii(text).isascii() and len(in_ascii(text)) == cell_len(text)
    assert in_ascii("┌─┐") == "+-+" and in_ascii("⣿") == "#" and in_ascii("⠁") == "."


@pytest.mark.parametrize(("within", "colours"), [({}, "truecolor"), ({"STY": "1234.pts-0.box"}, "256")])
def test_screen_is_not_sent_colours_that_it_garbles(
    within: dict[str, str], colours: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("STY", raising=False)
    for name, value in {"COLORTERM": "truecolor", "TERM": "screen.xterm-256color", **within}.items():
        monkeypatch.setenv(name, value)
    assert UnslothTui().console.color_system == colours


async def test_every_place_is_painted_in_ascii(demo_run: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LANG", "C")
    monkeypatch.delenv("LC_ALL", raising=False)
    app = UnslothTui(run=demo_run)
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: app.run_state.ended)
        for key in ("f4", "f5", "f1"):
            await pilot.press(key)
            await pilot.pause()
            painted = "".join(strip.text for strip in app.screen._compositor.render_strips())
            assert painted.strip() and painted.isascii()


async def test_without_colours_nothing_breaks_and_the_cursor_is_seen(
    demo_run: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    app = UnslothTui(run=demo_run)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: app.run_state.ended)
        await pilot.pause()
        strips = app.screen._compositor.render_strips()
        colours = [segment.style.color for strip in strips for segment in strip if segment.style and segment.style.color]
        assert colours and all(len({*colour.get_truecolor()}) == 1 for colour in colours)
        await pilot.press("f7")
        await until(pilot, lambda: app.screen.query("DataTable") and app.screen.rows)  # type: ignore[attr-defined]
        await pilot.pause()
        assert any(
            segment.style.reverse for strip in app.screen._compositor.render_strips() for segment in strip if segment.style
        )
