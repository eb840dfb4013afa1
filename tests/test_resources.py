"""Paths are told as people write them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tui.resources import home, short


def test_only_what_is_in_the_home_is_told_by_it() -> None:
    mine = Path.home()
    assert short(mine / "runs" / "a.toml") == "~/runs/a.toml"
    neighbour = mine.with_name(f"{mine.name}2") / "a.toml"
    assert short(neighbour) == str(neighbour)


def test_a_home_of_nobody_is_a_folder_like_any_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNSLOTH_TUI_HOME", "~nobody-of-that-name/unsloth-tui")
    assert home() == Path.cwd() / "~nobody-of-that-name" / "unsloth-tui"
