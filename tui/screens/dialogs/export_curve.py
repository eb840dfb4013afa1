"""Asks for a file for a run's figures, and stays open until it is written."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tui.run.curves import UnknownKind
from tui.screens.dialogs.path import SaveDialog


class CurveDialog(SaveDialog):
    """A path to type, whose ending says what is written; Escape means none."""

    def __init__(self, suggestion: str, write: Callable[[Path], None]) -> None:
        def write_known(path: Path) -> None:
            try:
                write(path)
            except UnknownKind as error:
                raise ValueError(str(error)) from error

        hint = ".svg: a picture of the curve; .csv: every update. Enter writes, Escape cancels"
        super().__init__("Write the figures of this run to", suggestion, write_known, hint=hint, complaint=lambda _: "")
