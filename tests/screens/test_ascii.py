"""A terminal that takes no UTF-8 shows every place in letters that it has, in the columns where they belong."""

from __future__ import annotations

import pytest
from rich.cells import cell_len

from tests.screens.conftest import until
from tui.app import UnslothTui
from tui.run.folder import RunFolder
from tui.widgets.ascii import SIGNS, in_ascii, wanted


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
