"""Asks the model the same few prompts again and again while it trains."""

from __future__ import annotations

import unsloth  # noqa: F401  # isort: skip  (must come before transformers and trl)

import time
import traceback
from typing import Any

from transformers import TrainerCallback
from unsloth import FastLanguageModel

from tui.engine.chatting import answer_all
from tui.engine.control import Control
from tui.engine.emit import Emit
from tui.engine.loading import Loaded
from tui.engine.reporter import Clock
from tui.engine.together import Together
from tui.run.events import PhaseChanged, Sampled, Warned
from tui.session.schema import Session


class Sampler(TrainerCallback):  # type: ignore[misc]
    """Answers the sample prompts before the first update, every so many updates, and after the last."""

    def __init__(
        self, session: Session, loaded: Loaded, clock: Clock, control: Control, emit: Emit, together: Together
    ) -> None:
        self.together = together
        self.answers = together.leads or session.shares_weights
        """Whether this process has a part in answering; where weights are shared, all have, to the end."""
        self.is_cut_short = (lambda: control.leaving) if session.shares_weights else (lambda: control.is_to_leave)
        self.prompts = session.evaluation.sample_prompts
        self.every = session.evaluation.sample_steps
        self.limit = session.evaluation.compare_max_new_tokens
        self.loaded, self.clock, self.control, self.emit = loaded, clock, control, emit
        self.sampled_at = -1
        self.wanted = False
        """Whether somebody asked for answers now."""

    def on_step_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        due = state.global_step % self.every == 0 and state.global_step != self.sampled_at
        if due or self.wanted:  # what the last update taught has been told by now
            self._sample(state.global_step)

    def on_train_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        if state.global_step != self.sampled_at or args.load_best_model_at_end:
            self._sample(state.global_step)

    def _sample(self, step: int) -> None:
        if self.control.leaving or not self.prompts:
            return
        self.wanted = False
        self.clock.tick()
        self.control.pulse = None  # answers take as long as they take
        self.emit(PhaseChanged(phase="sampling", text="answering the sample prompts"))
        self.sampled_at = step
        wrong = ""
        try:
            if self.answers:
                self._answer(step)
        except Exception as error:  # an answer is not worth a run
            traceback.print_exception(error)
            wrong = str(error) or type(error).__name__
        finally:
            FastLanguageModel.for_training(self.loaded.model)
            self.emit(PhaseChanged(phase="training"))
            if wrong := self.together.agree(wrong):
                self.prompts = ()
                self.emit(Warned(code="sampling", text=f"the sample prompts are not asked any more: {wrong}"))
            self.clock.skip()
            self.control.pulse = time.monotonic()

    def _answer(self, step: int) -> None:
        turns = [[{"role": "user", "content": prompt}] for prompt in self.prompts]
        answers: dict[int, str] = {}
        for batch in answer_all(self.loaded, turns, "tuned", self.limit, self.is_cut_short):
            answers |= batch
        for at in sorted(answers):
            self.emit(Sampled(step=step, prompt=self.prompts[at], answer=answers[at]))
