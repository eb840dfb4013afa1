"""How the fastest setting is found without trying all: what cannot fit or is beaten is left out, what is far behind ends."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import groupby

from tui.run.fit_events import Kind, Trial
from tui.run.fit_space import Candidate, families

FIRST_UPDATES, MORE_UPDATES = 3, 6
"""Timed in the first round, and in the second, for those that are still in it."""
FINALISTS = 1
"""Of each kind, besides the session as it is."""
WORTH_IT = 1.03
"""A setting that is not faster by this factor is not worth a change: the same one measured twice differs by as much."""

Measure = Callable[[Candidate, int], Trial]
"""Trains so many updates of a candidate, and says what came of it."""


def search(found: Sequence[Candidate], fits: Callable[[Candidate], bool], measure: Measure) -> Iterator[Trial]:
    """Each trial as it is measured; one of the same name takes the place of an earlier one.

    `fits` says whether a candidate is predicted to have room. Families are gone through from the largest batch down, until
    the next smaller one is slower. Then the fastest of each kind and the session itself are measured for longer.
    """
    own, *others = found
    seen: dict[str, tuple[Candidate, Trial]] = {}
    for name, members in groupby(_by_model([own, *others]), key=lambda it: it.loaded_as):
        group = list(members)
        if own.loaded_as == name:
            yield _noted(seen, own, measure(own, FIRST_UPDATES))
        for family in families([it for it in group if it is not own]):
            for candidate, trial in _descend([it for it in family if fits(it)], measure, seen):
                yield _noted(seen, candidate, trial)
        for candidate in _finalists(seen, name):
            yield _noted(seen, candidate, measure(candidate, MORE_UPDATES))


def _by_model(found: Sequence[Candidate]) -> list[Candidate]:
    """In the order in which models are loaded, the session's own first."""
    names = list(dict.fromkeys(it.loaded_as for it in found))
    return sorted(found, key=lambda it: names.index(it.loaded_as))


def _descend(
    family: list[Candidate], measure: Measure, seen: dict[str, tuple[Candidate, Trial]]
) -> Iterator[tuple[Candidate, Trial]]:
    """From the largest batch down, while that is faster, and as long as none is as large that recomputes nothing."""
    before = 0.0
    for candidate in family:
        if _is_beaten(candidate, seen):
            return
        trial = measure(candidate, FIRST_UPDATES)
        yield candidate, trial
        if trial.verdict != "measured":
            continue
        if trial.tokens_per_s < before:
            return
        before = trial.tokens_per_s


def _is_beaten(candidate: Candidate, seen: dict[str, tuple[Candidate, Trial]]) -> bool:
    """Whether one that recomputes nothing had room with a batch as large: to compute more cannot be faster."""
    kept = candidate.session.lora.use_gradient_checkpointing
    return any(
        trial.verdict == "measured"
        and other.loaded_as == candidate.loaded_as
        and other.session.training.packing == candidate.session.training.packing
        and other.session.lora.use_gradient_checkpointing == "false" != kept
        and other.session.training.per_device_train_batch_size >= candidate.session.training.per_device_train_batch_size
        for other, trial in seen.values()
    )


def _noted(seen: dict[str, tuple[Candidate, Trial]], candidate: Candidate, trial: Trial) -> Trial:
    """Remember a trial; of two of one candidate the longer tells the speed, and both tell the memory."""
    before = seen.get(candidate.name)
    if before:
        earlier = before[1]
        if trial.verdict != "measured":
            trial = earlier
        trial = replace(trial, peak_bytes=max(trial.peak_bytes, earlier.peak_bytes))
    seen[candidate.name] = (candidate, trial)
    return trial


def _finalists(seen: dict[str, tuple[Candidate, Trial]], loaded_as: str) -> list[Candidate]:
    """The fastest of each kind among those that need the model that is loaded now, and the session itself."""
    here = [pair for pair in seen.values() if pair[0].loaded_as == loaded_as and pair[1].verdict == "measured"]
    here.sort(key=lambda pair: pair[1].tokens_per_s, reverse=True)
    kinds: list[Kind] = ["same", "precision", "packing"]
    chosen = [pair for pair in here if pair[0].kind == "own"]
    for kind in kinds:
        chosen += [pair for pair in here if pair[0].kind == kind][:FINALISTS]
    return [candidate for candidate, _ in chosen]


def best(trials: Sequence[Trial], kinds: Sequence[Kind]) -> Trial | None:
    """The fastest of some kinds that is worth a change; None where the session as it is is as good."""
    own = next((it for it in trials if it.kind == "own" and it.verdict == "measured"), None)
    measured = [it for it in trials if it.kind in kinds and it.verdict == "measured"]
    fastest = max(measured, key=lambda it: it.tokens_per_s, default=None)
    if fastest is None or (own is not None and fastest.tokens_per_s < WORTH_IT * own.tokens_per_s):
        return None
    return fastest


def merged(trials: Sequence[Trial], trial: Trial) -> tuple[Trial, ...]:
    """The trials with one more, which takes the place of an earlier one of its name."""
    if any(it.name == trial.name for it in trials):
        return tuple(trial if it.name == trial.name else it for it in trials)
    return (*trials, trial)
