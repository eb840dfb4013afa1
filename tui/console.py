"""A run told line by line, for terminals without a window and for files."""

from __future__ import annotations

import json
import math
import sys
import threading
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from tui import words
from tui.run import commands, events, figures
from tui.run.folder import RunFolder
from tui.run.lines import escaped
from tui.run.listing import RunRow, read_row
from tui.run.process import send
from tui.run.standing import why_kept
from tui.run.state import RunState, exact_share, fold, form_share
from tui.run.watcher import follow, read_events
from tui.session.schema import Session


def say(text: str) -> None:
    """One line for people, on stderr, where it does not mix with results."""
    print(plain(text), file=sys.stderr, flush=True)


def plain(text: str) -> str:
    """Text from elsewhere that cannot steer the terminal it is printed on."""
    return "".join(char if char.isprintable() or char == "\n" else " " for char in text)


def watch(folder: RunFolder, *, as_json: bool = False, stop_on_interrupt: bool = False) -> RunState:
    """Print a run from its first event until it ends, and return what is known of it then.

    Ctrl-C leaves the run alone, or with `stop_on_interrupt` stops it and waits for the result to be saved.
    """
    until = threading.Event()
    told = follow(folder, until)
    state = RunState()
    count = 0
    starts = sum(isinstance(event, events.Resumed) for event in read_events(folder))  # an end may be followed by a new start
    while not (state.ended and len(state.resumed) >= starts and not _goes_on_in_slurm(folder, state)):
        try:
            event = next(told)
            count += not isinstance(event, events.EngineSeen)
            if as_json:
                print(escaped(events.to_line(event).rstrip("\n")), flush=True)
            elif line := _line(event, state):
                print(one_line(line), flush=True)
            state = fold(state, event)
        except KeyboardInterrupt:
            if not stop_on_interrupt:
                say(f"{folder.name} goes on; watch it again with: unsloth-tui attach {folder.name}")
                raise
            say("stopping after this update, and saving")
            stop_on_interrupt = False  # a second Ctrl-C leaves the run to itself
            send(folder, commands.Stop())
            told = _rest(follow(folder, until), count)
    if not as_json:
        say_end(folder, state)
    return state


def _goes_on_in_slurm(folder: RunFolder, state: RunState) -> bool:
    """Whether a run that was interrupted may go on by itself: its job is not gone, and may get another turn."""
    return state.status in ("paused", "crashed") and bool(why_kept(folder))


def say_end(folder: RunFolder, state: RunState) -> None:
    """Why and with what a run ended, and how long it took to begin."""
    if began := figures.startup(state):
        parts = [f"{what} {words.seconds(took)}" for what, took in began if took >= 0.5]
        after = f"the first update was done after {words.seconds(sum(took for _, took in began))}"
        say(f"{after}: {', '.join(parts)}" if parts else after)
    if state.failure:
        say(f"{state.status}: {state.failure.text}")
        if state.failure.advice:
            say(f"what to do: {state.failure.advice}")
        say(f"log: {folder.log}")
    elif state.result:
        say(f"{state.status}; the result is in {state.result}")
    else:
        say(f"{state.status}; nothing was kept")


