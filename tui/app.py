"""The window: six places, the session that is being made, and the one run that is being watched."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from textual import work
from textual.app import App, SystemCommand
from textual.binding import ActiveBinding, Binding, BindingType
from textual.reactive import reactive
from textual.screen import Screen

from tui.machine.gpu import GpuReading
from tui.machine.host import HostReading
from tui.machine.sampler import Sampler
from tui.run import commands, conversation, talk
from tui.run.conversation import Conversation
from tui.run.events import EngineSeen, Event, Failed, PhaseChanged, Previewed, Replied
from tui.run.folder import RunFolder, create_run
from tui.run.preflight import preflight
from tui.run.process import send, start_engine
from tui.run.state import RunState, fold
from tui.run.watcher import Watcher
from tui.screens import messages
from tui.screens.chat import ChatScreen
from tui.screens.data import DataScreen
from tui.screens.dialogs.ask import AskDialog, TextDialog
from tui.screens.dialogs.path import PathDialog
from tui.screens.live import LiveScreen
from tui.screens.model import ModelScreen
from tui.screens.runs import RunsScreen
from tui.screens.tune import TuneScreen
from tui.session import file
from tui.session.checks import Problem
from tui.session.schema import Session
from tui.themes import load_themes, own_slots
from tui.widgets.foreign import plain
from tui.widgets.help import help_text
from tui.widgets.place_bar import PLACES, PlaceTab

DRAIN_S = 1 / 10


class UnslothTui(App[None]):
    """Reads run folders and writes requests; a run never notices whether it is there."""

    TITLE = "unsloth-tui"
    CSS_PATH = "app.tcss"
    DEFAULT_MODE = "model"
    MODES: ClassVar[dict[str, Callable[[], Screen[Any]]]] = {  # type: ignore[assignment]
        "model": lambda: ModelScreen().data_bind(UnslothTui.session),
        "data": lambda: DataScreen().data_bind(UnslothTui.session, UnslothTui.preview, UnslothTui.workbench_phase),
        "tune": lambda: TuneScreen().data_bind(UnslothTui.session),
        "live": lambda: LiveScreen().data_bind(
            UnslothTui.run_folder, UnslothTui.run_state, UnslothTui.run_session, UnslothTui.gpus, UnslothTui.host
        ),
        "chat": lambda: ChatScreen().data_bind(
            UnslothTui.conversation,
            UnslothTui.run_folder,
            UnslothTui.run_state,
            UnslothTui.session,
            UnslothTui.workbench_phase,
        ),
        "runs": RunsScreen,
    }
    BINDINGS: ClassVar[list[BindingType]] = [
        *(Binding(p.key, f"go('{p.mode}')", p.title, id=f"go.{p.mode}", tooltip=p.help, show=False) for p in PLACES),
        Binding("f1", "explain", "Help", id="help", tooltip="Every key of this place"),
        Binding("ctrl+t", "start_run", "Start run", id="start", tooltip="Train the session in a process of its own"),
        Binding("ctrl+s", "save", "Save", id="save", tooltip="Write the session to a TOML file"),
        Binding("ctrl+o", "open", "Open", id="open", tooltip="Read a session from a TOML file", show=False),
        Binding("q,ctrl+q", "leave", "Quit", id="quit", tooltip="Leave the window; a run goes on without it"),
    ]

    session: reactive[Session] = reactive(Session)
    run_folder: reactive[RunFolder | None] = reactive(None)
    run_session: reactive[Session | None] = reactive(None)
    run_state: reactive[RunState] = reactive(RunState, always_update=False)
    gpus: reactive[tuple[GpuReading, ...]] = reactive(tuple)
    host: reactive[HostReading | None] = reactive(None)
    conversation: reactive[Conversation] = reactive(Conversation)
    workbench_phase: reactive[PhaseChanged | None] = reactive(None)
    preview: reactive[Previewed | None] = reactive(None)

    def __init__(
        self, session: Session | None = None, session_path: Path | None = None, run: RunFolder | None = None
    ) -> None:
        super().__init__()
        self.set_reactive(UnslothTui.session, session or Session())
        self.session_path = session_path
        self._first_run = run
        self._watcher: Watcher | None = None
        self._workbench: Watcher | None = None
        self._sampler = Sampler()

    # ---- life

    def on_mount(self) -> None:
        for theme in load_themes():
            self.register_theme(theme)
        self.theme = "unsloth-dark"
        self._sampler.start()
        self.set_interval(DRAIN_S, self._drain)
        if self._first_run:
            self._watch(self._first_run)
            self.switch_mode("live")

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return own_slots(self.current_theme)

    def _drain(self) -> None:
        """Take what came since the last tick, and change each reactive at most once."""
        if self._sampler.latest:
            gpus, self.host = self._sampler.latest
            sampled = self.run_state.machine
            self.gpus = gpus or (sampled.devices if sampled and not self.run_state.ended else ())
        state = self.run_state
        for event in self._watcher.drain() if self._watcher else ():
            state = fold(state, event)
            self._hear(event)
        self.run_state = state
        for event in self._workbench.drain() if self._workbench else ():
            self._hear(event)
            if isinstance(event, PhaseChanged):
                self.workbench_phase = event
            elif (isinstance(event, EngineSeen) and not event.alive) or isinstance(event, Failed):
                self._close_workbench(event)

    def _hear(self, event: Event) -> None:
        if isinstance(event, Replied):
            self.conversation = conversation.fold_reply(self.conversation, event)
        elif isinstance(event, Previewed):
            self.preview = event
        elif isinstance(event, EngineSeen) and not event.alive and self._workbench is None:
            self.conversation = conversation.given_up(self.conversation, "the engine ended before the answer was whole")

    # ---- going about

    def action_go(self, mode: str) -> None:
        self.switch_mode(mode)

    def on_place_tab_chosen(self, event: PlaceTab.Chosen) -> None:
        self.switch_mode(event.mode)

    def action_explain(self) -> None:
        if not isinstance(self.screen, TextDialog):
            self.push_screen(TextDialog("Keys", help_text(self.screen.active_bindings.values())))

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        yield from super().get_system_commands(screen)
        for active in screen.active_bindings.values():
            binding = active.binding
            if binding.id and binding.tooltip:
                yield SystemCommand(binding.description, binding.tooltip, partial(self._run_binding, active))

    def _run_binding(self, active: ActiveBinding) -> None:
        self.call_later(self.run_action, active.binding.action, active.node)

    def action_leave(self) -> None:
        """Leave, and say what goes on without the window."""
        going = self.run_folder is not None and not self.run_state.ended and self.run_state.engine_alive
        assert self.run_folder is not None or not going
        name = self.run_folder.name if self.run_folder else ""
        if self._workbench:
            send(self._workbench.folder, commands.Release())
        self.exit(message=f"{name} goes on without the window; come back with: unsloth-tui attach {name}" if going else None)

    # ---- the session

    def on_session_edited(self, event: messages.SessionEdited) -> None:
        try:
            self.session = file.replace_value(self.session, event.key, event.value)
        except file.SessionError as error:
            self.notify(plain(str(error)), severity="error", markup=False)

    def action_save(self) -> None:
        self.push_screen(
            PathDialog("Save the session as", str(self.session_path or Path.cwd() / "session.toml")), self._save_to
        )

    def _save_to(self, path: Path | None) -> None:
        if path is None:
            return
        try:
            file.save(self.session, path)
        except OSError as error:
            self.notify(f"{plain(str(path))} cannot be written: {error.strerror}", severity="error", markup=False)
            return
        self.session_path = path
        self.notify(f"saved as {plain(str(path))}", markup=False)

    def action_open(self) -> None:
        self.push_screen(PathDialog("Open a session", str(self.session_path or f"{Path.cwd()}/")), self._open_from)

    def _open_from(self, path: Path | None) -> None:
        if path is None:
            return
        try:
            self.session = file.load(path)
        except file.SessionError as error:
            self.push_screen(TextDialog("This session cannot be opened", "\n".join(map(str, error.problems))))
            return
        self.session_path = path

    # ---- the run

    def action_start_run(self) -> None:
        busy = self.run_folder and self.run_state.engine_alive and not self.run_state.ended
        if busy:
            question = f"{self.run_folder.name} is still running. Start another run beside it?" if self.run_folder else ""
            self.push_screen(AskDialog(question, "Start"), lambda yes: self._check_and_start() if yes else None)
        else:
            self._check_and_start()

    def _check_and_start(self) -> None:
        self.notify("checking the session …", timeout=2)
        self._preflight(self.session)

    @work(thread=True, group="preflight", exclusive=True)
    def _preflight(self, session: Session) -> None:
        self.call_from_thread(self._start, session, preflight(session))

    def _start(self, session: Session, problems: list[Problem]) -> None:
        blocking = [problem for problem in problems if problem.blocking]
        if blocking:
            self.push_screen(TextDialog("This cannot be trained yet", "\n\n".join(map(str, blocking))))
            return
        try:
            if self.run_state.chat_ready and self.run_folder:
                send(self.run_folder, commands.Release())  # the last run's model makes room for the next
            folder = create_run(session)
            start_engine(folder)
        except OSError as error:
            self.notify(f"the run cannot be started: {error}", severity="error", markup=False)
            return
        self._watch(folder)
        self.switch_mode("live")

    def action_stop_run(self) -> None:
        folder = self.run_folder
        if folder is None or self.run_state.ended:
            self.notify("Nothing is running")
            return
        question = f"Stop {folder.name} after this update and save what it has learned?"
        self.push_screen(AskDialog(question, "Stop and save"), lambda yes: send(folder, commands.Stop()) if yes else None)

    def on_run_picked(self, event: messages.RunPicked) -> None:
        self._watch(event.folder)
        self.switch_mode("live")

    def _watch(self, folder: RunFolder) -> None:
        """Look at another run from its first event on."""
        if self._watcher:
            self._watcher.stop()
        try:
            self.run_session = file.load(folder.session)
        except file.SessionError:
            self.run_session = None
        self.run_state = RunState()
        self.conversation = Conversation()
        self.run_folder = folder
        self._watcher = Watcher(folder)
        self._watcher.start()

    # ---- talking

    def on_prompt_sent(self, event: messages.PromptSent) -> None:
        session = (self.run_session if self.run_folder else None) or self.session
        in_memory = self.run_folder if self.run_state.chat_ready else None
        model = "" if in_memory else str(self.run_folder.path) if self.run_folder else session.model.name
        name = uuid.uuid4().hex
        for voice in event.voices:  # each goes on from what it said itself
            said = [*self.conversation.messages_for(voice), commands.Message("user", event.text)]
            send(in_memory or self._open_workbench(), talk.request(said, voice, session.chat, model, name))
        self.conversation = conversation.asked(self.conversation, name, event.text, event.voices)

    def on_answer_cancelled(self) -> None:
        exchange = self.conversation.open_exchange
        if exchange is None:
            return
        for folder in (self.run_folder, self._workbench.folder if self._workbench else None):
            if folder:
                send(folder, commands.Cancel(id=exchange.id))

    def on_conversation_cleared(self) -> None:
        self.on_answer_cancelled()
        self.conversation = Conversation()

    def on_preview_wanted(self, event: messages.PreviewWanted) -> None:
        send(self._open_workbench(), commands.Preview(id=uuid.uuid4().hex, row=event.row, session=file.dumps(self.session)))

    def _open_workbench(self) -> RunFolder:
        """The engine for what is not a run, started when it is first needed."""
        if self._workbench is None:
            self._workbench = Watcher(talk.open_workbench())
            self._workbench.start()
        return self._workbench.folder

    def _close_workbench(self, event: EngineSeen | Failed) -> None:
        if self._workbench:
            self._workbench.stop()
            self._workbench = None
        why = event.reason if isinstance(event, EngineSeen) else event.text
        self.workbench_phase = None
        self.conversation = conversation.given_up(self.conversation, why)
