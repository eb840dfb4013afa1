"""Writes checkpoints so that each is complete or absent: aside, brought to disk, renamed; and only where they fit."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from tui import words
from tui.engine.checkpoints import STATE, WRITING, remove_older
from tui.engine.emit import Emit
from tui.engine.failures import is_disk_full, is_read_only
from tui.engine.placing import bring_to_disk, put_in_place
from tui.engine.together import Together
from tui.machine import host
from tui.run.events import Warned
from tui.run.folder import RunFolder

SPARE_BYTES = 1_000_000_000
"""What must be left on the disk beside a checkpoint."""
SMALL_BYTES = 20_000_000
"""Tokenizer, random numbers and the state of the trainer, about."""


class Checkpointing:
    """Takes the place of the trainer's own way to write a checkpoint."""

    def __init__(self, trainer: Any, folder: RunFolder, emit: Emit, together: Together) -> None:
        self.trainer, self.folder, self.emit, self.together = trainer, folder, emit, together
        self.last_bytes = 0
        self._warned = False
        self._write = trainer._save_checkpoint
        trainer._save_checkpoint = self.save

    def save(self, model: Any, trial: Any = None) -> None:
        """Write a checkpoint of this moment. Where the disk has no room there is a warning instead."""
        best = self.trainer.state.best_model_checkpoint
        try:
            if not self._save(model, trial):
                return
        except Exception as error:
            self.trainer.state.best_model_checkpoint = best
            if not is_disk_full(error) and not is_read_only(error):
                raise
            sealed = is_read_only(error) or host.is_read_only(self.folder.path)  # torch tells both in the same words
            self._warn("the disk of the run became read-only" if sealed else "the disk is full")
            return
        self._warned = False
        if self.together.leads:
            with suppress(OSError):  # then there is one too many until the next one
                remove_older(self.folder, self.trainer.args.save_total_limit, self.trainer.state.best_model_checkpoint)

    def _save(self, model: Any, trial: Any) -> bool:
        """Whether there was room; raises what a disk raises that gets full meanwhile."""
        step, best = self.trainer.state.global_step, self.trainer.state.best_model_checkpoint
        scratch = self.folder.checkpoints / WRITING
        made = scratch / f"checkpoint-{step}"
        if lacking := self.together.agree(self._make_room(scratch) if self.together.leads else ""):
            self._warn(lacking)
            return False
        self.trainer._get_output_dir = lambda trial: str(scratch)
        try:
            best_step, self.trainer.state.best_global_step = self.trainer.state.best_global_step, None
            try:  # with one the trainer would wait for all processes, and one may have found no room
                self._in_all(lambda: self._write(model, trial))
            finally:
                self.trainer.state.best_global_step = best_step
            self._in_all(lambda: self._finish(best, made, step) if self.together.leads else None)
        finally:
            del self.trainer._get_output_dir
            if self.together.leads:
                shutil.rmtree(scratch, ignore_errors=True)
        self.trainer.state.best_model_checkpoint = self.together.agree(self.trainer.state.best_model_checkpoint)
        return True

    def _make_room(self, scratch: Path) -> str:
        """Make an empty place to write to; why there can be none, or nothing."""
        self.folder.checkpoints.mkdir(exist_ok=True)
        needed, free = self.needed_bytes(), host.free_disk_bytes(self.folder.checkpoints)
        if free < needed + SPARE_BYTES:
            takes, spare = words.size(needed), words.size(SPARE_BYTES)
            return f"{words.size(free)} are free; a checkpoint takes {takes}, and {spare} must be left"
        shutil.rmtree(scratch, ignore_errors=True)
        return ""

    def _finish(self, best: str | None, made: Path, step: int) -> None:
        self._name_best(best, made)
        bring_to_disk(made)
        put_in_place(made, self.final(step))
        self.last_bytes = host.folder_bytes(self.final(step))

    def _in_all(self, do: Callable[[], None]) -> None:
        """Let every process do its part, and fail in all where it fails in one. Raises what a disk raises."""
        error: Exception | None = None
        try:
            do()
        except Exception as raised:
            error = raised
        told = self.together.gather([type(error).__name__, str(error), getattr(error, "errno", None)] if error else None)
        if error:
            raise error
        for kind, text, number in filter(None, told):
            raise OSError(number, text) if number else RuntimeError(f"another process: {kind}: {text}")

    def has(self, step: int) -> bool:
        """Whether the checkpoint of an update is there and whole."""
        return bool(self.together.agree(self.final(step).is_dir() if self.together.leads else None))

    def final(self, step: int) -> Path:
        """Where the checkpoint of an update lies once it is whole."""
        return self.folder.checkpoints / f"checkpoint-{step}"

    def needed_bytes(self) -> int:
        """What a checkpoint takes: as much as the one before, or the trained weights and two numbers on each."""
        if self.last_bytes:
            return self.last_bytes
        state = 2 if "8bit" in str(self.trainer.args.optim) else 8
        trained = [it for it in self.trainer.model.parameters() if it.requires_grad]
        return SMALL_BYTES + int(sum(it.numel() * (it.element_size() + state) for it in trained))

    def _name_best(self, before: str | None, made: Path) -> None:
        """Write the best checkpoint's later name into the state, where the trainer knows only where it was written."""
        state = self.trainer.state
        best = self.final(state.best_global_step or 0)
        state.best_model_checkpoint = str(best) if best.name == made.name or best.is_dir() else before
        state.save_to_json(str(made / STATE))

    def _warn(self, why: str) -> None:
        if self._warned:  # until one is written again
            return
        self._warned = True
        step = self.trainer.state.global_step
        text = f"no checkpoint of update {step} was written: {why}"
        advice = "free some space, or keep fewer checkpoints"
        self.emit(Warned(code="disk", text=text, advice=advice, mend={"training.save_total_limit": 1}, step=step))
