"""What a name means that somebody wants to talk to, and whether there is memory for it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import psutil

from tui.catalog.local import ModelError, is_path, read_model
from tui.catalog.shape import ModelShape
from tui.engine.checkpoints import checkpoints_of, what_is_wrong
from tui.machine.chat_memory import chat_bytes
from tui.machine.gpu import read_gpus
from tui.resources import expanded
from tui.run.folder import RunFolder
from tui.session import file
from tui.session.schema import Session
from tui.words import device as device_words
from tui.words import size

DEEPEST = 2
"""Folders of a run between it and what can be talked to: ``checkpoints/checkpoint-8``."""
ROOM = 0.95
"""So much of what is free may be taken."""


@dataclass(frozen=True)
class Source:
    """Something that can be talked to."""

    name: str
    """As it was asked for."""
    place: str
    """The folder or hub name that is loaded."""
    session: Session
    """With the settings of the run that it belongs to, or else the usual ones."""
    base: str = ""
    """The base model of an adapter."""
    run: RunFolder | None = None


class DoesNotFit(ModelError):
    """There is no memory for a model; `offers` are as in `Replied.offers`."""

    def __init__(self, text: str, offers: tuple[str, ...]) -> None:
        super().__init__(text)
        self.offers = offers


def source_of(name: str, load_in_4bit: bool | None = None) -> Source:
    """What a name means. Raises ModelError where there is nothing of this name, and SessionError."""
    run = run_of(name)
    session = file.load(run.session) if run else Session()
    place = _result(run) if run and run.path == Path(name) else name
    card = read_model(place) if is_path(place) else None
    base = card.adapter_of if card else ""
    if base and is_path(base):
        try:
            read_model(base)
        except ModelError as error:
            raise ModelError(f"the base model of this adapter is gone: {error}") from None
    precision = _precision(session, load_in_4bit)
    return Source(name, place, file.replace_values(session, precision), base, run)


def _precision(session: Session, load_in_4bit: bool | None) -> dict[str, bool]:
    """How the weights are held: as asked, else as they were for the training; what was trained in full is not quantised."""
    model = session.model
    four = model.load_in_4bit and not model.full_finetuning if load_in_4bit is None else load_in_4bit
    eight = load_in_4bit is None and model.load_in_8bit
    named = {"load_in_4bit": four, "load_in_8bit": eight, "load_in_16bit": not four and not eight, "full_finetuning": False}
    return {f"model.{name}": value for name, value in named.items()}


def run_of(name: str) -> RunFolder | None:
    """The run of that folder, or in whose folder it lies; None when the name means something else."""
    if not is_path(name):
        return None
    path = expanded(name).absolute()
    places = map(RunFolder, (path, *path.parents[:DEEPEST]))
    return next((run for run in places if run.session.is_file()), None)


def _result(run: RunFolder) -> str:
    """What a run has learned: its result, or of one that has none (yet) its newest whole checkpoint. Raises ModelError."""
    if run.adapter.is_dir():
        return str(run.adapter)
    whole = next((checkpoint for checkpoint in checkpoints_of(run) if not what_is_wrong(checkpoint)), None)
    if whole is None:
        raise ModelError(f"{run.name} has neither a result nor a checkpoint yet")
    return str(whole.path)


def shape_of(source: Source) -> ModelShape | None:
    """The shape of the model; None where it is not on this machine, or not known."""
    name = source.base or source.place
    if is_path(name):
        return read_model(name).shape
    from tui.catalog.hub import cached_card  # huggingface_hub costs a third of a second that others need not wait

    card = cached_card(name, source.session.model.revision)
    return card.shape if card else None


def check_memory(source: Source, free_bytes: float, here: str, others: dict[str, float]) -> None:
    """Raise DoesNotFit, with figures and with what would fit, when there is no room for a model.

    `here` names what it would be loaded on, `others` have free bytes as `elsewhere` tells them.
    """
    shape = shape_of(source)
    if shape is None:
        return
    session = source.session
    needed = chat_bytes(session, shape)
    if needed <= ROOM * free_bytes:
        return
    offers: dict[str, str] = {}
    small = chat_bytes(file.replace_values(session, _precision(session, load_in_4bit=True)), shape)
    if not session.model.load_in_4bit and small <= ROOM * free_bytes:
        offers["4-bit"] = f"in 4-bit it takes {size(small)} and fits"
    fitting = {device: free for device, free in others.items() if needed <= ROOM * free}
    offers |= {device: f"{device_words(device)} has {size(free)} free" for device, free in fitting.items()}
    text = f"{Path(source.name).name} takes about {size(needed)} and {here} has {size(free_bytes)} free"
    told = ", ".join(offers.values()) or "choose a smaller model, or free some memory"
    roomiest = max((device for device in fitting if device != "cpu"), key=lambda device: fitting[device], default="")
    raise DoesNotFit(f"{text}; {told}", tuple(offer for offer in ("4-bit", roomiest, "cpu") if offer in offers))


def elsewhere(index: int | None) -> dict[str, float]:
    """The free memory of every GPU but this one by its number, and of the ``cpu`` unless that is where we are (None)."""
    found = {}
    for gpu in read_gpus():
        if gpu.index != index and gpu.memory_total_bytes is not None and gpu.memory_used_bytes is not None:
            found[str(gpu.index)] = float(gpu.memory_total_bytes - gpu.memory_used_bytes)
    if index is not None:
        found["cpu"] = float(psutil.virtual_memory().available)
    return found
