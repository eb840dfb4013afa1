"""The state of a run in words: what happens now, its figures, its phases, what the model answered."""

from __future__ import annotations

from tui import words
from tui.run import figures
from tui.run.events import Sampled
from tui.run.folder import RunFolder
from tui.run.state import RunState, exact_share, form_share
from tui.session.schema import Session

ANSWER_WIDTH = 110
"""Longer answers are cut in the list; Chat shows whole ones."""
EARLIER = 4
"""How many earlier answers to a sample prompt are shown below the latest."""
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


def headline(folder: RunFolder | None, state: RunState, now: float, stopping: bool = False) -> str:
    """What is happening now, in one or two sentences."""
    if folder is None:
        return "No run is open. Start one on Tune (F4, then ctrl+t), or open one on Runs (F7)."
    if state.failure:
        advice = f"\nWhat to do: {state.failure.advice}" if state.failure.advice else ""
        onward = "\nr goes on from its last checkpoint" if state.checkpoints else ""
        return f"{folder.name} {state.status}: {state.failure.text}{advice}{onward}"
    if state.status == "paused":
        step = state.last_step.step if state.last_step else 0
        return f"{folder.name} is paused after update {step}; the GPU is free, and r goes on"
    if state.ended:
        kept = "c talks to the result" if state.result else "nothing was kept"
        loaded = ", still in memory (f frees it)" if state.chat_ready else ""
        return f"{folder.name} {state.status}; {kept}{loaded}"
    if stopping:
        return f"{folder.name}: stopping after this update, then saving what was learned"
    doing = state.phase_text or PHASES[state.phase]
    left = figures.seconds_left(state, now)
    return f"{folder.name}: {doing}{'' if left is None else f', {words.seconds(left)} left'}"


def figure_lines(state: RunState, session: Session | None, now: float) -> list[str]:
    """The figures of a run, a line each; only what is known."""
    rows = [*_progress(state, now), *_speed(state, session), *_learning(state), *_memory(state), *_cost(state, session)]
    lines = [f"{name:14}{text}" for name, text in rows]
    if state.result:
        lines += ["", "result in", state.result]
    return lines + [f"! {warning.text}" for warning in state.warnings[-3:]]


Rows = list[tuple[str, str]]


def _progress(state: RunState, now: float) -> Rows:
    rows: Rows = []
    plan, last = state.plan, state.last_step
    if state.started:
        end = state.ended_at or max(state.last_event, now if state.engine_alive else 0.0)
        rows.append(("so far", words.seconds(end - state.started)))
    if (left := figures.seconds_left(state, now)) is not None:
        rows.append(("left", f"about {words.seconds(left)}"))
    if plan:
        rows.append(("update", f"{last.step if last else 0} of {figures.total_steps(state)}"))
    if last and plan:
        rows.append(("epoch", f"{last.epoch:.2f} of {plan.epochs:.2f}"))
        rows.append(("samples", f"{figures.samples_seen(state):,} of {round(plan.epochs * plan.examples):,}"))
    return rows


def _speed(state: RunState, session: Session | None) -> Rows:
    last = state.last_step
    if last is None:
        return []
    rows = [
        ("tokens", f"{words.count(last.tokens)}, {state.tokens_per_s or 0:,.0f}/s"),
        ("update takes", f"{state.seconds_a_step or 0:.3g} s"),
    ]
    share = figures.utilisation(state, max(1, len(figures.device_indices(session))))
    if share is not None:
        rows.append(("of peak", f"{share:.1%} of its arithmetic"))
    if busy := figures.busy_share(state, session):
        rows.append(("GPU busy", words.share(busy[0])))
    return rows


def _learning(state: RunState) -> Rows:
    plan, last = state.plan, state.last_step
    rows: Rows = []
    if last:
        norm = "–" if last.grad_norm is None else f"{last.grad_norm:.3f}"
        rows += [("loss", f"{last.loss:.4f}"), ("learning rate", f"{last.learning_rate:.2e}"), ("grad norm", norm)]
    if state.evaluations:
        best = next((it for it in reversed(state.evaluations) if it.best), state.evaluations[-1])
        rows.append(("held out", f"{state.evaluations[-1].loss:.4f}"))
        if best.loss < state.evaluations[-1].loss:
            rows.append(("best", f"{best.loss:.4f} at {best.step}"))
    if plan:
        share = plan.trained_parameters / max(1, plan.all_parameters)
        rows.append(("trained", f"{words.count(plan.trained_parameters)}, {share:.2%}"))
    if state.checkpoints:
        rows.append(("checkpoints", f"{len(state.checkpoints)}, last at {state.checkpoints[-1].step}"))
    return rows


def _memory(state: RunState) -> Rows:
    """As the notebook tells it: before, the peak, what training took of it, each as a part of the card."""
    use = figures.memory_use(state)
    if use is None:
        return []
    parts = (("model loaded", use.before_bytes), ("memory peak", use.peak_bytes), ("for training", use.training_bytes))
    return [(name, f"{words.size(part)}, {use.share(part):.1%}") for name, part in parts]


def _cost(state: RunState, session: Session | None) -> Rows:
    energy, watts = figures.energy_wh(state, session), figures.mean_watts(state, session)
    if energy is None or watts is None:
        return []
    return [("energy", f"{energy:.3g} Wh, {watts:.0f} W on average")]


def sample_lines(samples: list[Sampled]) -> list[str]:
    """The answers to each sample prompt, the latest first, so that one can see it learn."""
    lines: list[str] = []
    for prompt in dict.fromkeys(sample.prompt for sample in samples):
        answers = [sample for sample in samples if sample.prompt == prompt]
        lines += ["", f"? {_line(prompt)}"]
        for place, sample in enumerate(reversed(answers[-1 - EARLIER :])):
            lines.append(f"{'▶' if place == 0 else ' '} {sample.step:>6}  {_line(sample.answer)}")
    return ["What it answers after so many updates (S asks now)", *lines] if lines else []


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
