"""Trains: the trainer of a session, from its making to the state that is kept."""

from __future__ import annotations

import unsloth  # noqa: F401  # isort: skip  (must come before transformers and trl)

import shutil
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from transformers import EarlyStoppingCallback, TrainerState
from trl import SFTConfig, SFTTrainer
from unsloth import UnslothTrainer, UnslothTrainingArguments

from tui.engine.arguments import training_arguments
from tui.engine.checkpointing import Checkpointing
from tui.engine.checkpoints import STATE, Checkpoint, checkpoints_of
from tui.engine.control import Control
from tui.engine.counting import TokenCount
from tui.engine.custom_loss import load_custom_loss
from tui.engine.dataset import Tokenised
from tui.engine.emit import Emit
from tui.engine.guards import Guards
from tui.engine.loading import Loaded
from tui.engine.ranks import RankMeter
from tui.engine.measuring import Measuring
from tui.engine.reporter import Clock, Reporter, StopNow
from tui.engine.resuming import Start
from tui.engine.sampling import Sampler
from tui.engine.steering import Steering
from tui.engine.together import Together
from tui.run.events import Outcome, PhaseChanged, Planned
from tui.run.folder import RunFolder
from tui.session.fields import arguments
from tui.session.schema import Session

COLUMNS = ["input_ids", "labels"]
"""What the trainer gets of a row."""


def make_trainer(folder: RunFolder, session: Session, loaded: Loaded, train: Tokenised, held_out: Tokenised | None) -> Any:
    """The trainer of a session, on rows that are tokens already. Raises SessionError."""
    config = make_config(folder, session)
    if config.device.type == "cpu":  # of several processes accelerate makes cpu:0 and cpu:1, to which torch loads nothing
        config.__dict__["_setup_devices"] = torch.device("cpu")
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


def train(
    trainer: Any,
    folder: RunFolder,
    session: Session,
    loaded: Loaded,
    plan: Planned,
    start: Start,
    control: Control,
    emit: Emit,
    together: Together,
) -> None:
    """Train until the steps are done, nothing gets better, or somebody asks to stop. Raises what the trainer raises."""
    clock = Clock()
    checkpoints = Checkpointing(trainer, folder, emit, together)
    steering = Steering(trainer, session, plan, start, checkpoints, control, emit, together)
    guards = Guards(session)
    guards.remember(start.before.steps, start.before.evaluations)
    count = TokenCount(trainer)
    trainer.add_callback(steering)
    trainer.add_callback(count)
    trainer.add_callback(Reporter(clock, control, emit, guards, together, start.lowest, session.training.learns_likelihood))
    trainer.add_callback(Measuring(emit))
    if together.size > 1:
        trainer.add_callback(RankMeter(count, together, emit))
    if session.evaluation.sample_prompts:
        steering.sampler = Sampler(session, loaded, clock, control, emit, together)
        trainer.add_callback(steering.sampler)
    if start.checkpoint and start.step >= plan.steps:
        _only_load(trainer, start.checkpoint, plan)
        return
    try:
        trainer.train(resume_from_checkpoint=str(start.checkpoint.path) if start.checkpoint else None)
        while steering.another_round:
            trainer.train(resume_from_checkpoint=str(checkpoints.final(trainer.state.global_step)))
        if trainer.eval_dataset is not None and not control.leaving and trainer.args.eval_strategy == "no":
            emit(PhaseChanged(phase="evaluating", text="the held-out examples"))
            trainer.evaluate()
    except StopNow:
        steering.keep_what_can_be_gone_on_from()
        if trainer.args.load_best_model_at_end and trainer.state.best_model_checkpoint is not None and not control.paused:
            trainer._load_best_model()  # it would have done so at the end
    if control.paused:
        steering.keep_what_can_be_gone_on_from()


def load_last_good(trainer: Any, folder: RunFolder, together: Together) -> int | None:
    """Go back to the newest checkpoint whose weights are numbers; its update, or None without one. Later ones go."""
    step: int | None = together.agree(_last_good(folder) if together.leads else None)
    if step is not None:
        trainer._load_from_checkpoint(str(folder.checkpoints / f"checkpoint-{step}"))
    return step


def _last_good(folder: RunFolder) -> int | None:
    for checkpoint in checkpoints_of(folder):
        if all(_finite(path) for path in checkpoint.path.glob("*.safetensors")):
            return checkpoint.step
        shutil.rmtree(checkpoint.path, ignore_errors=True)  # a resumed run must not begin with it
    return None


def _finite(path: Path) -> bool:
    return all(bool(weight.isfinite().all()) for weight in load_file(path).values())


def _only_load(trainer: Any, checkpoint: Checkpoint, plan: Planned) -> None:
    """Nothing is left to learn: the engine that did it was ended before it could save the result."""
    trainer._load_from_checkpoint(str(checkpoint.path))
    trainer.state = TrainerState.load_from_json(str(checkpoint.path / STATE))
    trainer.state.max_steps = plan.steps


def outcome_of(trainer: Any, control: Control) -> Outcome:
    """How the training ended."""
    if control.stop and control.stop.discard:
        return "discarded"
    if control.paused and not control.stop:
        return "paused"
    if trainer.state.global_step >= trainer.state.max_steps:
        return "completed"
    return "stopped" if control.stop else "early-stopped"
