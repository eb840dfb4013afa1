"""Run folders as they are in each phase of a run, and what can happen to the files in them."""

from __future__ import annotations

import json
import os
import random
import shutil
import struct
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.faults.examples import ROOT, SAMPLES
from tui.run import commands, events
from tui.run.folder import RunFolder
from tui.run.lines import append_line
from tui.session import file

RECORDED = (ROOT / "tests" / "recorded" / "demo-events.jsonl").read_bytes().splitlines(keepends=True)
STEPS = [number for number, line in enumerate(RECORDED) if b'"kind":"step"' in line]
CHECKPOINTS = (10, 20)


@dataclass(frozen=True)
class Moment:
    """A phase of a run: which events were told by then, and whether its engine still lives."""

    told: int
    ends: events.Event | None = None
    alive: bool = False
    phase: events.Phase | None = None


def moments() -> dict[str, Moment]:
    """Every phase, with an engine that lives and one that is gone."""
    loading = next(number for number, line in enumerate(RECORDED) if b'"phase":"loading"' in line) + 1
    half = STEPS[25] + 1
    found: dict[str, Moment] = {}
    for alive in (True, False):
        word = "alive" if alive else "gone"
        found |= {
            f"starting, {word}": Moment(0, None, alive),
            f"loading, {word}": Moment(loading, None, alive),
            f"tokenising, {word}": Moment(loading, None, alive, "tokenising"),
            f"training, {word}": Moment(half, None, alive),
            f"evaluating, {word}": Moment(half, None, alive, "evaluating"),
            f"checkpointing, {word}": Moment(half, None, alive, "saving"),
        }
    return found | {
        "paused": Moment(half, events.Finished(outcome="paused")),
        "stopped": Moment(half, events.Finished(outcome="stopped", result="adapter")),
        "failed": Moment(half, events.Failed(code="error", text="it failed")),
        "chatting": Moment(len(RECORDED), None, True),
        "finished": Moment(len(RECORDED)),
    }


def write_checkpoint(folder: RunFolder, step: int) -> Path:
    """A checkpoint as small as one that can be gone on from gets."""
    place = folder.checkpoints / f"checkpoint-{step}"
    place.mkdir(parents=True)
    (place / "trainer_state.json").write_text(json.dumps({"global_step": step}))
    header = json.dumps({"w": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}}).encode()
    (place / "adapter_model.safetensors").write_bytes(struct.pack("<Q", len(header)) + header + bytes(24))
    for name in ("optimizer.pt", "scheduler.pt", "rng_state.pth"):
        with zipfile.ZipFile(place / name, "w") as packed:
            packed.writestr("data.pkl", b"x")
    return place


def make(home: Path, moment: Moment, holder: str) -> RunFolder:
    """A run folder in one phase; `holder` is what the lock of a living engine says."""
    folder = RunFolder(home / "runs" / "2026-11-23-1736-demo")
    shutil.rmtree(folder.path, ignore_errors=True)
    folder.path.mkdir(parents=True)
    session = file.replace_values(file.load(SAMPLES / "shell.toml"), {"model.name": "owner/model"})
    folder.session.write_text(file.dumps(session))
    folder.events.write_bytes(b"".join(RECORDED[: moment.told]))
    if moment.phase:
        append_line(folder.events, events.to_line(events.PhaseChanged(phase=moment.phase)))
    if moment.ends:
        append_line(folder.events, events.to_line(moment.ends))
    append_line(folder.commands, commands.to_line(commands.Checkpoint()))
    append_line(folder.commands, commands.to_line(commands.Cancel(id="x")))
    folder.lock.write_text(holder if moment.alive else '{"pid": 1, "started": 1.0, "host": "elsewhere"}')
    os.utime(folder.lock, None if moment.alive else (1, 1))
    folder.log.write_text("loading\ntraining\n")
    folder.provenance.write_text(json.dumps({"packages": {"torch": "1"}}))
    if moment.told > STEPS[25]:
        for step in CHECKPOINTS:
            write_checkpoint(folder, step)
    return folder


# ---- what can happen


def _cut(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: len(content) * 2 // 3])


def _zeros(path: Path) -> None:
    """What a power cut leaves at the end of a file on many file systems."""
    content = path.read_bytes()
    path.write_bytes(content[: len(content) * 2 // 3] + bytes(len(content) // 3))


def _garbled(path: Path) -> None:
    content = bytearray(path.read_bytes())
    chance = random.Random(7)
    for _ in range(max(1, len(content) // 200)):
        content[chance.randrange(len(content))] = chance.randrange(256)
    path.write_bytes(bytes(content))


def _line_lost(path: Path) -> None:
    """A block of the disk in the middle reads as noise."""
    content = path.read_bytes()
    half = len(content) // 2
    path.write_bytes(content[:half] + random.Random(3).randbytes(200) + content[half + 200 :])


def _empty(path: Path) -> None:
    path.write_bytes(b"")


def _folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def _loop(path: Path) -> None:
    path.unlink()
    path.symlink_to(path)


def _long(path: Path) -> None:
    with path.open("ab") as stream:
        stream.write(b"x" * 3_000_000 + b"\n")


def _half_line(path: Path) -> None:
    with path.open("ab") as stream:
        stream.write(b'{"time": 1.0, "kind": "st')


Damage = Callable[[Path], None]
DAMAGES: dict[str, Damage] = {
    "cut off": _cut,
    "ends in zeros": _zeros,
    "garbled": _garbled,
    "a block is noise": _line_lost,
    "empty": _empty,
    "missing": Path.unlink,
    "a folder in its place": _folder,
    "a link to itself": _loop,
    "a line of 3 MB": _long,
    "half a line at its end": _half_line,
}
FILES = ("events.jsonl", "commands.jsonl", "session.toml", "engine.lock", "engine.log", "provenance.json")
PARTS = ("trainer_state.json", "adapter_model.safetensors", "optimizer.pt")
"""Of the last checkpoint."""
