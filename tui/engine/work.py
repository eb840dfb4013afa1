"""The engine's worker thread: the phases of a run from first to last, then whatever is asked of the result."""

from __future__ import annotations

import math
import shutil
import traceback
from dataclasses import replace
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any

from tui.engine import failures, inspecting
from tui.engine.checkpoints import ADAPTER_WRITING
from tui.engine.control import Control, Job
from tui.engine.emit import Emit
from tui.engine.environment import set_environment
from tui.engine.failures import is_out_of_memory
from tui.engine.guards import LossLost
from tui.engine.inspecting import IMPORTING
from tui.engine.notify import notify_of
from tui.engine.parting import StartOver, give_up
from tui.engine.placing import bring_to_disk, put_in_place
from tui.engine.resuming import Start, begin_together, write_or_compare
from tui.engine.retry import is_started_again, next_try
from tui.engine.talking import Talk
from tui.engine.together import Together
from tui.run import events
from tui.run.commands import Fit, Inspect, Preview, Resume
from tui.run.folder import RunFolder
from tui.session.schema import Session
from tui.words import advised

if TYPE_CHECKING:
    from tui.engine.dataset import Split
    from tui.engine.loading import Loaded

FOREVER_S = 10 * 365 * 86400.0


def work(folder: RunFolder, order: Resume, control: Control, emit: Emit, together: Together) -> int:
    """Train when the folder holds a session, then answer what is asked. Returns the exit code: 0 done, 1 failed."""
    talk = Talk(folder, control, emit)
    keep_s = FOREVER_S
    if folder.session.exists():
        try:
            session, start = begin_together(folder, order, emit, together)
            talk.loaded, outcome = _run_or_retry(folder, session, start, control, emit, together)
            if not together.leads or session.shares_weights:
                return 0
            keep_s = session.chat.keep_loaded_minutes * 60
            if keep_s and not control.released.is_set():
                talk.take(talk.loaded)
            notify_of(folder, outcome, emit)
        except BaseException as error:
            give_up(folder, error, together, emit)
            return 1
    _answer_jobs(talk, keep_s, control, emit)
    return 0


def _run_or_retry(
    folder: RunFolder, session: Session, start: Start, control: Control, emit: Emit, together: Together
) -> tuple[Loaded, events.Outcome]:
    """One run; a new engine takes the place of this one where memory runs out and a gentler setting is left."""
    try:
        return _run(folder, session, start, control, emit, together)
    except Exception as error:
        again = next_try(session, error, start.retries, control.step) if is_out_of_memory(error) else None
        if again is None or control.leaving or not is_started_again():
            raise
        traceback.print_exception(error)
        raise StartOver(again) from error


def _run(
    folder: RunFolder, session: Session, start: Start, control: Control, emit: Emit, together: Together
) -> tuple[Loaded, events.Outcome]:
    """One run from the import of Unsloth to the saved result."""
    if together.leads:
        write_or_compare(folder, session, start, emit)
    set_environment(folder, session)
    emit(events.PhaseChanged(phase="importing", text=IMPORTING))
    from tui.engine import loading, training
    from tui.engine.dataset import read_split

    loading.take_device(together)
    emit(events.PhaseChanged(phase="loading", text=f"loading {session.model.name}"))
    loaded = loading.load_model(session, loading.earlier_adapter(session))
    loading.add_adapter(loaded, session)
    emit(loading.measure_memory("loaded"))

    emit(events.PhaseChanged(phase="reading", text=f"reading {session.data.source}"))
    split = together.first_here(lambda: read_split(session, loaded.tokenizer, progress=inspecting.telling(emit)))
    source = " from an earlier look at this data" if split.train.cached else ""
    text = f"{split.train.report.tokens:,} tokens{source}"
    emit(events.PhaseChanged(phase="tokenising", text=text))
    for warning in inspecting.warnings_of(split.train):
        emit(warning)
    trainer = training.make_trainer(folder, session, loaded, split.train, split.held_out)
    plan = _plan(trainer, loaded)
    emit(plan)

    control.enter("training")
    together.agree()  # whoever leads may have been stopped until here
    emit(events.PhaseChanged(phase="training"))
    _train(trainer, folder, session, loaded, plan, start, control, emit, together)
    emit(loading.measure_memory("trained"))

    outcome = training.outcome_of(trainer, control)
    if outcome == "paused":
        emit(events.Finished(outcome="paused"))
        control.released.set()
        return loaded, outcome
    discard = outcome == "discarded"
    if not discard:
        _save(folder, session, loaded, emit, together)
    if not session.shares_weights:
        control.be_alone()
    if not control.stop and (together.leads or session.shares_weights):
        _compare(session, loaded, split, control, emit)
        if not session.shares_weights:
            _export(folder, session, loaded, control, emit)
    keeps = session.chat.keep_loaded_minutes > 0 and not discard and not control.released.is_set()
    keeps &= not session.shares_weights
    control.enter("idle")
    emit(events.Finished(outcome=outcome, result="" if discard else str(folder.adapter), loaded=keeps))
    if discard:
        control.released.set()
    return loaded, outcome


