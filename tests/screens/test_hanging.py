"""Long names and values are read in their column, and a table uses the room there is."""

from __future__ import annotations

from tui.screens.data_text import shared_out
from tui.widgets.hanging import Hanging


def test_a_long_value_goes_on_below_its_beginning_and_a_long_name_does_not_push_it_out() -> None:
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
