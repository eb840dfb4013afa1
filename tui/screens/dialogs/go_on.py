"""Asks when a run that has ended is to go on, and for how long."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.widgets import Button, Input, Label, Static

from tui.run.folder import RunFolder
from tui.screens.dialogs.base import Dialog
from tui.widgets.foreign import foreign


def newest_checkpoint(folder: RunFolder) -> int:
    """The update after which a run wrote its last checkpoint; 0 without one."""
    return next(iter(folder.checkpoint_paths()), 0)


@dataclass(frozen=True)
class GoOn:
    """How a run goes on."""

    values: dict[str, int | float] = field(default_factory=dict)
    """The settings that change with it, by key."""
    queued: bool = False
    """Whether it waits until a GPU is free and its turn has come."""


class GoOnDialog(Dialog[GoOn | None]):
    """Now, or when its turn comes; Escape means not at all."""

    HELP = (
        "A run goes on from its last checkpoint with the same data, order and schedule. Now, or behind the others in "
        "the queue when a GPU is free."
    )
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss(None)", "Cancel", show=False)]

    def __init__(self, name: str, done: int, checkpoint: int = 0, *, extends: bool = False, planned: int = 0) -> None:
        """`done` updates of `planned`, the last `checkpoint` after one of them.

        With `extends` it is asked how many there are to be in all.
        """
        super().__init__()
        self.run_name, self.done, self.checkpoint, self.extends, self.planned = name, done, checkpoint, extends, planned

    def compose(self) -> ComposeResult:
        told = f"{self.run_name} has done {self.done} updates. It goes on from its last checkpoint"
        if self.checkpoint < self.done:
            told += f", after update {self.checkpoint}: the {self.done - self.checkpoint} since then are trained anew"
        if self.extends:
            told += ", with the learning rate as its schedule has it for the new number of updates."
        with Vertical(classes="dialog"):
            yield Static(foreign(told if self.extends else f"{told}."), markup=False)
            if self.extends:
                with Horizontal(classes="number"):
                    yield Label("Updates in all")
                    yield Input(
                        placeholder=f"more than {max(self.done, self.planned)}", id="updates", type="integer", compact=True
                    )
                yield Static("", classes="complaint", markup=False)
            with Horizontal(classes="buttons"):
                yield Button("Cancel", id="cancel", compact=True)
                yield Button("When its turn comes", id="queue", compact=True)
                yield Button("Go on now", id="now", variant="primary", compact=True)

    def on_mount(self) -> None:
        self.query_one("#updates" if self.extends else "#now").focus()

    def on_button_pressed(self, event: Button.Pressed) -> None:
        if event.button.id == "cancel":
            self.dismiss(None)
        else:
            self.answer(queued=event.button.id == "queue")

    def on_input_submitted(self) -> None:
        self.answer(queued=False)

    def answer(self, *, queued: bool) -> None:
        """Close with what was chosen, unless what was typed is no number that is larger than what was done."""
        if not self.extends:
            self.dismiss(GoOn(queued=queued))
            return
        typed, least = self.query_one("#updates", Input).value.strip(), max(self.done, self.planned)
        if typed.isdecimal() and int(typed) > least:
            self.dismiss(GoOn({"training.max_steps": int(typed)}, queued))
        else:
            self.query_one(".complaint", Static).update(f"a whole number larger than {least}")
