"""The checkpoints of a run: which of them can be gone on from, and what is left behind by an engine that was killed."""

from __future__ import annotations

import json
import shutil
import struct
import zipfile
from dataclasses import dataclass
from pathlib import Path

from tui.engine.placing import put_back
from tui.run.folder import RunFolder

WRITING = ".writing"
"""Where a checkpoint lies until it is whole."""
ADAPTER_WRITING, EXPORT_WRITING = ".adapter", ".making-"
"""The same for the result, and for what a run itself exports: how the names of such folders begin."""
STATE = "trainer_state.json"
PICKLED = ("optimizer.pt", "scheduler.pt")
CHANCE = "rng_state*.pth"
"""The state of the random numbers; of several processes each has a file of its own."""


@dataclass(frozen=True)
class Checkpoint:
    """The state of a training after so many updates."""

    step: int
    path: Path


def checkpoints_of(folder: RunFolder) -> list[Checkpoint]:
    """Every checkpoint of a run, the newest first, whether it can be used or not."""
    return [Checkpoint(step, path) for step, path in folder.checkpoint_paths().items()]


def what_is_wrong(checkpoint: Checkpoint) -> str:
    """Why a checkpoint cannot be gone on from; empty when it can."""
    try:
        told = json.loads((checkpoint.path / STATE).read_text(encoding="utf-8"))
        if told["global_step"] != checkpoint.step:
            return f"{STATE} tells of update {told['global_step']}"
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        return f"{STATE} cannot be read: {error}"
    weights = [path for path in checkpoint.path.glob("*.safetensors") if path.is_file()]
    if not weights:
        return "it holds no weights"
    if broken := next((path.name for path in weights if not _is_whole(path)), ""):
        return f"{broken} is damaged or cut off"
    chance = sorted(path.name for path in checkpoint.path.glob(CHANCE))
    names = (*PICKLED, *(chance or ["rng_state.pth"]))
    missing = next((name for name in names if not zipfile.is_zipfile(checkpoint.path / name)), "")
    return f"{missing} is missing or cut off" if missing else ""


def clear_leftovers(folder: RunFolder) -> None:
    """Remove what an engine that is gone did not finish writing, and put back what it was about to replace."""
    for place in (folder.path, folder.checkpoints):
        put_back(place)
    unfinished = (folder.checkpoints / WRITING, folder.path / ADAPTER_WRITING, *folder.exports.glob(f"{EXPORT_WRITING}*"))
    for path in unfinished:
        shutil.rmtree(path, ignore_errors=True)


def remove_older(folder: RunFolder, limit: int, best: str | None) -> None:
    """Keep so many checkpoints, the newest and the best among them; a removed one is gone at once or not at all."""
    found = checkpoints_of(folder)
    protected = {found[0].path, *([Path(best)] if best else [])}
    removable = [checkpoint.path for checkpoint in reversed(found) if checkpoint.path not in protected]
    aside = folder.checkpoints / WRITING
    for path in removable[: max(0, len(found) - max(limit, len(protected)))]:
        aside.mkdir(exist_ok=True)
        path.rename(aside / path.name)
    shutil.rmtree(aside, ignore_errors=True)


def _is_whole(path: Path) -> bool:
    """Whether a safetensors file can be read and is as long as its header says."""
    try:
        size = path.stat().st_size
        with path.open("rb") as stream:
            (length,) = struct.unpack("<Q", stream.read(8))
            header = json.loads(stream.read(length)) if length <= size else {}
        ends = [tensor["data_offsets"][1] for name, tensor in header.items() if name != "__metadata__"]
        return bool(size == 8 + length + max(ends, default=0))
    except (OSError, struct.error, ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return False
