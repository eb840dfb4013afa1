"""Measures settings: trains a few real updates of each on the session's own rows, and says what each came to."""

from __future__ import annotations

import unsloth  # noqa: F401  # isort: skip  (must come before transformers and trl)

import gc
import tempfile
import time
import traceback
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import pyarrow.compute as pc
import torch
from transformers import TrainerCallback

from tui.catalog.local import read_model
from tui.catalog.shape import ModelShape
from tui.engine import inspecting, loading, training
from tui.engine.counting import TokenCount
from tui.engine.dataset import Tokenised, read_split
from tui.engine.emit import Emit
from tui.engine.failures import explain, is_out_of_memory
from tui.engine.loading import Loaded
from tui.engine.processes import Cancelled
from tui.machine.memory import predict
from tui.run import events
from tui.run.commands import Fit
from tui.run.fit_events import Fitted, Trial
from tui.run.fit_search import Device, merged, search, speed
from tui.run.fit_space import Candidate, candidates
from tui.run.fits import keep
from tui.run.figures import flops_a_token
from tui.run.folder import RunFolder
from tui.session import file
from tui.session.schema import Session

QUIET: events.Values = {
    "training.train_sampling_strategy": "sequential", "training.save_strategy": "no", "training.logging_steps": 10_000,
    "training.report_to": "none", "evaluation.eval_strategy": "no", "training.dataset_num_proc": 1,
}  # fmt: skip
"""What only a whole training needs is left out, and rows come in the order in which they were chosen."""
WARM_UP = 1
"""Updates before the clock runs: the first one compiles, and takes the longest rows."""
DOUBTFUL = 1.1
"""A setting that is predicted to take so many times what is free is not tried."""
SIDE = {"cuda": 8192, "cpu": 1024}
"""Rows and columns of the matrices whose product tells what the device can do."""
PRODUCTS = 10
ENOUGH_S = 8.0
"""When so many seconds were timed, fewer updates than were asked for do."""


class OutOfTime(Exception):
    """Nothing more is to be measured."""


def fit(job: Fit, emit: Emit, cancelled: Callable[[], bool]) -> None:
    """Measure until the best settings are known, time is over or it is cancelled. Raises DataError, ModelError, OSError."""
    Fitting(job, emit, cancelled).run()


