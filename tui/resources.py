"""Finds the files that come with the program: themes and sample data."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).parent


def resource(name: str) -> Path:
    """The folder of that name: in the wheel below ``tui/assets``, in a checkout beside ``tui``."""
    installed = _PACKAGE / "assets" / name
    return installed if installed.exists() else _PACKAGE.parent / name
