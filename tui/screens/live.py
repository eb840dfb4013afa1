"""The Live place: what the run does, whether it learns, what it costs, and when it ends."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.getters import query_one
from textual.reactive import var
from textual.widget import Widget
from textual.widgets import Label, ProgressBar, Static

from tui import words
from tui.machine.gpu import GpuReading
from tui.machine.host import HostReading
from tui.run.folder import RunFolder
from tui.run.state import RunState, exact_share, form_share
from tui.screens.base import PlaceScreen
from tui.session.schema import Session
from tui.widgets.foreign import foreign
from tui.widgets.gauges import Gauges
from tui.widgets.log_tail import LogTail
from tui.widgets.loss_plot import LossPlot

SHOW_S = 1.0
ANSWER_WIDTH = 110
"""Longer answers are cut in the list; Chat shows whole ones."""
PHASES = {
    "starting": "starting the engine",
    "importing": "importing Unsloth and PyTorch",
    "loading": "loading the model",
    "reading": "reading the data",
    "tokenising": "tokenising",
    "training": "training",
    "evaluating": "measuring on held-out examples",
    "comparing": "base and tuned model answer held-out prompts",
    "saving": "saving",
    "ready": "done",
}


class LiveScreen(PlaceScreen):
    """The curve, the figures, the gauges and the log of the run that is watched."""

    PLACE = "live"
    CSS_PATH = "live.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+x", "app.stop_run", "Stop", id="live.stop", tooltip="Stop the run and save what was learned"),
        Binding("l", "log", "Log", id="live.log", tooltip="Show or hide what the engine prints"),
        Binding("c", "app.go('chat')", "Chat", id="live.chat", tooltip="Talk to the result"),
        Binding("f", "app.release", "Free GPU", id="live.release", tooltip="Take the model of an ended run out of memory"),
    ]

    run_folder: var[RunFolder | None] = var(None)
    run_state: var[RunState] = var(RunState)
    run_session: var[Session | None] = var(None)
    gpus: var[tuple[GpuReading, ...]] = var(tuple)
    host: var[HostReading | None] = var(None)
    stopping: var[bool] = var(False)

    status = query_one("#status", Label)
    bar = query_one("#progress", ProgressBar)
    figures = query_one("#figures", Static)
    answers = query_one("#answers", Static)
    phases = query_one("#phases", Static)
    log_tail = query_one(LogTail)

    def __init__(self) -> None:
        super().__init__()
        self.shown: RunState | None = None
        self.written: dict[Static, str] = {}

    def compose_body(self) -> Iterable[Widget]:
        yield Label("", id="status", markup=False)
        yield ProgressBar(id="progress", show_eta=False)
        with Horizontal(id="columns"):
            with Vertical(id="left"):
                yield Static("", id="phases", markup=False)
                yield LossPlot().data_bind(LiveScreen.run_state)
                with VerticalScroll(id="answers-box"):
                    yield Static("", id="answers", markup=False)
                yield LogTail().data_bind(LiveScreen.run_folder)
            with VerticalScroll(id="right", can_focus=False):
                yield Gauges().data_bind(LiveScreen.gpus, LiveScreen.host)
                yield Static("", id="figures", markup=False)

    def on_mount(self) -> None:
        self.log_tail.display = False
        for name in ("run_folder", "run_session", "stopping"):
            self.watch(self, name, self.show_state)
        self.set_interval(SHOW_S, self.show_news)

    def on_screen_resume(self) -> None:
        self.show_state()

    def action_log(self) -> None:
        self.log_tail.display = not self.log_tail.display
        if self.log_tail.display:
            self.log_tail.focus()
        self.show_state()

    def watch_run_state(self, before: RunState, after: RunState) -> None:
        if self.is_mounted and (before.status, before.phase) != (after.status, after.phase):
            self.show_state()

    def show_news(self) -> None:
        """Show what came since the last time; every update by itself would cost kilobytes on the line."""
        if self.run_state is not self.shown and self.is_current:
            self.show_state()

    def show_state(self) -> None:
        """Bring everything on the screen up to the state."""
        state = self.shown = self.run_state
        there = self.run_folder is not None
        log = self.log_tail.display
        lines = answer_lines(state, self.run_session)
        for widget, wanted in (
            (self.query_one("#columns"), there),
            (self.bar, there and not state.ended),
            (self.query_one(LossPlot), bool(state.steps) and not log),
            (self.query_one("#answers-box"), bool(lines) and not log),
            (self.phases, not state.steps and not log),
        ):
            if widget.display != wanted:
                widget.display = wanted
        self.set_class(state.status in ("failed", "crashed"), "-failed")
        self.set_class(state.status == "finished", "-finished")
        self.show_progress(state)
        self.write(self.status, headline(self.run_folder, state, self.stopping))
        self.write(self.figures, "\n".join(figure_lines(state)))
        self.write(self.phases, "\n".join(phase_lines(state)))
        self.write(self.answers, "\n".join(lines))

    def write(self, widget: Static, text: str) -> None:
        """Change a text, and measure the screen anew only when it needs another number of lines."""
        before = self.written.get(widget)
        if text != before:
            self.written[widget] = text
            width = max(1, widget.size.width)
            widget.update(foreign(text), layout=before is None or height(before, width) != height(text, width))

    def show_progress(self, state: RunState) -> None:
        if state.phase == "training" and state.plan:
            self.bar.update(total=state.plan.steps, progress=state.last_step.step if state.last_step else 0)
        elif state.phase_fraction is not None:
            self.bar.update(total=1, progress=state.phase_fraction)
        else:
            self.bar.update(total=None)


def height(text: str, width: int) -> int:
    """About how many lines of the terminal a text takes."""
    return sum(1 + len(line) // width for line in text.split("\n"))


def headline(folder: RunFolder | None, state: RunState, stopping: bool = False) -> str:
    """What is happening now, in one or two sentences."""
    if folder is None:
        return "No run is open. Start one on Tune (F4, then ctrl+t), or open one on Runs (F7)."
    if state.failure:
        advice = f"\nWhat to do: {state.failure.advice}" if state.failure.advice else ""
        return f"{folder.name} {state.status}: {state.failure.text}{advice}"
    if state.ended:
        kept = "c talks to the result" if state.result else "nothing was kept"
        loaded = ", still in memory (f frees it)" if state.chat_ready else ""
        return f"{folder.name} {state.status}; {kept}{loaded}"
    if stopping:
        return f"{folder.name}: stopping after this update, then saving what was learned"
    doing = state.phase_text or PHASES[state.phase]
    left = f", {words.seconds(state.seconds_left)} left" if state.seconds_left is not None else ""
    return f"{folder.name}: {doing}{left}"


def figure_lines(state: RunState) -> list[str]:
    """The figures of a run, a line each; only what is known."""
    rows: list[tuple[str, str]] = []
    plan, last = state.plan, state.last_step
    if state.started:
        rows.append(("so far", words.seconds((state.ended_at or state.last_event) - state.started)))
    if plan:
        rows.append(("update", f"{last.step if last else 0} of {plan.steps}"))
    if last and plan:
        rows += [
            ("epoch", f"{last.epoch:.2f} of {plan.epochs:.2f}"),
            ("loss", f"{last.loss:.4f}"),
            ("learning rate", f"{last.learning_rate:.2e}"),
            ("grad norm", "–" if last.grad_norm is None else f"{last.grad_norm:.3f}"),
            ("tokens", f"{words.count(last.tokens)}, {state.tokens_per_s or 0:.0f}/s"),
            ("update takes", f"{state.seconds_a_step or 0:.2f} s"),
            ("peak memory", words.size(last.peak_memory_bytes)),
        ]
    if state.evaluations:
        best = min(state.evaluations, key=lambda evaluation: evaluation.loss)
        rows.append(("held out", f"{state.evaluations[-1].loss:.4f}"))
        if best.loss < state.evaluations[-1].loss:
            rows.append(("best", f"{best.loss:.4f} at {best.step}"))
    if plan:
        share = plan.trained_parameters / max(1, plan.all_parameters)
        rows += [("trained", f"{words.count(plan.trained_parameters)}, {share:.2%}"), ("examples", f"{plan.examples}")]
    if state.memory_loaded:
        rows.append(("model loaded", words.size(state.memory_loaded.used_bytes)))
    if state.memory_loaded and state.memory_trained:
        grown = state.memory_trained.peak_bytes - state.memory_loaded.used_bytes
        share = state.memory_trained.peak_bytes / state.memory_trained.total_bytes
        rows += [("for training", words.size(grown)), ("memory peak", f"{share:.1%} of all")]
    if state.checkpoints:
        rows.append(("checkpoints", f"{len(state.checkpoints)}, last at {state.checkpoints[-1].step}"))
    lines = [f"{name:14}{text}" for name, text in rows]
    if state.result:
        lines += ["", "result in", state.result]
    return lines + [f"! {warning.text}" for warning in state.warnings]


def answer_lines(state: RunState, session: Session | None) -> list[str]:
    """How base and tuned model answered the held-out prompts."""
    if not state.compared:
        return []
    lines = [f"{len(state.compared)} held-out prompts   base → tuned"]
    base, tuned = exact_share(state.compared, "base"), exact_share(state.compared, "tuned")
    lines.append(f"exactly right       {words.share(base)} → {words.share(tuned)}")
    if session and session.evaluation.answer_pattern:
        pattern = session.evaluation.answer_pattern
        base, tuned = form_share(state.compared, "base", pattern), form_share(state.compared, "tuned", pattern)
        lines.append(f"in the right form   {words.share(base)} → {words.share(tuned)}")
    for row in state.compared:
        right = row.tuned.strip() == row.reference.strip()
        lines += ["", f"? {_line(row.prompt)}", f"  tuned {_line(row.tuned)}{'  ✓' if right else ''}"]
        lines += [] if right else [f"  right {_line(row.reference)}"]
        lines.append(f"  base  {_line(row.base)}")
    return lines


def phase_lines(state: RunState) -> list[str]:
    """What was done so far, with the time each took."""
    ends = [*(phase.time for phase in state.phases), state.last_event][1:]
    return [
        f"{'✓' if phase is not state.phases[-1] else '▶'} {phase.phase:11}{words.seconds(end - phase.time):>11}"
        for phase, end in zip(state.phases, ends, strict=True)
    ]


def _line(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= ANSWER_WIDTH else line[: ANSWER_WIDTH - 1] + "…"
