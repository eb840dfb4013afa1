"""Does at each update what was asked for meanwhile: checkpoints, measurements, answers, other settings, a pause."""

from __future__ import annotations

import unsloth  # noqa: F401  # isort: skip  (must come before transformers and trl)

from dataclasses import replace
from typing import Any

import torch
from transformers import TrainerCallback
from transformers.trainer_utils import IntervalStrategy, SaveStrategy

from tui.engine.checkpointing import Checkpointing
from tui.engine.control import Control, Order
from tui.engine.emit import Emit
from tui.engine.reporter import StopNow
from tui.engine.resuming import Start
from tui.engine.sampling import Sampler
from tui.engine.schedule import go_on_with, set_length
from tui.engine.together import Together, hear
from tui.run import commands
from tui.run.changeable import CHANGEABLE
from tui.run.events import Changed, Planned, Warned
from tui.session.file import SessionError, replace_values
from tui.session.schema import Session


class Steering(TrainerCallback):  # type: ignore[misc]
    """Obeys orders at the end of an update; it comes before whatever else looks at that update."""

    def __init__(
        self,
        trainer: Any,
        session: Session,
        plan: Planned,
        start: Start,
        checkpoints: Checkpointing,
        control: Control,
        emit: Emit,
        together: Together,
    ) -> None:
        self.trainer, self.session, self.plan = trainer, session, plan
        self.checkpoints, self.control, self.emit, self.together = checkpoints, control, emit, together
        self.heard: list[Order] = []
        """What was asked for in the middle of a measurement."""
        self.chance = torch.get_rng_state()
        """The random numbers before a measurement: one that is broken off, and done anew later, must not draw twice."""
        self.sampler: Sampler | None = None
        self.begun = start
        self.steps_an_epoch = max(1, round(plan.steps / plan.epochs))

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        go_on_with(self.trainer, args.learning_rate)  # a checkpoint brings the rate with which it was written

    def on_step_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Measure now what a pause at this update has left out, before anything more is learned."""
        measured = {told.step for told in self.begun.before.evaluations}
        if state.global_step == self.begun.step > 0 and self._measures_at(args, state) and self.begun.step not in measured:
            self.chance = torch.get_rng_state()
            metrics = self.trainer._evaluate(None, None)
            self.trainer._determine_best_metric(metrics=metrics, trial=None)

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self.chance = torch.get_rng_state()
        heard, self.heard = [*self.heard, *hear(self.control, self.together)], []
        for order in heard:
            self._obey(order, args, state, control)
        if self.control.stop:
            control.should_training_stop = True
        if self.control.paused:
            control.should_save = True
            control.should_evaluate = False
        elif self._ends_here(state) and args.save_strategy != SaveStrategy.NO and not self._discards():
            control.should_save = True  # a finished run can go on from here
        if self._needs_another_round(state) and not self.control.stop:
            control.should_save = control.should_training_stop = True

    def on_prediction_step(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self.heard += hear(self.control, self.together)
        if self.control.leaving:
            torch.set_rng_state(self.chance)
            raise StopNow

    def on_epoch_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        if self.control.paused or self._discards():
            control.should_evaluate = control.should_save = False  # it has ended in the middle of one

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        if not self.control.paused:
            return
        if self.checkpoints.has(state.global_step):
            control.should_training_stop = True
        else:
            self.refuse_to_pause(state.global_step)

    @property
    def another_round(self) -> bool:
        """Whether the trainer ended, and left a checkpoint, only because it had been told to do more meanwhile."""
        state = self.trainer.state
        kept = self.checkpoints.has(state.global_step)
        return bool(kept and self._needs_another_round(state) and not self.control.leaving)

    def keep_what_can_be_gone_on_from(self) -> None:
        """Write the checkpoint of a training that was left between two updates, unless it is there or not wanted."""
        state, args = self.trainer.state, self.trainer.args
        wanted = self.control.paused or args.save_strategy != SaveStrategy.NO
        if self._discards() or not wanted or self.checkpoints.has(state.global_step):
            return
        self.checkpoints.save(self.trainer.model)
        self.trainer.callback_handler.on_save(args, state, self.trainer.control)
        if self.control.paused and not self.checkpoints.has(state.global_step):
            self.control.stop = commands.Stop()  # what was learned is saved as a result instead

    def refuse_to_pause(self, step: int) -> None:
        """Go on: without a checkpoint a pause would throw away what was learned."""
        self.control.paused = False
        text = "the run goes on: without a checkpoint a pause would throw away what was learned"
        self.emit(Warned(code="pause", text=text, advice="free some space and pause again", step=step))

    def _measures_at(self, args: Any, state: Any) -> bool:
        """Whether the trainer measures after the update that was done last."""
        if self.trainer.eval_dataset is None:
            return False
        if args.eval_strategy == IntervalStrategy.EPOCH:
            return float(state.epoch or 0.5).is_integer()
        return bool(args.eval_strategy == IntervalStrategy.STEPS and state.global_step % state.eval_steps == 0)

    def _discards(self) -> bool:
        return bool(self.control.stop and self.control.stop.discard)

    def _ends_here(self, state: Any) -> bool:
        return bool(self.control.stop) or state.global_step >= state.max_steps

    def _needs_another_round(self, state: Any) -> bool:
        """Whether the trainer, which counted its epochs when it began, would end here although there are updates left."""
        done: int = state.global_step
        return bool(state.num_train_epochs * self.steps_an_epoch <= done < state.max_steps)

    def _obey(self, order: commands.Command, args: Any, state: Any, control: Any) -> None:
        match order:
            case commands.Checkpoint():
                control.should_save = True
            case commands.Evaluate() if self.trainer.eval_dataset is None:
                self._warn("evaluate", "there is no held-out data to measure on", "choose some under Evaluation", state)
            case commands.Evaluate():
                control.should_evaluate = True
            case commands.Sample() if self.sampler and self.sampler.prompts:
                self.sampler.wanted = True
            case commands.Sample():
                self._warn("sample", "there are no prompts to ask", "write some under Evaluation, Sample prompts", state)
            case commands.Change():
                self._change(order, args, state, control)

    def _warn(self, code: str, text: str, advice: str, state: Any) -> None:
        self.emit(Warned(code=code, text=text, advice=advice, step=state.global_step))

    def _change(self, order: commands.Change, args: Any, state: Any, control: Any) -> None:
        values: dict[str, Any] = {}
        for key, value in order.values.items():
            wrong = self._why_not(key)
            if wrong:
                self._warn("change", f"{key} stays as it is: {wrong}", "start another run for that", state)
            else:
                values |= {key: value} | self._what_goes_with(key, args)
        try:
            self.session = replace_values(self.session, values)
        except SessionError as error:
            self._warn("change", f"nothing is changed: {error}", "", state)
            return
        if values:
            self._apply(values, args, state, control)
            self.emit(Changed(step=state.global_step, values=values))

    def _why_not(self, key: str) -> str:
        if key not in CHANGEABLE:
            return "it cannot change while it trains"
        if key == "evaluation.eval_steps" and self.trainer.eval_dataset is None:
            return "there is no held-out data to measure on"
        if key == "evaluation.sample_steps" and self.sampler is None:
            return "there are no prompts to ask"
        return ""

    def _what_goes_with(self, key: str, args: Any) -> dict[str, Any]:
        """What must change too, so that a number of updates means something."""
        if key == "training.save_steps" and args.save_strategy != SaveStrategy.STEPS:
            return {"training.save_strategy": "steps"}
        if key == "evaluation.eval_steps" and args.eval_strategy != IntervalStrategy.STEPS:
            return {"evaluation.eval_strategy": "steps"}
        return {}

    def _apply(self, values: dict[str, Any], args: Any, state: Any, control: Any) -> None:
        for key, value in values.items():
            name = key.partition(".")[2]
            match key:
                case "training.learning_rate":
                    go_on_with(self.trainer, value)
                    args.learning_rate = value
                case "training.max_steps":
                    args.max_steps = state.max_steps = value
                    set_length(self.trainer, args.max_steps)
                    # whether it ends here was decided a moment ago
                    control.should_training_stop = state.global_step >= state.max_steps
                    epochs = args.max_steps / self.steps_an_epoch
                    self.plan = replace(self.plan, steps=args.max_steps, epochs=epochs, time=Changed(values={}).time)
                    self.emit(self.plan)
                case "evaluation.sample_steps":
                    assert self.sampler is not None
                    self.sampler.every = value
                case "training.save_strategy":
                    args.save_strategy = SaveStrategy.STEPS
                case "evaluation.eval_strategy":
                    args.eval_strategy = IntervalStrategy.STEPS
                case _:
                    setattr(args, name, value)
                    setattr(state, name, value)
