"""Paths are told as people write them."""

from __future__ import annotations

from pathlib import Path

from tui.resources import short


def test_only_what_is_in_the_home_is_told_by_it() -> None:
    home = Path.home()
    assert short(home / "runs" / "a.toml") == "~/runs/a.toml"
    neighbour = home.with_name(f"{home.name}2") / "a.toml"
    assert short(neighbour) == str(neighbour)
