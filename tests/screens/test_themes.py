"""Any theme can be worn: its text is readable, its signs are told apart, and a damaged file of the user is told once."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from textual.color import Color
from textual.css.stylesheet import Stylesheet
from textual.theme import BUILTIN_THEMES
from textual.widgets import OptionList

from tests.screens.conftest import until
from tui.app import UnslothTui
from tui.resources import config, resource
from tui.screens.dialogs.theme import ThemeDialog
from tui.themes import OWN, SLOTS, ThemeFault, read_theme
from tui.widgets.place_bar import PLACES

THEMES = {name: read_theme(resource("themes") / f"{name}.toml") for name in OWN}
DEUTERANOPIA = ((0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.011820, 0.042940, 0.968881))
PROTANOPIA = ((0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216), (-0.003882, -0.048116, 1.051998))
"""How eyes without green or red cones see linear RGB; Machado, Oliveira and Fernandes 2009, table 1, severity 1."""


def linear(colour: str) -> tuple[float, ...]:
    parts = Color.parse(colour).normalized
    return tuple(part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)


def contrast(one: str, other: str) -> float:
    """The contrast ratio of WCAG 2.2, 1 to 21."""
    bright, dark = sorted((0.2126 * r + 0.7152 * g + 0.0722 * b for r, g, b in (linear(one), linear(other))), reverse=True)
    return (bright + 0.05) / (dark + 0.05)


def seen(colour: str, eyes: tuple[tuple[float, ...], ...]) -> tuple[float, ...]:
    return tuple(sum(a * b for a, b in zip(row, linear(colour), strict=True)) for row in eyes)


@pytest.mark.parametrize("name", OWN)
def test_text_and_signs_of_a_theme_are_readable(name: str) -> None:
    theme, wanted = THEMES[name], 7.0 if "contrast" in name else 4.5
    assert set(theme.variables) == set(SLOTS)
    for ground in (theme.background, theme.surface, theme.panel):
        assert contrast(theme.foreground or "", ground or "") >= wanted
    signs = [theme.primary, theme.warning, theme.error, theme.success, theme.accent]
    signs += [theme.variables[slot] for slot in SLOTS if slot != "curve-raw"]
    assert min(contrast(sign or "", theme.background or "") for sign in signs) >= wanted


@pytest.mark.parametrize("eyes", [DEUTERANOPIA, PROTANOPIA])
def test_colour_blind_eyes_tell_the_signs_of_clear_dark_apart(eyes: tuple[tuple[float, ...], ...]) -> None:
    signs = [seen(THEMES["clear-dark"].variables[f"gauge-{level}"], eyes) for level in ("ok", "warn", "hot")]
    for at, one in enumerate(signs):
        for other in signs[at + 1 :]:
            assert sum((a - b) ** 2 for a, b in zip(one, other, strict=True)) ** 0.5 > 0.35


def test_every_theme_file_that_comes_with_the_program_is_offered() -> None:
    assert {path.stem for path in resource("themes").glob("*.toml")} == set(OWN)


def test_all_that_is_wrong_with_a_theme_file_is_told_at_once(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('acent = "#fff"\nsurface = "shiny"\ndark = 3\n[variables]\ngauge-hott = "#f00"\ncurve-eval = "x"\n')
    with pytest.raises(ThemeFault) as caught:
        read_theme(path)
    for told in (
        "acent; did you mean accent",
        "primary is missing",
        "surface = 'shiny'",
        "dark = 3",
        "gauge-hott",
        "curve-eval",
    ):
        assert told in str(caught.value)


async def test_every_theme_can_be_worn() -> None:
    app = UnslothTui()
    async with app.run_test(size=(80, 24)):
        for name in (*OWN, *BUILTIN_THEMES):
            app.set_reactive(UnslothTui.theme, name)
            app.stylesheet.set_variables(app.get_css_variables())
            app.stylesheet.reparse()
            assert all(app.theme_variables[slot] for slot in SLOTS)
            frame, ground = (app.theme_variables[slot] for slot in ("faint", "background"))
            assert "ansi" in name or contrast(frame, ground) > 1.3, f"{name}: the frame of a plot is not seen"


def invisible(app: UnslothTui) -> list[str]:
    """Texts on the screen in the colour of what is behind them."""
    strips = app.screen._compositor.render_strips()
    parts = [part for strip in strips for part in strip if part.style and part.text.strip(" ▁▂▃▄▅▆▇█")]
    return [part.text for part in parts if part.style and part.style.color and part.style.color == part.style.bgcolor]


async def test_a_place_is_drawn_in_the_theme_of_now_and_its_styles_are_not_read_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    app, read = UnslothTui(), list[str]()
    parse = Stylesheet.reparse
    monkeypatch.setattr(Stylesheet, "reparse", lambda sheet: (read.append(app.theme), parse(sheet))[1])
    async with app.run_test(size=(100, 30)) as pilot:
        await pilot.pause()
        started = len(read)
        for name in (OWN[0], "paper"):
            app.theme = name
            for place in PLACES:
                await pilot.press(place.key)
                await until(pilot, lambda place=place: app.current_mode == place.mode)
                await pilot.pause()
                ground = Color.parse(app.theme_variables["background"])
                assert app.screen.styles.background == ground and not invisible(app), (name, place.mode)
        assert read[started:] == ["paper"]


async def test_a_theme_is_previewed_kept_and_remembered() -> None:
    app = UnslothTui()
    async with app.run_test() as pilot:
        app.action_change_theme()
        await until(pilot, lambda: isinstance(app.screen, ThemeDialog) and app.focused)
        await pilot.press("down")
        await until(pilot, lambda: app.theme == OWN[1])
        await pilot.press("escape")
        await until(pilot, lambda: app.theme == OWN[0] and not isinstance(app.screen, ThemeDialog))
        app.action_change_theme()
        await until(pilot, lambda: isinstance(app.screen, ThemeDialog) and app.focused)
        app.screen.query_one(OptionList).highlighted = OWN.index("ember")
        await until(pilot, lambda: app.theme == "ember")
        await pilot.press("enter")
        await until(pilot, lambda: app.theme == "ember" and not isinstance(app.screen, ThemeDialog))
    again = UnslothTui()
    async with again.run_test():
        assert again.theme == "ember"


async def test_the_users_own_files_are_loaded_live_and_faults_told_once(monkeypatch: pytest.MonkeyPatch) -> None:
    folder = config() / "themes"
    folder.mkdir(parents=True)
    told: list[str] = []
    monkeypatch.setattr(UnslothTui, "notify", lambda self, message, **_: told.append(message))
    app = UnslothTui()
    async with app.run_test() as pilot:
        (folder / "mine.toml").write_text('primary = "#123456"\n')
        (folder / "bad.toml").write_text("primary = 7\n")
        app.look_for_themes()
        app.look_for_themes()
        assert [text.split(":")[0] for text in told] == ["theme bad.toml"]
        app.theme = "mine"
        await pilot.pause()
        await asyncio.to_thread((folder / "mine.toml").write_text, 'primary = "#ff0000"\n')
        app.look_for_themes()
        await until(pilot, lambda: Color.parse(app.theme_variables["primary"]).r > 250)
        (folder / "mine.toml").unlink()
        app.look_for_themes()
        assert app.theme == OWN[0]