class Fitting:
    """One measurement: the rows, the model that is loaded now, and what is known so far."""

    def __init__(self, job: Fit, emit: Emit, cancelled: Callable[[], bool]) -> None:
        self.job, self.emit, self.cancelled = job, emit, cancelled
        self.session = file.parse(job.session)
        self.loaded: Loaded | None = None
        self.loaded_for: Candidate | None = None
        self.loading_s = 0.0
        self.began = time.monotonic()
        self.told = Fitted(id=job.id)
        self.search = search

    def run(self) -> None:
        """Load, read, measure, and say at each step what is known."""
        session = self.session
        gc.freeze()  # looking for garbage among all that was imported would take a second each time
        self.emit(events.PhaseChanged(phase="loading", text=f"loading {session.model.name}"))
        self.loaded = self._load(session)
        self.emit(events.PhaseChanged(phase="reading", text=f"reading {session.data.source}"))
        told = inspecting.telling(self.emit)
        try:
            rows = read_split(session, self.loaded.tokenizer, progress=told, cancelled=self.cancelled).train
        except Cancelled:
            self.emit(replace(self.told, done=True))
            return
        lengths = pc.list_value_length(rows.rows.with_format("arrow")[:]["input_ids"]).to_numpy()
        self.told = replace(
            self.told,
            device=self.loaded.device,
            matrix_tflops=matrix_tflops(self.loaded.model.device),
            mean_tokens=float(lengths.mean()),
            examples=len(lengths),
        )
        found = candidates(session, self.told.mean_tokens, packs=torch.cuda.is_available())
        self.loaded_for = found[0]
        self.began, self.loading_s = time.monotonic(), 0.0
        self.emit(events.PhaseChanged(phase="training", text="measuring settings"))
        device = Device(
            measure=lambda candidate, updates: self._measure(candidate, updates, rows, lengths),
            fits=self._fits(_shape(session), int(lengths.max())),
            mean_tokens=self.told.mean_tokens,
            passed=self._passed,
            compiles=torch.cuda.is_available(),
        )
        try:
            for trial in self.search(found, device):
                self.told = replace(self.told, trials=merged(self.told.trials, trial))
                self._tell()
        except OutOfTime:
            pass
        self.loaded = None
        clear_memory()
        keep(session, self.told)
        self.emit(events.PhaseChanged(phase="ready"))
        self.emit(replace(self.told, text="", fraction=1.0, done=True))

    def _tell(self) -> None:
        self.emit(replace(self.told, fraction=min(1.0, self._passed())))

    def _passed(self) -> float:
        """How much of the time is over, loading left out."""
        return (time.monotonic() - self.began - self.loading_s) / self.job.within_s

    def _fits(self, shape: ModelShape | None, longest: int) -> Callable[[Candidate], bool]:
        """Whether a candidate may have room, going by what is free on the GPU now and what this process has."""
        if shape is None or not torch.cuda.is_available():
            return lambda candidate: True
        room = torch.cuda.mem_get_info()[0] + torch.cuda.memory_reserved()
        return lambda candidate: predict(candidate.session, shape, longest).total <= DOUBTFUL * room

    def _measure(self, candidate: Candidate, updates: int, rows: Tokenised, lengths: np.ndarray) -> Trial:
        """Train a candidate for some updates. Raises OutOfTime when nothing more may begin."""
        if self.cancelled() or self._passed() > 1:
            raise OutOfTime
        self.told = replace(self.told, text=candidate.name)
        self._tell()
        trial = Trial(candidate.changes, candidate.kind, candidate.name, candidate.consequence, examples=candidate.examples)
        try:
            return self._train(trial, candidate, updates, rows, lengths)
        except OutOfTime:
            raise
        except Exception as error:
            traceback.print_exception(error)
            if is_out_of_memory(error):
                return replace(trial, verdict="out-of-memory", why="it needs more memory than is free")
            return replace(trial, verdict="refused", why=explain(error).text)
        finally:
            clear_memory()

    def _train(self, trial: Trial, candidate: Candidate, updates: int, rows: Tokenised, lengths: np.ndarray) -> Trial:
        loaded = self._prepared(candidate)
        session = file.replace_values(candidate.session, QUIET | {"training.max_steps": updates + WARM_UP})
        chosen = sample(lengths, candidate, updates)
        part = replace(rows, rows=rows.rows.select(chosen))
        if torch.cuda.is_available():
            torch.cuda.reset_peak_memory_stats()
        with tempfile.TemporaryDirectory() as scratch:
            trainer = training.make_trainer(RunFolder(Path(scratch)), session, loaded, part, None)
            trainer.args.learning_rate = 0.0  # it works as hard, and the weights stay as they are for the next one
            watch = _StopWatch(self.cancelled)
            trainer.add_callback(TokenCount(trainer))
            trainer.add_callback(watch)
            try:
                trainer.train()
            finally:
                trainer.accelerator.unwrap_model(trainer.model, keep_fp32_wrapper=False)  # else each one wraps it once more
        if watch.cancelled or not watch.seconds:
            raise OutOfTime
        seconds = median(watch.seconds)
        rate = speed(watch.tokens, watch.seconds)
        peak = torch.cuda.max_memory_reserved() if torch.cuda.is_available() else 0
        return replace(
            trial,
            tokens_per_s=rate,
            seconds=seconds,
            first_s=watch.first_s,
            epoch_s=self.told.examples * self.told.mean_tokens / rate,
            peak_bytes=peak,
            share=self._share(loaded, rate),
            updates=len(watch.seconds),
        )

    def _share(self, loaded: Loaded, tokens_per_s: float) -> float | None:
        """The arithmetic that the tokens take, of what the device did with two large matrices."""
        if not self.told.matrix_tflops:
            return None
        trained = sum(p.numel() for p in loaded.model.parameters() if p.requires_grad)
        return flops_a_token(trained, loaded.model.num_parameters()) * tokens_per_s / (self.told.matrix_tflops * 1e12)

    def _prepared(self, candidate: Candidate) -> Loaded:
        """The model as a candidate wants it, loaded anew only where its weights are held in another way."""
        before, self.loaded_for = self.loaded_for, candidate
        if self.loaded is not None and before is not None and before.loaded_as == candidate.loaded_as:
            kept = "use_gradient_checkpointing"
            if getattr(before.session.lora, kept) == getattr(candidate.session.lora, kept):
                return self.loaded
            if not candidate.session.model.full_finetuning and not candidate.session.lora.continue_from:
                loading.add_adapter(self.loaded, candidate.session)  # the adapter is there: Unsloth changes the rest alone
                return self.loaded
        began = time.monotonic()
        self.loaded = None
        clear_memory()
        self.loaded = self._load(candidate.session)
        self.loading_s += time.monotonic() - began
        return self.loaded

    def _load(self, session: Session) -> Loaded:
        loaded = loading.load_model(session, loading.earlier_adapter(session))
        loading.add_adapter(loaded, session)
        return loaded


