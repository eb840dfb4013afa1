"""Which GPU a waiting run may start on: one that no other run has, and that nobody else fills."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from tui import words
from tui.machine.gpu import read_gpus, shown, uuid_of
from tui.machine.readings import GpuReading
from tui.run.assigned import assigned
from tui.run.folder import RunFolder
from tui.run.handed import read_handed
from tui.run.listing import RunRow
from tui.run.lock import holder_of, was_here
from tui.run.processes import KEY
from tui.run.queue import Ticket

NO_GPU = "cpu"
"""The device of a box without a GPU, on which runs take turns as well."""
WHOLE_SHARE = 0.9
"""So much of a GPU must be free when nothing is known of what a run will take."""

BEHIND = "others are before it"
ON_HOLD = "on hold"


@dataclass(frozen=True)
class Device:
    """Something that one run at a time computes on."""

    name: str
    """The UUID of a GPU; its number where the driver tells none."""
    index: int = 0
    free_bytes: int | None = None
    total_bytes: int | None = None


@dataclass(frozen=True)
class Choice:
    """The devices a run may start on now; none, and why, while it has to wait."""

    devices: tuple[Device, ...] = ()
    why_not: str = ""


def devices_here() -> tuple[Device, ...]:
    """The GPUs of this box that may be used, as they are now; the processor where there is none."""
    found = tuple(_device(gpu) for gpu in read_gpus())
    allowed = shown([it.name for it in found], os.environ.get("CUDA_VISIBLE_DEVICES"))
    return tuple(it for it in found if it.index in allowed) or (Device(NO_GPU),)


def _device(gpu: GpuReading) -> Device:
    total, used = gpu.memory_total_bytes, gpu.memory_used_bytes
    free = None if total is None or used is None else total - used
    return Device(uuid_of(gpu.index) or str(gpu.index), gpu.index, free, total)


def taken_by(rows: Sequence[RunRow], devices: Sequence[Device]) -> dict[str, str]:
    """The devices that live runs compute on, each with what has it: ``first runs``, ``first keeps its model loaded``."""
    taken: dict[str, str] = {}
    for row in rows:
        if not row.alive or row.place or not _is_here(row.folder):
            continue
        named = assigned(row.folder) or row.device
        told = f"{row.name} {'keeps its model loaded' if row.loaded else 'runs'}"
        if named == NO_GPU:
            taken[NO_GPU] = told
            continue
        for device in wanted(named, devices) or devices[: row.processes]:  # left to itself, a run takes the first ones
            taken[device.name] = told
    return taken


def _is_here(folder: RunFolder) -> bool:
    """Whether a live run is at work on this box; what was handed over is elsewhere until it has begun here."""
    begun = read_handed(folder) is None or holder_of(folder.lock) is not None
    return begun and was_here(folder.lock)


def plan(
    tickets: Sequence[Ticket],
    rows: Sequence[RunRow],
    devices: Sequence[Device],
    needed_bytes: Callable[[Ticket], float | None],
) -> list[tuple[Ticket, Choice]]:
    """What each waiting run may do now, in their order: none overtakes another that waits for the same GPU."""
    row_of = {row.name: row for row in rows}
    taken = taken_by(rows, devices)
    spoken_for: set[str] = set()
    planned = []
    for ticket in tickets:
        if ticket.held:
            planned.append((ticket, Choice(why_not=ON_HOLD)))
            continue
        row = row_of.get(ticket.name)
        named, count = (row.device, _processes(ticket, row)) if row else ("auto", 1)
        possible = (Device(NO_GPU),) if named == NO_GPU else devices
        open_ones = [device for device in possible if device.name not in spoken_for]
        needed = needed_bytes(ticket)
        choice = (
            choose(named, needed, open_ones, taken, shares=ticket.shares, count=count)
            if open_ones
            else Choice(why_not=BEHIND)
        )
        planned.append((ticket, choice))
        for device in choice.devices or wanted(named, possible) or possible:
            spoken_for.add(device.name)
    return planned


def _processes(ticket: Ticket, row: RunRow) -> int:
    return int((ticket.resumes or {}).get(KEY, row.processes))


def choose(
    named: str,
    needed_bytes: float | None,
    devices: Sequence[Device],
    taken: Mapping[str, str],
    *,
    shares: bool,
    count: int = 1,
) -> Choice:
    """Where a run may start whose session names a device; it names ``auto`` where it takes what is free.

    `count` is how many processes train together, each on a GPU of its own.
    """
    asked = wanted(named, (Device(NO_GPU),) if named == NO_GPU else devices)
    if asked is None:
        reasons = [_why_not(device, needed_bytes, taken, shares) for device in devices]
        free = [device for device, reason in zip(devices, reasons, strict=True) if not reason]
        most = sorted(free, key=lambda it: -(it.free_bytes or 0))[:count]
        if len(most) == count or (most and most[0].name == NO_GPU):
            return Choice(tuple(sorted(most, key=lambda it: it.index)))
        why_not = next(reason for reason in [*reasons, f"there are {len(devices)} GPUs"] if reason)
        return Choice(why_not=why_not if count == 1 else f"{len(free)} of {count} GPUs are free: {why_not}")
    if not asked:
        return Choice(why_not=f"GPU {named} is not free")
    if len(asked) < count and asked[0].name != NO_GPU:
        return Choice(why_not=f"{count} processes need a GPU each, and of {named} there are {len(asked)}")
    found = [reason for device in asked if (reason := _why_not(device, needed_bytes, taken, shares))]
    return Choice(why_not=found[0]) if found else Choice(tuple(asked))


def wanted(named: str, devices: Sequence[Device]) -> list[Device] | None:
    """The devices that a session names by number or UUID; None where any will do."""
    if named == "auto":
        return None
    names: Collection[str] = named.split(",")
    return [device for device in devices if device.name in names or str(device.index) in names]


def _why_not(device: Device, needed_bytes: float | None, taken: Mapping[str, str], shares: bool) -> str:
    """Why a run cannot start on a device; empty where it can."""
    if device.name in taken and not shares:
        return f"{taken[device.name]} on {'the processor' if device.name == NO_GPU else f'GPU {device.index}'}"
    if device.total_bytes is None or device.free_bytes is None:
        return ""
    needed = min(needed_bytes or WHOLE_SHARE * device.total_bytes, WHOLE_SHARE * device.total_bytes)
    if device.free_bytes >= needed:
        return ""
    return f"GPU {device.index} has {words.size(device.free_bytes)} free of the {words.size(needed)} it needs"
