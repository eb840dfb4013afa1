"""The window: six places, the session that is being made, and the one run that is being watched."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path, PurePath
from typing import Any, ClassVar

from rich.text import Text
from textual import work
from textual.binding import Binding, BindingType
from textual.filter import LineFilter
from textual.reactive import var
from textual.screen import Screen

from tui.machine.readings import GpuReading, HostReading
from tui.machine.sampler import Sampler
from tui.run import figures, going_on, queue, stopping
from tui.run.events import Inspected, PhaseChanged, Previewed
from tui.run.folder import RunFolder
from tui.run.handed import read_handed
from tui.run.state import RunState
from tui.screens import live_notice, messages
from tui.screens.dialogs.ask import AskDialog
from tui.screens.model import ModelScreen
from tui.session.schema import Session
from tui.start_app import StartApp
from tui.widgets.foreign import Harmless, plain
from tui.widgets.place_bar import PLACES

DRAIN_S = 1 / 10
STAND_S = 1 / 2
"""A number at the top that changes more often takes a third of all that a window computes."""


# What is behind the first place is loaded when it is first needed: the first picture does not wait for it.


def data_screen() -> Screen[Any]:
    from tui.screens.data import DataScreen

    return DataScreen().data_bind(
        UnslothTui.session, UnslothTui.laid, UnslothTui.preview, UnslothTui.inspected, UnslothTui.workbench_phase
    )


def tune_screen() -> Screen[Any]:
    from tui.screens.tune import TuneScreen

    return TuneScreen().data_bind(UnslothTui.session, UnslothTui.laid)


def chat_screen() -> Screen[Any]:
    from tui.screens.chat import ChatScreen

    return ChatScreen().data_bind(
        UnslothTui.chat,
        UnslothTui.run_folder,
        UnslothTui.run_state,
        UnslothTui.run_session,
        UnslothTui.session,
        UnslothTui.workbench_phase,
        UnslothTui.gpus,
        UnslothTui.host,
    )


def runs_screen() -> Screen[Any]:
    from tui.screens.runs import RunsScreen

    return RunsScreen()


def live_screen() -> Screen[Any]:
    """Numpy, which the plot needs, costs a sixth of a second."""
    from tui.screens.live import LiveScreen

    return LiveScreen().data_bind(
        UnslothTui.run_folder,
        UnslothTui.run_state,
        UnslothTui.run_session,
        UnslothTui.stopping,
        UnslothTui.gpus,
        UnslothTui.host,
    )


class UnslothTui(StartApp):
    """Reads run folders and writes requests; a run never notices whether it is there."""

    TITLE = "unsloth-tui"
    CSS_PATH: ClassVar[list[str | PurePath]] = ["app.tcss", *(f"screens/{it.mode}.tcss" for it in PLACES)]
    """Those of the places too: each that is read later would cost that all are parsed a second time."""
    DEFAULT_MODE = "model"
    MODES: ClassVar[dict[str, Callable[[], Screen[Any]]]] = {  # type: ignore[assignment]
        "model": lambda: ModelScreen().data_bind(UnslothTui.session),
        "data": data_screen,
        "tune": tune_screen,
        "live": live_screen,
        "chat": chat_screen,
        "runs": runs_screen,
    }
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+t", "start_run", "Start", id="start", tooltip="Train the session in a process of its own"),
        Binding(
            "f10",
            "hand_over",
            "Hand over",
            id="hand_over",
            tooltip="Give it to Slurm or SkyPilot",
            show=False,
        ),
        Binding("q,ctrl+q", "leave", "Quit", id="quit", tooltip="Leave the window; a run goes on without it"),
    ]

    run_session: var[Session | None] = var(None)
    stopping: var[bool] = var(False)
    gpus: var[tuple[GpuReading, ...]] = var(tuple)
    host: var[HostReading | None] = var(None)
    workbench_phase: var[PhaseChanged | None] = var(None)
    preview: var[Previewed | None] = var(None)
    inspected: var[Inspected | None] = var(None)
    inspected_session: var[Session | None] = var(None)

    def __init__(
        self, session: Session | None = None, session_path: Path | None = None, run: RunFolder | None = None
    ) -> None:
        super().__init__(session, session_path)
        self.first_run = run
        self.sampler = Sampler()
        self.harmless = Harmless()

    # ---- what comes down

    def on_mount(self) -> None:
        self.start_looks()
        self.call_after_refresh(self.sampler.start)
        self.set_interval(DRAIN_S, self.drain)
        self.set_interval(STAND_S, self.show_standing)
        self.start_guide()
        self.start_desk()
        self.call_after_refresh(self.try_to, queue.start_keeper)
        if self.first_run:
            self.client.watch(self.first_run)
            self.switch_mode("live")

    def get_line_filters(self) -> Sequence[LineFilter]:
        return [*super().get_line_filters(), self.harmless]

    def drain(self) -> None:
        """Take what came since the last tick, and change each reactive at most once."""
        self.show(self.client.drain())
        if self.sampler.latest:
            gpus, self.host = self.sampler.latest
            elsewhere = self.run_state.machine if self.client.view.running else None
            self.gpus = gpus or (elsewhere.devices if elsewhere else ())

    def watch_run_state(self, before: RunState, after: RunState) -> None:
        if before.status != after.status:
            self.show_standing()
        if self.run_folder and (text := live_notice.end_of(before, after, self.run_folder.name)):
            live_notice.call(self, text)
            if self.current_mode != "live":
                self.notify(plain(text), severity="error" if after.failure else "information", markup=False)

    def show_standing(self) -> None:
        if self.client.view.running and (last := self.run_state.last_step):
            self.standing = f"▶ {last.step}/{figures.total_steps(self.run_state)}"
        else:
            super().show_standing()

    # ---- leaving

    async def action_quit(self) -> None:
        self.action_leave()

    def action_leave(self) -> None:
        """Leave, and say what goes on without the window and where an unsaved session is kept."""
        self.ask(self.client.close)
        last_words = []
        if self.run_folder and self.client.view.running:
            name = self.run_folder.name
            last_words.append(f"{name} goes on without the window; come back with: unsloth-tui attach {name}")
        try:
            self.desk.keep_draft()
            if self.desk.unsaved:
                last_words.append("the session was not saved; the next start offers it, and ctrl+o lists it")
        except OSError as error:
            last_words.append(f"the session was not saved, and could not be kept: {error.strerror or error}")
        self.exit(message=Text(plain("\n".join(last_words))) if last_words else None)

    # ---- the run

    @work(group="dialog", exclusive=True)
    async def action_stop_run(self) -> None:
        if self.run_folder is None or self.run_state.ended:
            self.notify("Nothing is running")
            return
        folder = self.run_folder
        if not await self.push_screen_wait(AskDialog(*stopping.question(folder, waits=self.run_state.held_up))):
            return
        if read_handed(folder):
            await self.stop_elsewhere(folder)
        else:
            self.ask(self.client.stop)

    async def stop_elsewhere(self, folder: RunFolder) -> None:
        """Stop a run that was handed over, and say what was done: a job that only waits is cancelled."""
        try:
            said = await asyncio.to_thread(stopping.stop, folder)
        except OSError as error:
            self.notify(plain(str(error)), severity="error", markup=False)
        else:
            self.notify(plain(said), markup=False)

    def action_release(self) -> None:
        if self.run_state.chat_ready and self.ask(self.client.release):
            self.notify("the memory is freed; talking to the result loads it again")

    def on_session_ready(self, event: messages.SessionReady) -> None:
        self.try_to(lambda: self.client.prepare(event.session))

    def on_run_picked(self, event: messages.RunPicked) -> None:
        self.ask(lambda: self.client.watch(event.folder))
        if event.picked_in in ("", self.current_mode):  # who has gone on to another place meanwhile stays there
            self.switch_mode("live")

    def on_run_ordered(self, event: messages.RunOrdered) -> None:
        self.ask(lambda: self.client.order(event.order))

    @work(group="start", exclusive=True)
    async def on_run_resumed(self, event: messages.RunResumed) -> None:
        folder, values = event.folder, event.values

        def hindrance() -> str:
            steps = values.get("training.max_steps")
            reason = going_on.why_not(folder, None if steps is None else int(steps))
            return reason or ("" if event.queued else going_on.make_room(folder))

        if reason := await asyncio.to_thread(hindrance):
            self.notify(plain(f"{folder.name} cannot go on: {reason}"), severity="error", markup=False)
        elif event.queued and not read_handed(folder):  # Slurm has a queue of its own
            if self.try_to(lambda: queue.enqueue_again(folder, values)):
                self.post_message(messages.RunPicked(folder))
        elif self.ask(lambda: self.client.resume(folder, values)):
            self.switch_mode("live")

    # ---- looking into data

    def on_preview_wanted(self, event: messages.PreviewWanted) -> None:
        self.ask(lambda: self.client.preview(event.row, self.session, tokens=event.tokens))

    def on_inspection_wanted(self) -> None:
        self.ask(lambda: self.client.inspect(self.session))

    def on_inspection_cancelled(self) -> None:
        self.ask(self.client.cancel_inspection)
