"""Changes the learning rate and the length of a schedule that is under way."""

from __future__ import annotations

from typing import Any


def go_on_with(trainer: Any, rate: float) -> None:
    """Let the schedule go on from where it is as if its highest rate were this one.

    Groups of weights with a rate of their own keep their share of it.
    """
    schedule, groups = trainer.lr_scheduler, trainer.optimizer.param_groups
    peaks = getattr(schedule, "base_lrs", None)
    factor = rate / (peaks[0] if peaks else trainer.args.learning_rate)
    if peaks:
        schedule.base_lrs = [peak * factor for peak in peaks]
    for group in groups:
        group["lr"] *= factor
        if "initial_lr" in group:
            group["initial_lr"] *= factor
    _follow(schedule, groups)


def set_length(trainer: Any, steps: int) -> None:
    """Let the schedule end after so many updates; it is where it would be had it been so long from the start."""
    before, groups = trainer.lr_scheduler, trainer.optimizer.param_groups
    if not hasattr(before, "lr_lambdas"):
        return  # goes by the loss, not by the number of updates
    trainer.lr_scheduler = None
    trainer.create_scheduler(steps)
    trainer.lr_scheduler.load_state_dict(before.state_dict())
    for group, peak in zip(groups, trainer.lr_scheduler.base_lrs, strict=True):
        group["initial_lr"] = peak
    _follow(trainer.lr_scheduler, groups)
    trainer.callback_handler.lr_scheduler = trainer.lr_scheduler


def _follow(schedule: Any, groups: Any) -> None:
    """Give each group the rate that the schedule has for it now; a checkpoint brings the one it was written with."""
    if not hasattr(schedule, "lr_lambdas"):
        return
    for group, peak, share in zip(groups, schedule.base_lrs, schedule.lr_lambdas, strict=True):
        group["lr"] = peak * share(schedule.last_epoch)
    schedule._last_lr = [group["lr"] for group in groups]  # what the trainer tells of an update