def _train(
    trainer: Any,
    folder: RunFolder,
    session: Session,
    loaded: Loaded,
    plan: events.Planned,
    start: Start,
    control: Control,
    emit: Emit,
    together: Together,
) -> None:
    """Train; of a run whose loss is lost, the last good checkpoint becomes the result before that is raised."""
    from tui.engine import training

    try:
        training.train(trainer, folder, session, loaded, plan, start, control, emit, together)
    except LossLost as lost:
        step = training.load_last_good(trainer, folder, together)
        if step is None:
            raise
        _save(folder, session, loaded, emit, together)
        text = f"{lost.warning.text}; what was learned up to update {step} is kept in {folder.adapter}"
        raise LossLost(replace(lost.warning, text=text)) from lost


def _plan(trainer: Any, loaded: Loaded) -> events.Planned:
    """What the trainer is going to do, counted as it counts: a last batch that is not full is an update too."""
    args, rows, held_out = trainer.args, trainer.train_dataset, trainer.eval_dataset
    updates_an_epoch = math.ceil(len(trainer.get_train_dataloader()) / args.gradient_accumulation_steps)
    steps = args.max_steps if args.max_steps > 0 else math.ceil(updates_an_epoch * args.num_train_epochs)
    parameters = list(loaded.model.parameters())
    return events.Planned(
        steps=steps,
        epochs=steps / updates_an_epoch,
        examples=len(rows),
        held_out_examples=0 if held_out is None else len(held_out),
        trained_parameters=sum(p.numel() for p in parameters if p.requires_grad),
        all_parameters=loaded.model.num_parameters(),
        device=loaded.device,
    )


def _save(folder: RunFolder, session: Session, loaded: Loaded, emit: Emit, together: Together) -> None:
    """Write the result under another name and rename it when it is whole."""
    emit(events.PhaseChanged(phase="saving", text=f"saving to {folder.adapter}"))
    scratch = folder.path / ADAPTER_WRITING
    if together.leads:
        shutil.rmtree(scratch, ignore_errors=True)
    if together.leads or session.shares_weights:  # then each has a part of them, and the first one writes
        loaded.model.save_pretrained(str(scratch))
    if together.leads:
        loaded.tokenizer.save_pretrained(str(scratch))
        bring_to_disk(scratch)
        put_in_place(scratch, folder.adapter)  # a run that was extended has one already


def _export(folder: RunFolder, session: Session, loaded: Loaded, control: Control, emit: Emit) -> None:
    from tui.engine.exporting import export_all

    export_all(folder, session, loaded, emit, lambda: control.stop is not None)


def _compare(session: Session, loaded: Loaded, split: Split, control: Control, emit: Emit) -> None:
    """Let base and tuned model answer the first held-out prompts."""
    from tui.engine.chatting import answer_all
    from tui.engine.dataset import iterate_prompts

    wanted = session.evaluation.compare_prompts
    if split.held_out is None or not wanted or not loaded.has_adapter:
        return
    asked = list(islice(iterate_prompts(session, split), wanted))
    answers: dict[events.Voice, dict[int, str]] = {"base": {}, "tuned": {}}
    prompts = [example.prompt for example in asked]
    limit = session.evaluation.compare_max_new_tokens
    for voice, given in answers.items():
        for batch in answer_all(loaded, prompts, voice, limit, lambda: control.stop is not None):
            given |= batch
            text = f"the {voice} model answers held-out prompts"
            done = sum(map(len, answers.values())) / (2 * len(asked))
            emit(events.PhaseChanged(phase="comparing", text=text, fraction=done))
    for at, example in enumerate(asked):
        if at in answers["base"] and at in answers["tuned"]:
            emit(
                events.Compared(
                    prompt=example.prompt[-1]["content"],
                    reference=example.answer,
                    base=answers["base"][at],
                    tuned=answers["tuned"][at],
                )
            )


def _answer_jobs(talk: Talk, keep_s: float, control: Control, emit: Emit) -> None:
    control.enter("idle")
    while (job := control.next_job(keep_s)) is not None:
        try:
            match job:
                case Preview():
                    inspecting.preview(job, emit)
                case Inspect():
                    inspecting.inspect(job, emit, partial(control.unwanted, job.id))
                case Fit():
                    _fit(job, talk, control, emit)
                case _:
                    talk.do(job)
        except Exception as error:
            failure = failures.explain(error)
            emit(events.PhaseChanged(phase="ready"))
            _refuse(job, advised(failure.text, failure.advice), emit)


def _refuse(job: Job, text: str, emit: Emit) -> None:
    """Say why nothing was found."""
    match job:
        case Preview():
            emit(events.Previewed(id=job.id, row=job.row, error=text))
        case Inspect():
            emit(events.Inspected(id=job.id, done=True, error=text))
        case Fit():
            emit(events.Fitted(id=job.id, done=True, error=text))


def _fit(job: Fit, talk: Talk, control: Control, emit: Emit) -> None:
    """Measure settings; what is in memory to be talked to makes room first."""
    talk.loaded = None
    emit(events.PhaseChanged(phase="importing", text=IMPORTING))
    from tui.engine.fitting import fit

    fit(job, emit, partial(control.unwanted, job.id))
