"""Trains: the dataset, the trainer, and what it says after every update."""

from __future__ import annotations

import unsloth  # noqa: F401  # isort: skip  (must come before transformers and trl)

import math
import time
from pathlib import Path
from typing import Any

import torch
from transformers import TrainerCallback
from trl import SFTConfig, SFTTrainer
from unsloth.chat_templates import train_on_responses_only

from tui.data.sources import DataError
from tui.engine.control import Control
from tui.engine.dataset import Texts
from tui.engine.emit import Emit
from tui.engine.loading import Loaded, peak_resident_bytes
from tui.run import events
from tui.run.folder import RunFolder
from tui.session.fields import arguments
from tui.session.schema import Session


class StopNow(Exception):
    """Somebody asked to stop while the held-out examples were being evaluated."""


def make_trainer(folder: RunFolder, session: Session, loaded: Loaded, train: Texts, held_out: Texts | None) -> Any:
    """The trainer of a session. Raises DataError when nothing in the data would be learned."""
    trainer = SFTTrainer(
        model=loaded.model,
        processing_class=loaded.tokenizer,
        train_dataset=train.rows,
        eval_dataset=held_out.rows if held_out else None,
        args=SFTConfig(**training_arguments(folder, session)),
    )
    if session.data.train_on_responses_only and train.conversations:
        trainer = _mask_questions(trainer)
    if len(trainer.train_dataset) == 0:
        raise DataError("after masking the questions nothing is left to learn: no answer was found in any example")
    return trainer


def training_arguments(folder: RunFolder, session: Session) -> dict[str, Any]:
    """What SFTConfig gets: the session's own values, and what an engine needs to say something at every update."""
    evaluates = session.evaluation.source and session.evaluation.eval_steps
    return arguments(session, "SFTConfig") | {
        "output_dir": str(folder.checkpoints),
        "dataset_text_field": "text",
        "max_length": session.model.max_seq_length,
        "logging_steps": 1,
        "logging_nan_inf_filter": False,  # else a loss that is not a number is shown as the one before
        "eval_strategy": "steps" if evaluates else "no",
        "disable_tqdm": True,
        "include_num_input_tokens_seen": "non_padding",
    }


def train(trainer: Any, control: Control, emit: Emit) -> None:
    """Train until the steps are done or somebody asks to stop. Raises what the trainer raises."""
    trainer.add_callback(Reporter(trainer, control, emit))
    try:
        trainer.train()
        if trainer.eval_dataset is not None and not control.stop and trainer.args.eval_strategy == "no":
            emit(events.PhaseChanged(phase="evaluating", text="the held-out examples"))
            trainer.evaluate()
    except StopNow:
        pass


def _mask_questions(trainer: Any) -> Any:
    try:
        return train_on_responses_only(trainer)
    except (ValueError, ZeroDivisionError) as error:
        raise DataError(f"the answers cannot be told from the questions in this chat template: {error}") from error


class Reporter(TrainerCallback):  # type: ignore[misc]
    """Says what the trainer does, and hands it the wish to stop."""

    def __init__(self, trainer: Any, control: Control, emit: Emit) -> None:
        self.trainer, self.control, self.emit = trainer, control, emit
        self.mark = time.monotonic()
        self.tokens = 0
        self.lowest = math.inf

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self.mark = time.monotonic()

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        if self.control.stop:
            control.should_training_stop = True

    def on_prediction_step(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        if self.control.stop:
            raise StopNow

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any], **_: Any) -> None:
        if "loss" in logs:
            self.emit(self._step(state, logs))

    def on_evaluate(self, args: Any, state: Any, control: Any, metrics: dict[str, float], **_: Any) -> None:
        loss = metrics["eval_loss"]
        best = loss < self.lowest
        self.lowest = loss if best else self.lowest  # min() would keep a loss that is not a number
        perplexity = math.exp(min(loss, 700))
        self.emit(events.Evaluated(step=state.global_step, loss=loss, perplexity=perplexity, best=best))
        self.mark = time.monotonic()

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        path = Path(args.output_dir) / f"checkpoint-{state.global_step}"
        size = sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
        self.emit(events.Checkpointed(step=state.global_step, path=str(path), bytes=size))
        self.mark = time.monotonic()

    def _step(self, state: Any, logs: dict[str, Any]) -> events.StepDone:
        now = time.monotonic()
        seconds, self.mark = now - self.mark, now
        tokens = int(logs.get("num_input_tokens_seen", 0))
        fresh, self.tokens = tokens - self.tokens, tokens
        return events.StepDone(
            step=state.global_step,
            epoch=float(logs.get("epoch", 0.0)),
            loss=float(logs["loss"]),
            learning_rate=float(logs.get("learning_rate", 0.0)),
            grad_norm=float(logs["grad_norm"]) if "grad_norm" in logs else None,
            tokens=tokens,
            tokens_per_s=fresh / seconds if seconds > 0 else 0.0,
            seconds=seconds,
            peak_memory_bytes=torch.cuda.max_memory_reserved() if torch.cuda.is_available() else peak_resident_bytes(),
        )
