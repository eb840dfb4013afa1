"""A tour of the places in six steps; each is shown behind what is said about it."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import Label, Static

from tui.screens.dialogs.base import Dialog

STEPS = (
    ("model", "Choose a model: type some letters, Enter takes it. The right side says whether it fits this GPU."),
    (
        "data",
        "Choose what it learns from: a file, a folder or owner/name on the hub; ctrl+g takes sample data. You see at once"
        " how the rows are read, and what is wrong with them.",
    ),
    (
        "tune",
        "Change how it is trained, or nothing: the defaults work. F1 explains the field under the cursor, F8 mends what is"
        " wrong, and ctrl+t starts the run.",
    ),
    (
        "live",
        "Watch it learn. Closing the window or losing the connection does not touch the run; it is come back to with:"
        " unsloth-tui attach",
    ),
    ("chat", "Hear the tuned and the base model answer the same question, side by side."),
    (
        "runs",
        "Find every run again: compare, go on, export to GGUF, vLLM or Ollama. F1 helps everywhere, ctrl+p finds everything,"
        " q leaves.",
    ),
)
"""The place that is shown, and what is said."""


class TourDialog(Dialog[str]):
    """One step; answers with ``next``, ``back`` or ``end``."""

    HELP = "The places in six steps: Enter goes on, left goes back, Escape ends the tour and stays where it is."

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "dismiss('end')", "End", show=False),
        Binding("enter,right,space", "dismiss('next')", "Next", show=False),
        Binding("left,backspace", "dismiss('back')", "Back", show=False),
    ]

    def __init__(self, at: int) -> None:
        super().__init__()
        self.at = at

    def compose(self) -> ComposeResult:
        last = self.at == len(STEPS) - 1
        with Vertical(classes="dialog"):
            yield Label(f"{self.at + 1} of {len(STEPS)}", classes="section")
            yield Static(STEPS[self.at][1], markup=False)
            yield Label(f"Enter {'ends' if last else 'goes on'}, left goes back, Escape ends the tour", classes="hint")

    def on_click(self) -> None:
        self.dismiss("next")
