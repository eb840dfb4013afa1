"""Numbers are read at a glance, and never in a unit that is too small or too large."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui import words


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (None, "–"),
        (0, "0 s"),
        (0.4, "0 s"),
        (59.4, "59 s"),
        (59.6, "1 min 00 s"),
        (60, "1 min 00 s"),
        (200, "3 min 20 s"),
        (3599.4, "59 min 59 s"),
        (3599.6, "1 h 00 min"),
        (7500, "2 h 05 min"),
        (360_000, "100 h 00 min"),
    ],
)
def test_seconds(value: float | None, said: str) -> None:
    assert words.seconds(value) == said


def test_a_text_and_what_to_do_about_it_are_told_apart() -> None:
    assert words.advised("the disk is full", "free some space") == "the disk is full; free some space"
    assert words.advised("It hardly falls.", "Try twice the rate.") == "It hardly falls. Try twice the rate."
    assert words.advised("it is full", "") == "it is full"


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (0, "ended with exit code 0"),
        (3, "ended with exit code 3"),
        (-9, "was killed by signal 9 (SIGKILL)"),
        (-40, "was killed by signal 40"),
    ],
)
def test_ended(code: int, said: str) -> None:
    assert words.ended(code) == said


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (None, "–"),
        (0, "0 B"),
        (999, "999 B"),
        (1000, "0.977 KiB"),
        (1024, "1 KiB"),
        (999.6 * 1024, "0.976 MiB"),
        (1.54 * 2**30, "1.54 GiB"),
        (141 * 2**30, "141 GiB"),
        (3 * 2**50, "3072 TiB"),
    ],
)
def test_size(value: float | None, said: str) -> None:
    assert words.size(value) == said


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (None, "–"),
        (0, "0"),
        (950, "950"),
        (999, "999"),
        (1000, "1 k"),
        (12_345, "12.3 k"),
        (999_499, "999 k"),
        (999_999, "1 M"),
        (134_515_008, "135 M"),
        (8_030_000_000, "8.03 B"),
        (2_500_000_000_000, "2500 B"),
    ],
)
def test_count(value: float | None, said: str) -> None:
    assert words.count(value) == said


@pytest.mark.parametrize(
    ("value", "said"), [(0, "0"), (0.04883, "0.0488"), (52.21, "52.2"), (999.6, "1,000"), (1234, "1,234")]
)
def test_number(value: float, said: str) -> None:
    assert words.number(value) == said


@pytest.mark.parametrize(("value", "said"), [(0, "0 %"), (0.004, "0 %"), (0.7083, "71 %"), (1, "100 %")])
def test_share(value: float, said: str) -> None:
    assert words.share(value) == said


@given(st.integers(0, 10**12))
def test_no_number_takes_more_than_five_characters(value: int) -> None:
    for said in (words.size(value), words.count(value)):
        assert len(said.split()[0]) <= 5 and "e" not in said
