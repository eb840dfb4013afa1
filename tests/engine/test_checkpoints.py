"""A run goes on only from a checkpoint that is whole, and obeys only what was asked of it since."""

from __future__ import annotations

import errno
import json
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tui.engine.checkpointing import Checkpointing
from tui.engine.checkpoints import (
    ADAPTER_WRITING,
    EXPORT_WRITING,
    WRITING,
    Checkpoint,
    checkpoints_of,
    clear_leftovers,
    remove_older,
    what_is_wrong,
)  # fmt: skip
from tui.engine.resuming import begin, unobeyed
from tui.run import commands, events
from tui.run.folder import RunFolder, create_run
from tui.run.going_on import why_not
from tui.run.state import fold_all
from tui.session import file

TOLD = (
    events.PhaseChanged(phase="training"),
    events.StepDone(step=30, epoch=0.5, loss=2.0, learning_rate=1e-4, seconds=1),
    events.Evaluated(step=10, loss=2.5, perplexity=12.0, best=True),
    events.Evaluated(step=30, loss=1.5, perplexity=4.0, best=True),
)


@pytest.fixture
def folder() -> RunFolder:
    """A run that was killed after update 30 and has whole checkpoints of updates 10 and 20."""
    made = create_run(file.from_table({"model": {"name": "a/b"}, "data": {"source": "x.jsonl"}}))
    made.events.write_text("".join(map(events.to_line, TOLD)))
    for step in (10, 20):
        write_checkpoint(made.checkpoints / f"checkpoint-{step}", step)
    return made


def write_checkpoint(path: Path, step: int) -> None:
    path.mkdir(parents=True)
    (path / "trainer_state.json").write_text(json.dumps({"global_step": step}))
    header = json.dumps({"w": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}).encode()
    (path / "adapter_model.safetensors").write_bytes(struct.pack("<Q", len(header)) + header + b"\0" * 8)
    for name in ("optimizer.pt", "scheduler.pt", "rng_state.pth"):
        with zipfile.ZipFile(path / name, "w") as archive:
            archive.writestr("data", "x" * 100)


def _cut(name: str) -> Callable[[Path], None]:
    return lambda path: (path / name).write_bytes((path / name).read_bytes()[:-4]) and None


def _garble(weights: Path) -> None:
    """Make its header another piece of JSON of the same length."""
    found = weights.read_bytes()
    (length,) = struct.unpack("<Q", found[:8])
    weights.write_bytes(found[:8] + b"[]".ljust(length) + found[8 + length :])


DAMAGES: dict[str, Callable[[Path], None]] = {
    "trainer_state.json": _cut("trainer_state.json"),
    "adapter_model.safetensors": _cut("adapter_model.safetensors"),
    "adapter_model.safetensors is damaged": lambda path: _garble(path / "adapter_model.safetensors"),
    "optimizer.pt": _cut("optimizer.pt"),
    "scheduler.pt": lambda path: (path / "scheduler.pt").unlink(),
    "rng_state.pth": lambda path: (path / "rng_state.pth").write_bytes(b""),
    "no weights": lambda path: (path / "adapter_model.safetensors").unlink(),
    "update 7": lambda path: (path / "trainer_state.json").write_text('{"global_step": 7}'),
}


@pytest.mark.parametrize("named", DAMAGES)
def test_a_damaged_checkpoint_is_left_out_and_the_one_before_is_taken(folder: RunFolder, named: str) -> None:
    newest = checkpoints_of(folder)[0]
    assert what_is_wrong(newest) == ""
    DAMAGES[named](newest.path)
    assert named in what_is_wrong(newest)
    told: list[events.Event] = []
    _, start = begin(folder, commands.Resume(), told.append)
    assert start.checkpoint == Checkpoint(10, folder.checkpoints / "checkpoint-10")
    resumed, warned = told
    assert isinstance(resumed, events.Resumed) and resumed.step == 10
    assert isinstance(warned, events.Warned) and "checkpoint-20 is damaged" in warned.text


def test_a_resumed_run_remembers_the_best_it_had_reached_by_then(folder: RunFolder) -> None:
    _, start = begin(folder, commands.Resume(), lambda event: None)
    assert (start.step, start.lowest, start.retries) == (20, 2.5, 0)


def test_settings_that_changed_stay_changed_and_new_ones_come_on_top(folder: RunFolder) -> None:
    changed = events.Changed(values={"training.learning_rate": 1e-5, "training.save_strategy": "steps"})
    folder.events.write_text("".join(map(events.to_line, (*TOLD, changed))))
    told: list[events.Event] = []
    wanted: dict[str, int | float] = {"training.max_steps": 99, "lora.r": 4, "training.gradient_accumulation_steps": 8}
    session, _ = begin(folder, commands.Resume(values=wanted), told.append)
    assert (session.training.learning_rate, session.training.save_strategy) == (1e-5, "steps")
    assert (session.training.max_steps, session.lora.r) == (99, 16)
    refused, made, warned = told[1:]
    assert isinstance(refused, events.Warned) and "lora.r cannot change" in refused.text
    assert isinstance(made, events.Changed) and "lora.r" not in made.values
    assert isinstance(warned, events.Warned) and "16 examples instead of 8" in warned.text


def test_a_run_that_never_began_begins_and_says_nothing_of_resuming(folder: RunFolder) -> None:
    folder.events.unlink()
    told: list[events.Event] = []
    _, start = begin(folder, commands.Resume(), told.append)
    assert (start.resumed, start.step, told) == (False, 0, [])