def print_comparison(session: Session, state: RunState, shown: int = 3) -> None:
    """What base and tuned model answered to held-out prompts, and the shares over all of them."""
    if not state.compared:
        return
    spread = range(0, len(state.compared), max(1, len(state.compared) // shown))
    for at in list(spread)[:shown]:
        row = state.compared[at]
        print(f"\nprompt: {one_line(row.prompt)}\n  base:  {one_line(row.base)}\n  tuned: {one_line(row.tuned)}")
        print(f"  right: {one_line(row.reference)}")
    print()
    voices: tuple[events.Voice, ...] = ("base", "tuned")
    for voice in voices:
        exact = words.share(exact_share(state.compared, voice))
        line = f"{voice:5} of {len(state.compared)} held-out prompts: exactly right {exact}"
        if session.evaluation.answer_pattern:
            form = form_share(state.compared, voice, session.evaluation.answer_pattern)
            line += f", in the right form {words.share(form)}"
        print(line, flush=True)


def summary(folder: RunFolder) -> dict[str, object]:
    """One run as a table row, read whole."""
    return table_row(read_row(folder))


def table_row(row: RunRow) -> dict[str, object]:
    """A run of the list, for ``runs --json``."""
    return {
        "name": row.name,
        "status": row.status,
        "step": row.step,
        "steps": row.steps,
        "loss": row.loss,
        "best_loss": row.best_loss,
        "eval_loss": row.eval_loss,
        "result": row.result,
        "reason": row.reason,
        "folder": row.path,
        "model": row.model,
        "data": row.data,
        "seconds": round(row.seconds, 1),
        "bytes": row.size_bytes,
        "tags": list(row.tags),
        "queue_place": row.place or None,
        "on_hold": row.held,
    }


def run_line(row: RunRow) -> str:
    """A run of the list, for people."""
    loss = "" if row.loss is None else f"loss {row.loss:.4f}"
    reason = (f"number {row.place} in the queue" + (", on hold" if row.held else "")) if row.place else row.reason
    tags = " ".join(f"#{tag}" for tag in row.tags)
    told = f"{row.name:44} {row.status:9} {row.step:>6}/{row.steps or '?'!s:<6} {loss} {tags}{tags and ' '}{reason}"
    return one_line(told)


def _json_number(value: float) -> float | str:
    """JSON has no word for what is not a number: such a loss is a text, as in the events."""
    return value if math.isfinite(value) else str(value).replace("nan", "NaN").replace("inf", "Infinity")


def to_json(value: Any) -> str:
    """One of our dataclasses, or a table row, as one line of JSON."""
    row = value if isinstance(value, dict) else asdict(value)
    return json.dumps({key: _json_number(item) if isinstance(item, float) else item for key, item in row.items()})


def _line(event: events.Event, state: RunState) -> str:
    match event:
        case events.PhaseChanged(phase=phase, text=text):
            new = (phase, text) != (state.phase, state.phase_text)
            return f"{phase}{': ' + text if text else ''}" if new and phase != "ready" else ""
        case events.Planned():
            trained = event.trained_parameters / max(1, event.all_parameters)
            return (
                f"plan: {event.steps} updates over {event.examples} examples on {event.device}, "
                f"{words.count(event.trained_parameters)} of {words.count(event.all_parameters)} parameters ({trained:.2%})"
            )
        case events.StepDone():
            left = figures.seconds_left(fold(state, event), event.time)
            steps = state.plan.steps if state.plan else "?"
            return (
                f"step {event.step}/{steps}  loss {event.loss:.4f}  lr {event.learning_rate:.2e}  "
                f"{event.tokens_per_s:.0f} tokens/s  {event.seconds:.2f} s  "
                f"memory {words.size(event.peak_memory_bytes)}  left {words.seconds(left)}"
            )
        case events.Evaluated():
            perplexity = "" if event.perplexity is None else f", perplexity {event.perplexity:.2f}"
            return f"held-out at step {event.step}: loss {event.loss:.4f}{perplexity}"
        case events.Sampled():
            return f"sample at step {event.step}: {event.prompt} → {event.answer}"
        case events.MemoryMeasured():
            return (
                f"memory, model {event.moment}: {words.size(event.used_bytes)}, at most {words.size(event.peak_bytes)} "
                f"of {words.size(event.total_bytes)} ({event.peak_bytes / event.total_bytes:.1%})"
            )
        case events.Checkpointed():
            return f"checkpoint at step {event.step}: {words.size(event.bytes)}"
        case events.Warned():
            return f"warning: {words.advised(event.text, event.advice)}"
        case events.EngineSeen(alive=True):
            return event.reason
    return ""


def one_line(text: str) -> str:
    """Text from elsewhere on one line, unable to steer the terminal."""
    return plain(text).replace("\n", " ").strip()


def _rest(fresh: Iterator[events.Event], told: int) -> Iterator[events.Event]:
    """Go on after an interrupt, which ends a generator: the same events again, without those already told."""
    for event in fresh:
        if isinstance(event, events.EngineSeen) or told <= 0:
            yield event
        else:
            told -= 1
