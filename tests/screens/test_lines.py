"""Long names and values are read in their column, a table uses the room there is, and both ends of a line can be read."""

from __future__ import annotations

import pytest
from textual.app import App, ComposeResult
from textual.color import Color

from tui.screens.data_text import shared_out
from tui.widgets.hanging import Hanging
from tui.widgets.two_ends import TwoEnds


def test_a_long_value_goes_on_below_its_beginning_and_a_long_name_does_not_push_it_out() -> None:
    sign = "✗ Model: no model is chosen"
    assert [line.plain.rstrip() for line in Hanging(sign).lines(20)] == ["✗ Model: no model is", "  chosen"]
    told = "weights        a/very/long/path/of/one/word\n  no GPU is here, sorry\n\nof no value at all, but long"
    shown = [line.plain.rstrip() for line in Hanging(told).lines(31)]
    assert shown == [
        "weights        a/very/long/path",
        "               /of/one/word",
        "  no GPU is here, sorry",
        "",
        "of no value at all, but long",
    ]
    assert [line.plain.rstrip() for line in Hanging("longer  value").lines(10)] == ["longer", "value"]


def test_a_short_column_leaves_its_room_to_a_long_one() -> None:
    assert shared_out(60, [["x" * 200, "short"]]) == [51, 5]
    assert shared_out(60, [["x" * 200, "y" * 90], ["", ""]]) == [28, 28]
    assert shared_out(20, [["x" * 200, "y" * 90]]) == [16, 16], "narrower than this nothing can be read"
    assert shared_out(60, []) == []


class Window(App[None]):
    """One line and nothing else."""

    def compose(self) -> ComposeResult:
        yield TwoEnds()


@pytest.mark.parametrize("theme", ["textual-light", "textual-dark"])
async def test_both_ends_of_a_line_can_be_read(theme: str) -> None:
    app = Window()
    async with app.run_test(size=(40, 3)) as pilot:
        app.theme = theme
        line = app.query_one(TwoEnds)
        line.left, line.right = "SmolLM2", "1.2 GiB"
        await pilot.pause()
        styles = {text.strip(): style for text, style, _ in line.render_line(0) if text.strip()}
        assert styles.keys() == {"SmolLM2", "1.2 GiB"}
        for style in styles.values():
            assert style and style.color and style.bgcolor
            shown, behind = Color.from_rich_color(style.color), Color.from_rich_color(style.bgcolor)
            assert abs(shown.brightness - behind.brightness) > 0.4
