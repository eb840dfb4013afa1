"""The keys that steer the run that is watched; each that changes it asks first and says what it will do."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from textual import work
from textual.binding import Binding, BindingType
from textual.reactive import var

from tui.run import commands, figures, queue
from tui.run.folder import RunFolder
from tui.run.state import RunState
from tui.screens.base import PlaceScreen
from tui.screens.dialogs.ask import AskDialog
from tui.screens.dialogs.go_on import GoOnDialog, newest_checkpoint
from tui.screens.live_numbers import NumbersDialog, changeable
from tui.screens.messages import RunOrdered, RunResumed
from tui.session.schema import Session
from tui.session.text import to_text
from tui.widgets.foreign import plain

WHILE_RUNNING = {"stop", "discard", "pause", "checkpoint", "evaluate", "sample", "change"}
ONCE_ENDED = {"resume", "extend", "release"}
WHILE_WAITING = {"start_now", "hold", "cancel"}


class SteeringScreen(PlaceScreen):
    """A place from which the run is paused, corrected and gone on with."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+x", "stop", "Stop", id="live.stop", tooltip="Stop the run and save what was learned"),
        Binding("p", "pause", "Pause", id="live.pause", tooltip="Write a checkpoint and free the GPU; it can go on later"),
        Binding("t", "change", "Change", id="live.change", tooltip="Learning rate, number of updates, cadences"),
        Binding("r", "resume", "Go on", id="live.resume", tooltip="Let the run go on from its last checkpoint"),
        Binding("u", "extend", "Extend", id="live.extend", tooltip="Let a finished run train for more updates"),
        Binding("n", "start_now", "Start now", id="live.now", tooltip="Start the waiting run before its turn"),
        Binding("h", "hold", "Hold", id="live.hold", tooltip="Hold the waiting run back, or let it go"),
        Binding("ctrl+x", "cancel", "Cancel", id="live.cancel", tooltip="Take the waiting run out of the queue"),
        Binding("f", "release", "Free GPU", id="live.release", tooltip="Take the model of an ended run out of memory"),
        Binding("X", "discard", "Discard", show=False, id="live.discard", tooltip="Stop the run and keep nothing"),
        Binding("k", "checkpoint", "Checkpoint", show=False, id="live.checkpoint", tooltip="Write a checkpoint now"),
        Binding("e", "evaluate", "Evaluate", show=False, id="live.evaluate", tooltip="Measure on held-out examples now"),
        Binding("S", "sample", "Ask now", show=False, id="live.sample", tooltip="Ask the sample prompts now"),
    ]

    run_folder: var[RunFolder | None] = var(None)
    run_state: var[RunState] = var(RunState)
    run_session: var[Session | None] = var(None)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer only what can be done to the run as it is."""
        ended, there, waits = self.run_state.ended, self.run_folder is not None, self.waits
        if action in WHILE_WAITING:
            return waits
        if action in WHILE_RUNNING:
            hears = action == "stop" or not self.run_state.held_up
            return there and not ended and not waits and hears
        if action in ONCE_ENDED and waits:
            return False
        if action in ONCE_ENDED:
            finished, loaded = self.run_state.status == "finished", self.run_state.chat_ready
            kept = bool(self.run_state.checkpoints) and not self.run_state.discarded
            return there and ended and {"resume": kept and not finished, "extend": finished, "release": loaded}[action]
        return True

    @property
    def waits(self) -> bool:
        """Whether the run is in the queue."""
        return self.run_folder is not None and self.run_folder.ticket.exists()

    def done(self) -> int:
        """How many updates have been done by now."""
        return self.run_state.last_step.step if self.run_state.last_step else 0

    def order(self, order: commands.Command, said: str) -> None:
        """Ask something of the run, and say what will come of it."""
        self.post_message(RunOrdered(order))
        self.notify(said)

    async def action_stop(self) -> None:
        await self.run_action("app.stop_run")

    async def action_release(self) -> None:
        await self.run_action("app.release")

    def action_checkpoint(self) -> None:
        self.order(commands.Checkpoint(), "a checkpoint is written after this update")

    def action_evaluate(self) -> None:
        if self.run_state.plan and not self.run_state.plan.held_out_examples:
            self.notify("there is nothing to measure on: the session holds no examples out", severity="warning")
        else:
            self.order(commands.Evaluate(), "it is measured on held-out examples after this update")

    def action_sample(self) -> None:
        if self.run_session and not self.run_session.evaluation.sample_prompts:
            self.notify("the session has no sample prompts (Tune, Evaluation)", severity="warning")
        else:
            self.order(commands.Sample(), "the sample prompts are asked after this update")

    @work(group="dialog", exclusive=True)
    async def action_pause(self) -> None:
        question = (
            f"Pause {self.name_of_run}? After this update it writes a checkpoint, ends and frees the GPU. It can go on from"
            " there later, from here or from Runs."
        )
        if await self.app.push_screen_wait(AskDialog(question, "Pause")):
            self.order(commands.Pause(), "pausing after this update")

    @work(group="dialog", exclusive=True)
    async def action_discard(self) -> None:
        question = (
            f"Stop {self.name_of_run} and throw away what it has learned? It cannot go on after that. Checkpoints that it"
            " has written stay, to talk to and to export."
        )
        if await self.app.push_screen_wait(AskDialog(question, "Stop and discard")):
            self.order(commands.Stop(discard=True), "stopping after this update, nothing is saved")

    @work(group="dialog", exclusive=True)
    async def action_change(self) -> None:
        session, state = self.run_session or Session(), self.run_state
        question = f"Change {self.name_of_run} from its next update on. What is left as it is stays as it is."
        values = await self.app.push_screen_wait(NumbersDialog(question, changeable(state, session), session, self.done))
        if values:
            told = ", ".join(f"{key.partition('.')[2]} = {to_text(value)}" for key, value in values.items())
            self.order(commands.Change(values=values), f"from the next update on: {told}")

    @work(group="dialog", exclusive=True)
    async def action_resume(self) -> None:
        folder = self.run_folder
        if folder is None:
            return
        if answer := await self.app.push_screen_wait(GoOnDialog(folder.name, self.done(), newest_checkpoint(folder))):
            self.post_message(RunResumed(folder, answer.values, answer.queued))

    @work(group="dialog", exclusive=True)
    async def action_extend(self) -> None:
        folder, state = self.run_folder, self.run_state
        if folder is None or state.last_step is None:
            return
        if not folder.checkpoint_paths():
            self.notify("it kept no checkpoint to go on from; n on Runs (F7) copies its session", severity="warning")
            return
        planned = figures.total_steps(state)
        dialog = GoOnDialog(folder.name, self.done(), newest_checkpoint(folder), extends=True, planned=planned)
        if answer := await self.app.push_screen_wait(dialog):
            self.post_message(RunResumed(folder, answer.values, answer.queued))

    # ---- in the queue

    @work(group="dialog", exclusive=True)
    async def action_start_now(self) -> None:
        question = (
            f"Start {self.name_of_run} now, before its turn? What else computes on its GPU goes on beside it: both get"
            " slower, and memory may run out."
        )
        if (folder := self.run_folder) is None:
            return
        if await self.app.push_screen_wait(AskDialog(question, "Start now")):
            self.change_queue(lambda: queue.start_now(folder), f"{folder.name} starts")

    def action_hold(self) -> None:
        if folder := self.run_folder:
            held = not any(it.held for it in queue.waiting() if it.folder == folder)
            said = "held back until h lets it go" if held else "it starts when its turn comes"
            self.change_queue(lambda: queue.hold(folder, held), said)

    @work(group="dialog", exclusive=True)
    async def action_cancel(self) -> None:
        question = f"Take {self.name_of_run} out of the queue? Its folder stays, and n on Runs copies its session."
        if (folder := self.run_folder) is None:
            return
        if await self.app.push_screen_wait(AskDialog(question, "Take it out", "Let it wait")):
            self.change_queue(lambda: queue.cancel(folder), f"{folder.name} waits no more")

    def change_queue(self, do: Callable[[], object], said: str) -> None:
        """Change what waits, and say what came of it."""
        try:
            do()
        except (OSError, queue.NotWaiting) as error:
            said = str(error)
        self.notify(plain(said), markup=False)
        self.show_state()

    def show_state(self) -> None:
        """Bring everything on the screen up to the state."""
        raise NotImplementedError

    @property
    def name_of_run(self) -> str:
        return self.run_folder.name if self.run_folder else ""
