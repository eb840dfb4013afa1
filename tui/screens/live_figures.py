"""The figures of a run in words: the few that matter most, or all of them in groups."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from textual.content import Content

from tui import words
from tui.run import figures
from tui.run.state import RunState
from tui.widgets.foreign import foreign

NAME_WIDTH = 14
SHORT_NAME_WIDTH = 10
COLUMN_WIDTH = 40
"""Two groups stand beside each other where there are twice so many columns."""
UNKNOWN = "–"
"""Stands where a figure will be, so that nothing moves when it comes."""
TROUBLE_LINES = 2
"""There is always room for so many."""
FIRST_UPDATES = 5
"""The loss at first is the mean of so many updates; so is the one it is compared with."""
SHOWN_WARNINGS = 2
TITLES = ("Progress", "Learning", "Speed", "Memory and energy", "Processes")

Rows = list[tuple[str, str]]


@dataclass(frozen=True)
class Group:
    """Figures that belong together."""

    title: str
    rows: Rows

    def lines(self) -> list[str]:
        """The title, and a line each."""
        return [self.title, *(f"  {name:{NAME_WIDTH}}{text}" for name, text in self.rows)]


def essential_lines(state: RunState, now: float, found: int) -> list[str]:
    """Whether it learns, when it ends, what it costs, whether anything is wrong: a line each, in thirty columns."""
    last, left = state.last_step, figures.seconds_left(state, now)
    took = ("took" if state.ended else "so far", _length(state, now))
    if state.ended:
        ended_at = state.ended_at or state.last_event
        clock = ("ended", ends_at(0.0, ended_at) if ended_at else UNKNOWN)
    else:
        clock = ("ends", UNKNOWN if left is None else ends_at(left, now))
    speed = [("speed", f"{state.tokens_per_s or 0:,.0f} tokens/s" if last else UNKNOWN)]
    if state.ranks:
        rates = [one.tokens_per_s for one in state.ranks]
        speed.append(("processes", f"{len(rates)}, {min(rates):,.0f}–{max(rates):,.0f}/s"))
    speed += [("memory", text) for name, text in _memory(state) if name == "memory peak"] + _cost(state)
    blocks = [
        [_updates(state), took if left is None else ("left", words.seconds(left)), clock],
        _learning_in_short(state),
        speed,
    ]
    lines: list[str] = []
    for rows in filter(None, (_shown(rows, state) for rows in blocks)):
        lines += [f"{name:{SHORT_NAME_WIDTH}}{text}".rstrip() for name, text in rows] + [""]
    trouble = trouble_lines(state, found)
    return [*lines, *trouble, *[""] * (TROUBLE_LINES - len(trouble))]


def trouble_lines(state: RunState, found: int) -> list[str]:
    """What has gone wrong so far, the last first; `found` findings are in the advice."""
    told = [f"! {warning.text}" for warning in reversed(state.warnings[-SHOWN_WARNINGS:])]
    if not told and state.last_step and not state.failure:
        told = ["✓ nothing unusual"]
    more = found - len(state.warnings[-SHOWN_WARNINGS:])
    return [*told, f"a: advice ({found})"] if found and (more or state.warnings) else told


def headed(text: str) -> Content:
    """The text with the titles of its groups in bold."""
    lines = foreign(text).split("\n", allow_blank=True)
    return Content("\n").join(line.stylize("bold") if line.plain.split("  ")[0] in TITLES else line for line in lines)


def groups(state: RunState, now: float) -> list[Group]:
    """All figures that are known: progress, learning, speed, memory and energy, and of each of several processes."""
    found = [
        Group(title, _shown(rows, state))
        for title, rows in zip(
            TITLES,
            (
                _progress(state, now),
                _learning(state),
                _speed(state),
                [*_memory(state), *_cost(state)],
                _processes(state),
            ),
            strict=True,
        )
    ]
    return [group for group in found if group.rows]


def grouped_lines(told: Sequence[Group], width: int) -> list[str]:
    """Groups below each other, or two beside each other where they fit."""
    blocks = [group.lines() for group in told]
    if width >= 2 * COLUMN_WIDTH - 4:
        blocks = [beside(*blocks[at : at + 2]) for at in range(0, len(blocks), 2)]
    lines: list[str] = []
    for block in blocks:
        lines += ["", *block] if lines else block
    return lines


def beside(left: list[str], right: Sequence[str] = ()) -> list[str]:
    """Two blocks of lines beside each other."""
    rows = max(len(left), len(right))
    pairs = zip([*left, *[""] * (rows - len(left))], [*right, *[""] * (rows - len(right))], strict=True)
    return [f"{one:{COLUMN_WIDTH - 2}}{other}".rstrip() for one, other in pairs]


def ends_at(left_s: float, now: float) -> str:
    """``17:30``, with the day where it is another."""
    end, today = time.localtime(now + left_s), time.localtime(now)
    return time.strftime("%H:%M" if end[:3] == today[:3] else "%a %d %b, %H:%M", end)


def _shown(rows: Rows, state: RunState) -> Rows:
    """Without the figures that will not come any more, or not soon."""
    return rows if state.started and not state.ended else [row for row in rows if row[1] != UNKNOWN]


def _length(state: RunState, now: float) -> str:
    if not state.started:
        return UNKNOWN
    at_work = state.engine_alive and not state.ended_at and state.status != "waiting"
    goes_on_s = max(0.0, now - state.last_event) if at_work else 0.0
    return words.seconds(state.worked_s + goes_on_s)


def _updates(state: RunState) -> tuple[str, str]:
    done = state.last_step.step if state.last_step else 0
    return ("update", f"{done} of {figures.total_steps(state)}" if state.plan else UNKNOWN)


def _measures(state: RunState) -> bool:
    """Whether there is or may be a loss on held-out examples."""
    return bool(state.evaluations) or state.plan is None or state.plan.held_out_examples > 0


def _learning_in_short(state: RunState) -> Rows:
    losses = [step.loss for step in (*state.steps[:FIRST_UPDATES], *state.steps[-FIRST_UPDATES:])]
    half = len(losses) // 2
    late = sum(losses[half:]) / max(1, len(losses) - half)
    rows = [("loss", f"{late:.4g}" if losses else UNKNOWN)]
    if len(state.steps) >= 2 * FIRST_UPDATES:
        rows = [("loss", f"{sum(losses[:half]) / half:.4g} → {late:.4g}")]
    if state.evaluations:
        last = state.evaluations[-1]
        best = min(state.evaluations, key=lambda it: it.loss)
        now, lowest = f"{last.loss:.4g}", f"{best.loss:.4g}"
        rows.append(("held out", f"{now}, the best" if now == lowest else f"{now}, best {lowest}"))
    elif _measures(state):
        rows.append(("held out", UNKNOWN))
    return rows


def _progress(state: RunState, now: float) -> Rows:
    plan, last, left = state.plan, state.last_step, figures.seconds_left(state, now)
    rows: Rows = [("took" if state.ended else "so far", _length(state, now))]
    if not state.ended:
        rows.append(("left", UNKNOWN if left is None else f"about {words.seconds(left)}"))
        rows.append(("ends", UNKNOWN if left is None else ends_at(left, now)))
    rows.append(_updates(state))
    samples = f"{figures.samples_seen(state):,} of {round(plan.epochs * plan.examples):,}" if last and plan else UNKNOWN
    rows += [("epoch", f"{last.epoch:.2f} of {plan.epochs:.2f}" if last and plan else UNKNOWN), ("samples", samples)]
    kept = f"{len(state.checkpoints)}, last at {state.checkpoints[-1].step}" if state.checkpoints else UNKNOWN
    return [*rows, ("checkpoints", kept)]


def _learning(state: RunState) -> Rows:
    plan, last = state.plan, state.last_step
    norm = UNKNOWN if last is None or last.grad_norm is None else f"{last.grad_norm:.3f}"
    rows: Rows = [
        ("loss", f"{last.loss:.4f}" if last else UNKNOWN),
        ("learning rate", f"{last.learning_rate:.2e}" if last else UNKNOWN),
        ("grad norm", norm),
    ]
    if state.evaluations:
        best = next((it for it in reversed(state.evaluations) if it.best), state.evaluations[-1])
        rows.append(("held out", f"{state.evaluations[-1].loss:.4f}"))
        if best.loss < state.evaluations[-1].loss or not state.ended:
            rows.append(("best", f"{best.loss:.4f} at {best.step}"))
    elif _measures(state):
        rows += [("held out", UNKNOWN), ("best", UNKNOWN)]
    share = plan.trained_parameters / max(1, plan.all_parameters) if plan else 0.0
    return [*rows, ("trained", f"{words.count(plan.trained_parameters)}, {share:.2%}" if plan else UNKNOWN)]


def _speed(state: RunState) -> Rows:
    last = state.last_step
    rows = [
        ("tokens", f"{words.count(last.tokens)}, {state.tokens_per_s or 0:,.0f}/s" if last else UNKNOWN),
        ("update takes", f"{state.seconds_a_step or 0:.3g} s" if last else UNKNOWN),
    ]
    share = figures.utilisation(state)
    if share is not None:
        rows.append(("arithmetic", f"{share:.1%} of peak"))
    if busy := figures.busy_share(state):
        rows.append(("GPU busy", words.share(busy[0])))
    return rows


def _processes(state: RunState) -> Rows:
    """The speed and the memory peak of each, by its rank, and where it computes."""
    rows: Rows = []
    one_host = len({one.host for one in state.ranks}) == 1
    for one in state.ranks:
        place = one.device if one_host else f"{one.host} {one.device}"
        rows.append((f"rank {one.rank}", f"{one.tokens_per_s:,.0f}/s, {words.size(one.peak_memory_bytes)}, {place}"))
    return rows


def _memory(state: RunState) -> Rows:
    """As the notebook tells it: before, the peak, what training took of it, each as a part of the card."""
    use = figures.memory_use(state)
    if use is None:
        return [(name, UNKNOWN) for name in ("model loaded", "memory peak", "for training")]
    parts = (("model loaded", use.before_bytes), ("memory peak", use.peak_bytes), ("for training", use.training_bytes))
    return [(name, f"{words.size(part)}, {use.share(part):.1%}") for name, part in parts]


def _cost(state: RunState) -> Rows:
    energy, watts = figures.energy_wh(state), figures.mean_watts(state)
    if energy is None or watts is None:
        return []
    return [("energy", f"{words.number(energy)} Wh, {watts:.0f} W")]
