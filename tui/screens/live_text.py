"""The state of a run in words: what happens now, its figures, its phases, what the model answered."""

from __future__ import annotations

from tui import words
from tui.run import figures
from tui.run.events import Sampled
from tui.run.folder import RunFolder
from tui.run.state import RunState, exact_share, form_share
from tui.run.waiting import Waiting
from tui.session.schema import Session
from tui.session.text import to_text

ANSWER_WIDTH = 110
"""Longer answers are cut in the list; Chat shows whole ones."""
EARLIER = 4
"""How many earlier answers to a sample prompt are shown below the latest."""
NOTHING = "(no answer)"
COPY = "n on Runs (F7) copies its session"
PHASES = {
    "starting": "starting the engine",
    "importing": "importing Unsloth and PyTorch",
    "loading": "loading the model",
    "reading": "reading the data",
    "tokenising": "tokenising",
    "training": "training",
    "evaluating": "measuring on held-out examples",
    "sampling": "answering the sample prompts",
    "comparing": "base and tuned model answer held-out prompts",
    "saving": "saving",
    "exporting": "exporting",
    "ready": "done",
}


def headline(
    folder: RunFolder | None, state: RunState, now: float, stopping: bool = False, waiting: Waiting | None = None
) -> str:
    """What is happening now, in one or two sentences."""
    if folder is None:
        return "No run is open"
    if waiting:
        goes_on = "" if waiting.ticket.resumes is None else " to go on"
        return f"{folder.name} waits in the queue{goes_on}: number {waiting.place} of {waiting.of}"
    if state.held_up:
        return f"{folder.name}: {state.hindrance}"
    if state.failure:
        advice = f"\nWhat to do: {state.failure.advice}" if state.failure.advice else ""
        onward = ""
        if state.checkpoints:
            onward = "\nr goes on from its last checkpoint"
        elif state.status == "crashed":
            onward = f"\nIt left no checkpoint to go on from; {COPY}"
        return f"{folder.name} {state.status}: {state.failure.text}{advice}{onward}"
    if state.status == "paused":
        step = state.last_step.step if state.last_step else 0
        return f"{folder.name} is paused after update {step}; the GPU is free, and r goes on"
    if state.ended:
        kept = "c talks to it" if state.result else f"nothing was kept\n{COPY}"
        if state.checkpoints and not (state.result or state.discarded):
            kept = "r goes on from its last checkpoint"
        loaded = ", f frees its memory" if state.chat_ready else ""
        early = " early, as nothing got better any more" if state.early else ""
        return f"{folder.name} {state.status}{early}; {kept}{loaded}"
    if stopping:
        return f"{folder.name}: stopping after this update, then saving what was learned"
    doing = state.phase_text or PHASES[state.phase]
    left = figures.seconds_left(state, now)
    return f"{folder.name}: {doing}{'' if left is None else f', {words.seconds(left)} left'}"


def queue_lines(waiting: Waiting, now: float) -> list[str]:
    """What a run in the queue waits for, and what can be done about it."""
    ticket, held = waiting.ticket, waiting.ticket.held
    lines = [f"turn      {waiting.place} of {waiting.of}", f"because   {waiting.why}"]
    if ticket.since:
        lines.append(f"since     {words.seconds(max(0.0, now - ticket.since))}")
    if ticket.shares:
        lines.append("shares    it may start beside another run")
    if ticket.resumes:
        changed = ", ".join(f"{key.partition('.')[2]} = {to_text(value)}" for key, value in ticket.resumes.items())
        lines.append(f"changes   {changed}")
    if not waiting.kept and not held:
        lines += ["", "! Nobody starts what waits: unsloth-tui queue start"]
    return [
        *lines,
        "",
        "n         start it now, before its turn",
        f"h         {'let it go again' if held else 'hold it back for now'}",
        "ctrl+x    take it out of the queue",
        "F7        the whole queue, and its order",
    ]


def elsewhere_lines(state: RunState) -> list[str]:
    """What can be said of a run elsewhere that has said nothing yet."""
    if not state.held_up:
        return []
    return [
        "What it says appears here as soon as it begins. This window need not stay open.",
        "",
        "ctrl+x    give it up",
        "F7        the other runs",
    ]


def sample_lines(samples: list[Sampled]) -> list[str]:
    """The answers to each sample prompt, the latest first, so that one can see it learn."""
    lines: list[str] = []
    for prompt in dict.fromkeys(sample.prompt for sample in samples):
        answers = [sample for sample in samples if sample.prompt == prompt]
        lines += ["", f"? {_line(prompt)}"]
        for place, sample in enumerate(reversed(answers[-1 - EARLIER :])):
            lines.append(f"{'▶' if place == 0 else ' '} {sample.step:>6}  {_line(sample.answer) or NOTHING}")
    return ["Its answers, by update (S asks now)", *lines] if lines else []


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
    """What was done so far, with the time each took; the last goes on, or is where it failed."""
    last = "✗" if state.failure else "▶"
    ends = [*(phase.time for phase in state.phases), state.last_event][1:]
    return [
        f"{'✓' if phase is not state.phases[-1] else last} {phase.phase:11}{words.seconds(end - phase.time):>11}"
        for phase, end in zip(state.phases, ends, strict=True)
    ]


def _line(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= ANSWER_WIDTH else line[: ANSWER_WIDTH - 1] + "…"
