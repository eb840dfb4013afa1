"""Calls somebody to the terminal: its bell, and a notification of the desktop where the terminal passes one on."""

from __future__ import annotations

import unicodedata
from typing import Any

from textual.app import App

from tui.run.events import Failed
from tui.run.state import RunState

LONGEST = 200


def end_of(before: RunState, after: RunState, name: str) -> str:
    """What to say of a run that has just ended while it was watched; empty when there is nothing new."""
    if not after.ended or before.ended or not before.engine_alive:
        return ""
    if isinstance(after.failure, Failed):
        return f"{name} {after.status}: {after.failure.text}"
    return f"{name} is {after.status}" if after.status in ("finished", "paused") else f"{name} was {after.status}"


def call(app: App[Any], text: str) -> None:
    """Ring, and hand the text to the desktop (OSC 9: iTerm2, kitty, WezTerm, Windows Terminal, ConEmu, foot)."""
    app.bell()
    if app._driver is not None and not app.is_headless:
        app._driver.write(osc9(text))


def osc9(text: str) -> str:
    """The sequence that shows a text as a notification; nothing in it can end or extend the sequence."""
    safe = "".join(sign if unicodedata.category(sign)[0] != "C" else " " for sign in text[:LONGEST])
    return f"\x1b]9;unsloth-tui: {safe}\x07"  # ConEmu takes a text that begins with a number as an order