class _StopWatch(TrainerCallback):  # type: ignore[misc]
    """Times each update after the first ones, with everything that belongs to it."""

    def __init__(self, cancelled: Callable[[], bool]) -> None:
        self.is_cancelled = cancelled
        self.cancelled = False
        self.seconds: list[float] = []
        self.tokens: list[int] = []
        self.mark, self.seen = 0.0, 0
        self.first_s = 0.0

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self.mark = time.monotonic()

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        now, seen = time.monotonic(), int(state.num_input_tokens_seen)
        if state.global_step > WARM_UP:
            self.seconds.append(now - self.mark)
            self.tokens.append(seen - self.seen)
        else:
            self.first_s = now - self.mark
        self.mark, self.seen = now, seen
        self.cancelled = self.is_cancelled()
        control.should_training_stop |= self.cancelled or sum(self.seconds) > ENOUGH_S


def sample(lengths: np.ndarray, candidate: Candidate, updates: int) -> list[int]:
    """Which rows a trial trains on: the longest ones in the first update, then the same random ones for every candidate."""
    many = max(1, round(candidate.examples))
    longest = np.argsort(-lengths, kind="stable")[: many * WARM_UP]
    drawn = np.random.default_rng(0).permutation(len(lengths))
    wanted = many * updates + candidate.session.training.per_device_train_batch_size
    return [*longest.tolist(), *np.resize(drawn, wanted).tolist()]


def matrix_tflops(device: torch.device) -> float:
    """TFLOP/s of a product of two square matrices: bfloat16 on a GPU, float32 on a CPU. It takes 2 n³ operations."""
    side = SIDE[device.type]
    kind = torch.bfloat16 if device.type == "cuda" else torch.float32
    one, other = (torch.randn(side, side, device=device, dtype=kind) for _ in range(2))
    seconds = []
    for _ in range(PRODUCTS):
        _wait(device)
        began = time.monotonic()
        one @ other
        _wait(device)
        seconds.append(time.monotonic() - began)
    del one, other
    clear_memory()
    return 2 * side**3 / min(seconds) / 1e12


def clear_memory() -> None:
    """Give back what nobody uses any more."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize()


def _shape(session: Session) -> ModelShape | None:
    try:
        return read_model(session.model.name).shape
    except Exception:  # a name on the hub: nothing is predicted, and what has no room says so itself
        return None
