"""How fast earlier runs were: what a coming one can be expected to take."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from statistics import median

from tui.run import events, fits
from tui.run.folder import RunFolder, list_runs
from tui.run.forecast import Ground
from tui.run.lock import was_here
from tui.session import file
from tui.session.schema import Session

RUNS_READ = 20
TAIL_BYTES = 64 << 10
"""So much of the end of a run's events is read: some hundred updates."""


def seconds_per_example(session: Session) -> float | None:
    """The pace of one process of the last run on this host with the same model, precision and lengths, or of the same
    settings when they were last measured; None without either.
    """
    for folder in islice(list_runs(), RUNS_READ):
        try:
            earlier = file.load(folder.session)
        except file.SessionError:
            continue
        if _alike(earlier, session) and was_here(folder.lock) and (seconds := _median_update(folder)):
            return seconds / earlier.process_batch
    return next(
        (it.seconds_per_example for it in fits.kept() if _alike(it.session, session) and _same_parts(it.session, session)),
        None,
    )


def memory_factor(session: Session, ground: Ground) -> float | None:
    """What the last run with this model on this card really took, or else what was measured with it last, in units of its
    own prediction; None without either.
    """
    for folder in islice(list_runs(), RUNS_READ):
        try:
            earlier = file.load(folder.session)
        except file.SessionError:
            continue
        ahead = ground.forecast(earlier)
        if earlier.model.name != session.model.name or ahead is None or ground.gpu is None:
            continue
        memories = [event for event in _tail(folder) if isinstance(event, events.MemoryMeasured)]
        peaks = [event.peak_bytes for event in memories if event.moment == "trained"]
        on_card = any(isinstance(event, events.Planned) and event.device == ground.gpu.name for event in _head(folder))
        if on_card and peaks:
            return _sane(peaks[-1] / ahead.parts.total)
    for it in fits.kept():
        ahead = ground.forecast(it.session) if it.peak_bytes and it.session.model.name == session.model.name else None
        if ahead and ground.gpu and it.device == ground.gpu.name:
            return _sane(it.peak_bytes / ahead.parts.total)
    return None


def _sane(factor: float) -> float:
    return min(max(factor, 0.5), 2.0)


def _same_parts(one: Session, other: Session) -> bool:
    """Whether an update is computed in the same parts."""
    mine, theirs = one.training, other.training
    return (mine.per_device_train_batch_size, mine.gradient_accumulation_steps, one.lora.use_gradient_checkpointing) == (
        theirs.per_device_train_batch_size, theirs.gradient_accumulation_steps, other.lora.use_gradient_checkpointing,
    )  # fmt: skip


def _alike(one: Session, other: Session) -> bool:
    return all(
        getattr(one.model, name) == getattr(other.model, name)
        for name in ("name", "max_seq_length", "load_in_4bit", "load_in_8bit", "full_finetuning", "device")
    ) and (one.data.source, one.training.packing) == (other.data.source, other.training.packing)


def _median_update(folder: RunFolder) -> float | None:
    """Seconds an update took in the middle, of the last that were written."""
    steps = [event.seconds for event in _tail(folder) if isinstance(event, events.StepDone)]
    return median(steps) if steps else None


def _head(folder: RunFolder) -> Iterator[events.Event]:
    """The first events of a run."""
    return _events_at(folder, 0)


def _tail(folder: RunFolder) -> Iterator[events.Event]:
    """The last events of a run."""
    try:
        return _events_at(folder, max(0, folder.events.stat().st_size - TAIL_BYTES))
    except OSError:
        return iter(())


def _events_at(folder: RunFolder, offset: int) -> Iterator[events.Event]:
    try:
        with folder.events.open("rb") as stream:
            stream.seek(offset)
            lines = stream.read(TAIL_BYTES).splitlines()
    except OSError:
        return
    for line in lines:
        if (event := events.from_line(line)) is not None:
            yield event
