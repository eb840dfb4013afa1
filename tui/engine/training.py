"""Trains: the trainer of a session, from its making to the state that is kept."""

from __future__ import annotations

import unsloth  # noqa: F401  # isort: skip  (must come before transformers and trl)

from typing import Any

import torch
from transformers import EarlyStoppingCallback
from trl import SFTConfig, SFTTrainer
from unsloth import UnslothTrainer, UnslothTrainingArguments

from tui.engine.arguments import training_arguments
from tui.engine.control import Control
from tui.engine.custom_loss import load_custom_loss
from tui.engine.dataset import Tokenised
from tui.engine.emit import Emit
from tui.engine.loading import Loaded
from tui.engine.reporter import Clock, Reporter, StopNow
from tui.engine.sampling import Sampler
from tui.run import events
from tui.run.folder import RunFolder
from tui.session.fields import arguments
from tui.session.schema import Session

COLUMNS = ["input_ids", "labels"]
"""What the trainer gets of a row."""


def make_trainer(folder: RunFolder, session: Session, loaded: Loaded, train: Tokenised, held_out: Tokenised | None) -> Any:
    """The trainer of a session, on rows that are tokens already. Raises SessionError."""
    config = make_config(folder, session)
    kind = UnslothTrainer if isinstance(config, UnslothTrainingArguments) else SFTTrainer
    trainer = kind(
        model=loaded.model,
        processing_class=loaded.tokenizer,
        train_dataset=train.rows.select_columns(COLUMNS),
        eval_dataset=held_out.rows.select_columns(COLUMNS) if held_out else None,
        args=config,
        compute_loss_func=load_custom_loss(session.training.custom_loss) if session.training.custom_loss else None,
    )
    if held_out is not None and session.evaluation.early_stopping_patience is not None:
        trainer.add_callback(EarlyStoppingCallback(**arguments(session, "EarlyStoppingCallback")))
    return trainer


def make_config(folder: RunFolder, session: Session) -> Any:
    """The arguments of the trainer: Unsloth's own kind where embeddings get a rate of their own."""
    chosen = training_arguments(folder, session)
    if not torch.cuda.is_available():
        # nothing is left to prepare, and TRL would go through all rows twice; Unsloth's GPU trainer knows tokens and labels,
        # and would not see without its preparation that it can do without padding
        chosen["dataset_kwargs"] = {"skip_prepare_dataset": True}
    special = arguments(session, "UnslothTrainingArguments")
    if not special:
        return SFTConfig(**chosen)
    return UnslothTrainingArguments(
        **{"padding_free": None} | chosen | special
    )  # None: Unsloth decides, as in its SFTConfig


def train(trainer: Any, session: Session, loaded: Loaded, control: Control, emit: Emit) -> None:
    """Train until the steps are done, nothing gets better, or somebody asks to stop. Raises what the trainer raises."""
    clock = Clock()
    trainer.add_callback(Reporter(clock, control, emit))
    if session.evaluation.sample_prompts:
        trainer.add_callback(Sampler(session, loaded, clock, control, emit))
    try:
        trainer.train()
        if trainer.eval_dataset is not None and not control.stop and trainer.args.eval_strategy == "no":
            emit(events.PhaseChanged(phase="evaluating", text="the held-out examples"))
            trainer.evaluate()
    except StopNow:
        if trainer.args.load_best_model_at_end and trainer.state.best_model_checkpoint is not None:
            trainer._load_best_model()  # it would have done so at the end


def outcome_of(trainer: Any, control: Control) -> events.Outcome:
    """How the training ended."""
    if control.stop and control.stop.discard:
        return "discarded"
    if trainer.state.global_step >= trainer.state.max_steps:
        return "completed"
    return "stopped" if control.stop else "early-stopped"
