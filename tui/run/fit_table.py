"""What measuring settings has found, as a table and in sentences."""

from __future__ import annotations

from dataclasses import dataclass

from tui import words
from tui.run.fit_events import Fitted, Trial
from tui.run.fit_search import ANY, SAME, best

COLUMNS = ("", "setting", "tokens/s", "times", "an update", "an epoch", "memory", "of the device")
NUMBERS = (2, 3, 4, 5, 6, 7)
"""The columns that are aligned on the right."""


@dataclass(frozen=True)
class Outcome:
    """The two answers: the fastest that learns the very same, and the fastest of all. None where nothing is better."""

    same: Trial | None
    fastest: Trial | None


def outcome_of(told: Fitted) -> Outcome:
    """The answers so far."""
    same, fastest = best(told.trials, SAME), best(told.trials, ANY)
    return Outcome(same, fastest if fastest is None or same is None or fastest.tokens_per_s > same.tokens_per_s else same)


def ordered(told: Fitted) -> list[Trial]:
    """The fastest first, then those that could not be measured."""
    return sorted(told.trials, key=lambda trial: -trial.tokens_per_s)


def cells(trial: Trial, told: Fitted, outcome: Outcome) -> tuple[str, ...]:
    """A trial as the table shows it, one text for each of `COLUMNS`."""
    sign = sign_of(trial, outcome)
    if trial.verdict != "measured":
        return (sign, trial.name, "no room" if trial.verdict == "out-of-memory" else "refused", "", "", "", "", "")
    own = next((it for it in told.trials if it.kind == "own" and it.tokens_per_s), None)
    return (
        sign,
        trial.name,
        f"{trial.tokens_per_s:,.0f}",
        f"{trial.tokens_per_s / own.tokens_per_s:.2f}" if own else "",
        f"{trial.seconds:.3g} s",
        words.seconds(trial.epoch_s),
        words.size(trial.peak_bytes) if trial.peak_bytes else "",
        "" if trial.share is None else words.share(trial.share),
    )


def sign_of(trial: Trial, outcome: Outcome) -> str:
    """What a trial is: the session itself, an answer, or neither."""
    if outcome.same and trial.name == outcome.same.name:
        return "="
    if outcome.fastest and trial.name == outcome.fastest.name:
        return "★"
    return "·" if trial.kind == "own" else ""


LEGEND = "· as it is   = the fastest that learns the very same   ★ the fastest"


def sentences(told: Fitted) -> list[str]:
    """The answers in words."""
    if told.error:
        return [told.error]
    outcome = outcome_of(told)
    own = next((it for it in told.trials if it.kind == "own"), None)
    if own is None:
        return []
    said = []
    if own.verdict == "out-of-memory":
        said.append("The session as it is runs out of memory on its longest rows.")
    if outcome.same:
        said.append(f"Learns the very same{_times(outcome.same, own)}: {outcome.same.name}.")
    if outcome.fastest and outcome.fastest != outcome.same:
        fastest = outcome.fastest
        said.append(f"The fastest{_times(fastest, own)}: {fastest.name}; {fastest.consequence}.")
    return said or (["Nothing that was measured is faster than the session as it is."] if told.done else [])


def _times(trial: Trial, own: Trial) -> str:
    return f", {trial.tokens_per_s / own.tokens_per_s:.2f} times as fast" if own.tokens_per_s else ""