def test_a_run_without_checkpoints_goes_back_to_its_beginning(folder: RunFolder) -> None:
    for checkpoint in checkpoints_of(folder):
        (checkpoint.path / "optimizer.pt").unlink()
    told: list[events.Event] = []
    _, start = begin(folder, commands.Resume(), told.append)
    assert (start.resumed, start.step) == (True, 0)
    assert [(it.step, it.path) for it in told if isinstance(it, events.Resumed)] == [(0, "")]


def test_what_was_asked_of_an_earlier_engine_is_not_obeyed_again() -> None:
    resume = commands.Resume(values={"training.max_steps": 9})
    stop, save = commands.Stop(), commands.Checkpoint()
    assert unobeyed([stop, commands.Resume(), stop, resume, save]) == (resume, [save])
    assert unobeyed([stop])[1] == [stop]


def test_what_a_killed_engine_was_writing_goes_and_what_it_was_replacing_comes_back(folder: RunFolder) -> None:
    before = sorted(folder.path.rglob("*"))
    unfinished = (folder.checkpoints / WRITING / "checkpoint-30", folder.path / ADAPTER_WRITING)
    for path in (*unfinished, folder.exports / f"{EXPORT_WRITING}gguf"):
        path.mkdir(parents=True)
    (folder.checkpoints / "checkpoint-20").rename(folder.checkpoints / ".old-checkpoint-20")
    clear_leftovers(folder)
    assert sorted(folder.path.rglob("*")) == sorted([*before, folder.exports])


@pytest.mark.parametrize(
    ("last", "steps", "why"),
    [
        (events.Finished(outcome="paused"), None, ""),
        (events.Finished(outcome="stopped"), None, ""),
        (events.Failed(code="killed", text="gone"), None, ""),
        (events.Failed(code="killed", text="gone"), 30, "has done 30 updates already"),
        (events.Finished(outcome="discarded"), None, "thrown away"),
        (events.Finished(outcome="completed"), None, "give it more with --steps"),
        (events.Finished(outcome="completed"), 30, "give it more with --steps"),
        (events.Finished(outcome="completed"), 31, ""),
        (events.Finished(outcome="early-stopped"), None, "ended early, after 30 updates, as nothing got better any more"),
        (events.Finished(outcome="early-stopped"), 30, "to train on all the same, give it more with --steps"),
        (events.Finished(outcome="early-stopped"), 60, ""),
    ],
)
def test_what_cannot_go_on_is_refused_with_the_reason(
    folder: RunFolder, last: events.Event, steps: int | None, why: str
) -> None:
    folder.events.write_text("".join(map(events.to_line, (*TOLD, last))))
    assert why in why_not(folder, steps) and bool(why) == bool(why_not(folder, steps))


def test_a_finished_run_that_kept_nothing_cannot_be_extended(folder: RunFolder) -> None:
    told = (*TOLD, events.Finished(outcome="completed"))
    folder.events.write_text("".join(map(events.to_line, told)))
    folder.checkpoints.rename(folder.path / "elsewhere")
    assert "kept no checkpoint" in why_not(folder, 99)


def test_a_run_that_goes_on_loads_before_it_trains_again() -> None:
    begun = (*TOLD, events.Finished(outcome="paused"), events.Resumed(step=20, path="x"))
    assert fold_all([*begun, events.PhaseChanged(phase="importing")]).status == "loading"
    assert fold_all([*begun, events.PhaseChanged(phase="training")]).status == "training"


@pytest.mark.parametrize(
    ("limit", "best", "kept"),
    [(2, None, [40, 30]), (2, 10, [40, 10]), (1, 20, [40, 20]), (3, 40, [40, 30, 20]), (9, None, [40, 30, 20, 10])],
)
def test_the_newest_and_the_best_are_kept(folder: RunFolder, limit: int, best: int | None, kept: list[int]) -> None:
    for step in (30, 40):
        write_checkpoint(folder.checkpoints / f"checkpoint-{step}", step)
    remove_older(folder, limit, str(folder.checkpoints / f"checkpoint-{best}") if best else None)
    assert [checkpoint.step for checkpoint in checkpoints_of(folder)] == kept
    assert len(list(folder.checkpoints.iterdir())) == len(kept)


class OneOfTwo:
    """The leading process beside another one, which says that its disk is full whenever both are asked."""

    leads = True

    def agree(self, value: Any) -> Any:
        return value

    def gather(self, value: Any) -> list[Any]:
        return [value, ["OSError", "No space left on device", errno.ENOSPC]]


def test_what_another_process_cannot_write_costs_all_of_them_the_checkpoint(folder: RunFolder) -> None:
    """The one that could write would otherwise keep half a checkpoint, which a run would go on from."""
    state = SimpleNamespace(global_step=30, best_model_checkpoint=None, best_global_step=None)
    trainer = SimpleNamespace(
        state=state,
        args=SimpleNamespace(optim="adamw", save_total_limit=2),
        model=SimpleNamespace(parameters=list),
        _save_checkpoint=lambda model, trial: (folder.checkpoints / WRITING / "checkpoint-30").mkdir(parents=True),
    )
    told: list[events.Event] = []
    Checkpointing(trainer, folder, told.append, OneOfTwo()).save(None)  # type: ignore[arg-type]
    (warned,) = told
    assert isinstance(warned, events.Warned) and "no checkpoint of update 30 was written: the disk is full" in warned.text
    assert [it.step for it in checkpoints_of(folder)] == [20, 10] and not (folder.checkpoints / WRITING).exists()
