"""How the fastest setting is found without trying all: what cannot fit or is beaten is left out, what is far behind ends."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from statistics import median

from tui.run.fit_events import Kind, Trial
from tui.run.fit_space import Candidate, families, family_of, predicted, variations

FIRST_UPDATES, MORE_UPDATES = 3, 6
"""Timed in the first round, and in the second, for those that are still in it."""
FINALISTS = 1
"""Of each kind, besides the session as it is."""
WORTH_IT = 1.03
"""A setting that is not faster by this factor is not worth a change: the same one measured twice differs by as much."""
WORTH_COMPILING_S = 300.0
"""Compiling takes a minute or so: it is not tried for a training that ends sooner than this."""

SAME: tuple[Kind, ...] = ("same",)
ANY: tuple[Kind, ...] = ("same", "precision", "packing")

Measure = Callable[[Candidate, int], Trial]
"""Trains so many updates of a candidate, and says what came of it."""
Seen = dict[str, tuple[Candidate, Trial]]
"""What was measured, by name."""


@dataclass(frozen=True)
class Device:
    """What a search needs to know of the device that it measures on."""

    measure: Measure
    fits: Callable[[Candidate], bool]
    """Whether a candidate is predicted to have room."""
    mean_tokens: float
    """Of an example."""
    passed: Callable[[], float]
    """How much of the time for measuring is over, 0 to 1."""
    compiles: bool
    """Whether a compiled model may be faster here."""


def search(found: Sequence[Candidate], device: Device) -> Iterator[Trial]:
    """Each trial as it is measured; one of the same name takes the place of an earlier one.

    For each model that has to be loaded, the session's own first: the largest batch that has room of every family, the most
    promising family first, then smaller ones where that was not slower and time allows; the fastest of each kind and the
    session itself are measured for longer. At the end the fastest ones are tried with one thing more, which promises little.
    """
    own, *others = found
    seen: Seen = {}
    models = list(dict.fromkeys(it.loaded_as for it in found))
    for number, name in enumerate(models, 1):
        if own.loaded_as == name:
            yield _noted(seen, own, device.measure(own, FIRST_UPDATES))
        fitting = [it for it in others if it.loaded_as == name and device.fits(it)]
        for candidate, trial in _explore(fitting, device, seen, number / (len(models) + 1)):
            yield _noted(seen, candidate, trial)
        for candidate in _finalists(seen, name):
            yield _noted(seen, candidate, device.measure(candidate, MORE_UPDATES))
    for name in reversed(models):  # the last one is still loaded
        for candidate, trial in _vary(name, device, seen):
            yield _noted(seen, candidate, trial)


def _explore(found: list[Candidate], device: Device, seen: Seen, until: float) -> Iterator[tuple[Candidate, Trial]]:
    """The largest batch of each family, whatever the time; then the next smaller ones until so much of the time is over."""
    waiting, largest = families(found), True
    while waiting and (largest or device.passed() < until):
        waiting.sort(key=lambda family: predicted(family[0], device.mean_tokens))
        going_on = []
        for family in waiting:
            while family and not _is_beaten(family[0], seen):
                candidate = family.pop(0)
                trial = device.measure(candidate, FIRST_UPDATES)
                yield candidate, trial
                if trial.verdict == "measured":
                    if family and not _is_slower(candidate, trial, seen):
                        going_on.append(family)
                    break
        waiting, largest = going_on, False


def _is_slower(candidate: Candidate, trial: Trial, seen: Seen) -> bool:
    """Whether another size of the batch was faster."""
    others = (it for other, it in seen.values() if family_of(other) == family_of(candidate))
    return any(it.tokens_per_s > trial.tokens_per_s for it in others)


def _is_beaten(candidate: Candidate, seen: Seen) -> bool:
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


def _vary(name: str, device: Device, seen: Seen) -> Iterator[tuple[Candidate, Trial]]:
    """The two answers so far, where they need the model of that name, with one thing more at a time."""
    for kinds in (SAME, ANY):
        while (found := _answer(seen, kinds)) and found[0].loaded_as == name:
            base, before = found
            compiles = device.compiles and training_s(base, before) > WORTH_COMPILING_S
            more = [it for it in variations(base, compiles=compiles) if it.name not in seen]
            if not more:
                break
            yield more[0], _paying(more[0], device.measure(more[0], MORE_UPDATES), before)


def _answer(seen: Seen, kinds: Sequence[Kind]) -> tuple[Candidate, Trial] | None:
    """The best of some kinds so far, which may be the session as it is."""
    trials = [trial for _, trial in seen.values()]
    chosen = best(trials, kinds) or next((it for it in trials if it.kind == "own" and it.verdict == "measured"), None)
    return seen[chosen.name] if chosen else None


def _paying(candidate: Candidate, trial: Trial, before: Trial) -> Trial:
    """A trial, refused where the time that it saves a whole training is less than what its first update takes longer."""
    if trial.verdict != "measured":
        return trial
    saved = training_s(candidate, before) - training_s(candidate, trial)
    cost = trial.first_s - before.first_s
    if saved <= 0 or saved > cost:
        return trial
    why = f"its first update takes {cost:.0f} s longer, and the others save {saved:.0f} s in all"
    return replace(trial, verdict="refused", why=why)


def speed(tokens: Sequence[int], seconds: Sequence[float]) -> float:
    """Tokens a second of updates: that of the one in the middle.

    Now and then an update takes several times as long, when a kernel is compiled for a new shape, for instance. A whole
    training does not notice that, and the few updates of a trial must not either.
    """
    return median(each / took for each, took in zip(tokens, seconds, strict=True))


def training_s(candidate: Candidate, trial: Trial) -> float:
    """How long all updates of a training would take at the speed of a trial, in seconds."""
    training = candidate.session.training
    return training.max_steps * trial.seconds if training.max_steps else training.num_train_epochs * trial.epoch_s


def _noted(seen: Seen, candidate: Candidate, trial: Trial) -> Trial:
    """Remember a trial; of two of one candidate the longer tells the speed, and both tell the memory."""
    before = seen.get(candidate.name)
    if before:
        earlier = before[1]
        if trial.verdict != "measured":
            trial = earlier
        trial = replace(trial, peak_bytes=max(trial.peak_bytes, earlier.peak_bytes))
    seen[candidate.name] = (candidate, trial)
    return trial


def _finalists(seen: Seen, loaded_as: str) -> list[Candidate]:
    """The fastest of each kind among those that need the model that is loaded now, and the session itself."""
    here = [pair for pair in seen.values() if pair[0].loaded_as == loaded_as and pair[1].verdict == "measured"]
    here.sort(key=lambda pair: pair[1].tokens_per_s, reverse=True)
    chosen = [pair for pair in here if pair[0].kind == "own"]
    for kind in ANY:
        chosen += [pair for pair in here if pair[0].kind == kind][:FINALISTS]
    return [candidate for candidate, _ in chosen]


def best(trials: Sequence[Trial], kinds: Sequence[Kind]) -> Trial | None:
    """Of the fastest of some kinds, and of those that are hardly slower, the one that changes least.

    None where that is the session as it is.
    """
    measured = [it for it in trials if it.kind in (*kinds, "own") and it.verdict == "measured"]
    fastest = max((it.tokens_per_s for it in measured), default=0.0)
    near = [it for it in measured if it.tokens_per_s * WORTH_IT >= fastest]
    chosen = min(near, key=lambda it: (len(it.changes), -it.tokens_per_s), default=None)
    return None if chosen is None or chosen.kind == "own" else chosen


def merged(trials: Sequence[Trial], trial: Trial) -> tuple[Trial, ...]:
    """The trials with one more, which takes the place of an earlier one of its name."""
    if any(it.name == trial.name for it in trials):
        return tuple(trial if it.name == trial.name else it for it in trials)
    return (*trials, trial)
