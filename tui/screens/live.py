"""The Live place: what the run does, whether it learns, what it costs, and when it ends."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import ClassVar, Literal

from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.getters import query_one
from textual.reactive import var
from textual.widget import Widget
from textual.widgets import Label, Static

from tui.machine.readings import GpuReading, HostReading
from tui.run import figures
from tui.run.advice import advise
from tui.run.listing import Listing
from tui.run.lock import holder_of
from tui.run.process import live_processes
from tui.run.state import RunState
from tui.run.waiting import Outlook, Waiting
from tui.screens.dialogs.export import ExportDialog
from tui.screens.live_advice import AdvicePanel
from tui.screens.live_curves import Curves
from tui.screens.live_figures import essential_lines, grouped_lines, groups, headed, trouble_lines
from tui.screens.live_steering import SteeringScreen
from tui.screens.live_text import answer_lines, elsewhere_lines, headline, phase_lines, queue_lines, sample_lines
from tui.widgets.empty import Empty
from tui.widgets.gauges import Gauges
from tui.widgets.hanging import Hanging
from tui.widgets.log_tail import LogPanel
from tui.widgets.progress import Progress

SHOW_S = 1.0
TALL = 34
"""From so many lines on, a panel stands below the curves; else in their place."""
Panel = Literal["answers", "log", "advice", "figures"]
ABOVE = 2
"""So many groups of figures stand above the gauges, the others below."""


class LiveScreen(SteeringScreen):
    """The curve, the figures, the gauges and the log of the run that is watched."""

    PLACE = "live"
    CSS_PATH = "live.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("s", "panel('answers')", "Answers", id="live.answers", tooltip="What the model answers, now and before"),
        Binding("l", "panel('log')", "Log", id="live.log", tooltip="Show or hide what the engine prints"),
        Binding("a", "panel('advice')", "Advice", show=False, id="live.advice", tooltip="Show or hide what could be better"),
        Binding(
            "d", "panel('figures')", "Figures", id="live.figures", tooltip="All figures and gauges, as large as it goes"
        ),
        Binding("m", "mend", "Apply advice", show=False, id="live.mend", tooltip="Change the next run as advised"),
        Binding("E", "export", "Export", show=False, id="live.export", tooltip="Write it for vLLM, llama.cpp, Ollama"),
        Binding("c", "app.go('chat')", "Chat", show=False, id="live.chat", tooltip="Talk to the result"),
    ]
    VERTICAL_BREAKPOINTS = [(0, "-short"), (TALL, "-tall")]  # noqa: RUF012  (Textual declares it on the instance)

    gpus: var[tuple[GpuReading, ...]] = var(tuple)
    host: var[HostReading | None] = var(None)
    stopping: var[bool] = var(False)
    panel: var[Panel | None] = var[Panel | None](None, init=False)
    """What is asked for below the curves; None for the answers, where there are any."""

    status = query_one("#status", Label)
    bar = query_one("#progress", Progress)
    listed = query_one("#figures", Static)
    others = query_one("#more", Static)
    answers = query_one("#answers", Static)
    phases = query_one("#phases", Static)
    curves = query_one(Curves)
    log_panel = query_one(LogPanel)
    advice = query_one(AdvicePanel)

    def __init__(self) -> None:
        super().__init__()
        self.shown: RunState | None = None
        self.written: dict[Static, str] = {}
        self.listing, self.outlook = Listing(), Outlook()
        self.waiting: Waiting | None = None

    def compose_body(self) -> Iterable[Widget]:
        yield Label("", id="status", markup=False)
        yield Empty(
            "Here one watches it learn: the loss, the speed, the GPU, the time left",
            "ctrl+t    start the session that is chosen on Model, Data and Tune",
            "F7        open an earlier run, or one that was started elsewhere",
            "ctrl+p    Demo trains a small model on sample data: some minutes",
        )
        yield Progress(id="progress")
        with Horizontal(id="columns"):
            with Vertical(id="left"):
                yield Static("", id="phases", markup=False)
                yield Curves().data_bind(LiveScreen.run_state)
                with VerticalScroll(id="answers-box"):
                    yield Hanging("", id="answers", markup=False)
                yield LogPanel().data_bind(LiveScreen.run_folder)
                yield AdvicePanel()
            with VerticalScroll(id="right"):
                yield Static("", id="figures", markup=False)
                yield Gauges().data_bind(LiveScreen.gpus, LiveScreen.host)
                yield Static("", id="more", markup=False)

    def on_mount(self) -> None:
        for name in ("run_folder", "run_session", "stopping"):
            self.watch(self, name, self.show_state)
        self.set_interval(SHOW_S, self.show_news)

    def on_screen_resume(self) -> None:
        self.show_state()

    def on_resize(self) -> None:
        self.show_state()

    def action_panel(self, name: Panel) -> None:
        """Show a panel, or what was there before when it is shown already."""
        self.panel = None if self.panel == name else name

    def watch_panel(self, name: Panel | None) -> None:
        self.show_state()
        shown: dict[Panel | None, Widget] = {
            "log": self.log_panel, "advice": self.advice, "answers": self.query_one("#answers-box"),
        }  # fmt: skip
        shown.get(name, self.query_one("#right") if name == "figures" else self.curves.plot).focus()

    def action_export(self) -> None:
        """Write the run in the forms that other programs take."""
        if self.run_folder:
            self.app.push_screen(ExportDialog(self.run_folder))

    def action_mend(self) -> None:
        self.advice.show(advise(self.run_state, self.run_session))
        self.advice.apply_one()

    def watch_run_state(self, before: RunState, after: RunState) -> None:
        if self.is_mounted and (before.status, before.phase) != (after.status, after.phase):
            self.show_state()

    def show_news(self) -> None:
        """Show what came since the last time; every update by itself would cost kilobytes on the line."""
        if not self.is_current:
            return
        if self.waits or self.waiting:
            self.look_at_queue()
        if self.run_state is not self.shown or not self.run_state.ended or self.waiting:
            self.show_state()

    def look_at_queue(self) -> None:
        """Find out what the run waits for, unless that is being done already."""
        if "queue" not in self.looks:
            self.look("queue", lambda _outdated: self.outlook.look(self.listing.rows()), self.take_queue)

    def take_queue(self, found: list[Waiting]) -> None:
        """Show what the run waits for; none when it waits no more."""
        folder = self.run_folder
        before, self.waiting = self.waiting, next((it for it in found if it.ticket.folder == folder), None)
        if before != self.waiting:
            self.refresh_bindings()
            self.show_state()

    def show_state(self) -> None:
        """Bring everything on the screen up to the state."""
        if not self.is_mounted:
            return
        before, state, now = self.shown, self.run_state, time.time()
        self.shown = state
        if before is None or _offered(before) != _offered(state):
            self.refresh_bindings()
            holder = holder_of(self.run_folder.lock) if self.run_folder else None
            mine = live_processes(self.run_folder) if self.run_folder else []  # none where it runs on another host
            self.query_one(Gauges).own_pids = frozenset([it.pid for it in (holder, *mine) if it])
        self.lay_out(state)
        self.set_class(state.status in ("failed", "crashed"), "-failed")
        self.set_class(state.status == "finished", "-finished")
        self.set_class(state.status in ("loading", "training"), "-going")
        self.bar.visible = not state.ended
        self.show_progress(state)
        self.write(self.status, headline(self.run_folder, state, now, self.stopping, self.waiting))
        self.show_figures(state, now)
        lines = queue_lines(self.waiting, now) if self.waiting else phase_lines(state) or elsewhere_lines(state)
        self.write(self.phases, "\n".join(lines) if self.phases.display else "")
        if self.focused is None and self.curves.display:
            self.curves.plot.focus()
        if self.advice.display:
            self.advice.show(advise(state, self.run_session))

    def show_figures(self, state: RunState, now: float) -> None:
        """All figures where there is room or they were asked for, else those that matter most."""
        alone, found = self.panel == "figures", len(advise(state, self.run_session))
        if alone or self.size.height >= TALL:
            told, width = groups(state, now), self.size.width if alone else 0
            above, below = grouped_lines(told[:ABOVE], width), grouped_lines(told[ABOVE:], width)
            below += ["", *trouble_lines(state, found)] + (["", f"result in {state.result}"] if state.result else [])
        else:
            above, below = essential_lines(state, now, found), []
        for widget, lines in ((self.listed, above), (self.others, below)):
            widget.display = any(lines)
            self.write(widget, "\n".join(lines))

    def lay_out(self, state: RunState) -> None:
        """Show what there is and what was asked for."""
        if self.waiting and (self.waiting.ticket.folder != self.run_folder or not self.waits):
            self.waiting = None
        self.set_class(self.panel == "figures", "-figures")
        self.set_class(self.panel == "log", "-log")
        lines = answer_lines(state, self.run_session) or sample_lines(list(state.samples))
        if self.panel == "answers" and not lines:
            lines = ["The model has answered nothing yet. S asks the session's sample prompts now."]
        told = "\n".join(lines)
        if self.written.get(self.answers) != told:
            self.written[self.answers] = told
            self.answers.update(told)
        there, short, queued = self.run_folder is not None, self.size.height < TALL, self.waiting is not None
        alone = self.panel is not None and short
        answers = self.panel == "answers" or (self.panel is None and (state.ended or not short))
        for widget, wanted in (
            (self.query_one(Empty), not there),
            (self.query_one("#columns"), there),
            (self.bar, there and not queued and not state.held_up),
            (self.curves, bool(state.steps) and not alone and not (queued and short)),
            (self.query_one("#answers-box"), bool(lines) and answers and not (queued and short)),
            (self.log_panel, self.panel == "log"),
            (self.advice, self.panel == "advice"),
            (self.phases, (queued or not state.steps) and not alone),
        ):
            if widget.display != wanted:
                widget.display = wanted

    def write(self, widget: Static, text: str) -> None:
        """Change a text, and measure the screen anew only when it needs another number of lines."""
        before = self.written.get(widget)
        if text != before:
            self.written[widget] = text
            width = max(1, widget.size.width)
            widget.update(headed(text), layout=before is None or height(before, width) != height(text, width))

    def show_progress(self, state: RunState) -> None:
        if state.phase == "training" and state.plan:
            done = state.last_step.step if state.last_step else 0
            self.bar.show(done / max(1, figures.total_steps(state)))
        else:
            self.bar.show(state.phase_fraction)


def _offered(state: RunState) -> tuple[object, ...]:
    """What decides which keys the run has."""
    return state.status, state.chat_ready, state.held_up, bool(state.checkpoints)


def height(text: str, width: int) -> int:
    """About how many lines of the terminal a text takes."""
    return sum(1 + len(line) // width for line in text.split("\n"))
