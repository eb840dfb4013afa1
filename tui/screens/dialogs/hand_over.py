"""A session handed to Slurm or SkyPilot: what was found, the script that would be written, and whether it is submitted."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.getters import query_one
from textual.widgets import Button, Label, Static

from tui.run import hand_over
from tui.run.folder import RunFolder
from tui.run.handed import Place
from tui.screens.dialogs.base import Dialog
from tui.session.problem import Problem
from tui.session.schema import Session
from tui.widgets.choice import Choice
from tui.widgets.foreign import foreign, plain
from tui.widgets.hanging import Hanging

PLACES: dict[str, Place] = {"Slurm": "slurm", "SkyPilot": "skypilot"}


class HandOverDialog(Dialog[RunFolder | None]):
    """Writes a job when asked to, and submits it only when asked to do that; the run is the answer."""

    HELP = (
        "Writes the session as a job for a cluster or a cloud, and submits it when told to. What is asked for there "
        "(time, memory, GPUs) stands on Tune under Cluster."
    )
    CSS_PATH = "hand_over.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss(None)", "Close", show=False)]

    choice = query_one("#to", Choice)
    found = query_one("#found", Hanging)
    script = query_one("#script", Static)

    def __init__(self, session: Session, agreed: Callable[[Session], Awaitable[bool]]) -> None:
        super().__init__()
        self.session, self.agreed = session, agreed
        self.problems: list[Problem] | None = None
        """What was found for the place that is chosen; None while that is being looked for."""

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            with Horizontal(id="where"):
                yield Label("Hand this session to", classes="section")
                yield Choice(tuple(PLACES), next(iter(PLACES)), id="to")
            with VerticalScroll(id="found-box", can_focus=False):
                yield Hanging("", id="found", markup=False)
            with VerticalScroll(id="script-box"):
                yield Static("", id="script", markup=False)
            with Horizontal(classes="buttons"):
                yield Button("Close", id="close", compact=True)
                yield Button("Only write it", id="write", compact=True)
                yield Button("Write and submit", id="submit", variant="primary", compact=True)
            yield Label(
                "left and right choose, tab goes on; what is asked for: Tune (F4), Cluster", classes="hint", markup=False
            )

    def on_mount(self) -> None:
        self.choice.focus()
        self.look()

    def on_choice_changed(self) -> None:
        self.look()

    @property
    def to(self) -> Place:
        return PLACES[self.choice.value]

    @work(group="look", exclusive=True)
    async def look(self) -> None:
        """Find out what may be wrong there, and what would be written."""
        self.problems = None
        self.show("looking at the session, its files and the cluster …")
        session, to = self.session, self.to
        problems = await asyncio.to_thread(hand_over.look, session, to)
        written = "" if _blocking(problems) else await asyncio.to_thread(hand_over.planned, session, to)
        self.problems = problems
        self.script.update(foreign(written))
        told = [f"{'✗' if problem.blocking else '!'} {problem}" for problem in problems]
        self.show("\n".join(told) or "✓ nothing stands in the way")

    def show(self, text: str) -> None:
        """What was found, and which buttons that leaves."""
        ready = self.problems is not None and not _blocking(self.problems)
        self.found.update(text)
        self.found.set_class(self.problems is not None and not ready, "-refused")
        for button in self.query("#write, #submit").results(Button):
            button.disabled = not ready

    def on_button_pressed(self, event: Button.Pressed) -> None:
        if event.button.id == "close":
            self.dismiss(None)
        else:
            self.do(submits=event.button.id == "submit")

    @work(group="do", exclusive=True)
    async def do(self, *, submits: bool) -> None:
        """Write the job, and submit it when that is wanted; what is refused stays as it is written."""
        if not await self.agreed(self.session):
            return
        self.problems = None
        self.show("writing the job …" if not submits else "writing and submitting the job …")
        try:
            folder = await asyncio.to_thread(hand_over.write, self.session, self.to)
            if submits:
                await asyncio.to_thread(hand_over.submit, folder)
        except OSError as error:
            self.problems = []
            self.show(f"✗ it was not submitted: {error}")
            self.found.add_class("-refused")
            return
        self.dismiss(folder)
        said = "submitted" if submits else f"written; submit it with: {hand_over.by_hand(folder, self.to)}"
        self.app.notify(plain(f"{folder.name} is {said}"), markup=False)


def _blocking(problems: list[Problem]) -> bool:
    return any(problem.blocking for problem in problems)
