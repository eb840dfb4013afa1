"""Where an engine begins: at the beginning, or at the last checkpoint of what earlier engines did in its folder."""

from __future__ import annotations

import json
import math
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tui.engine.checkpoints import Checkpoint, checkpoints_of, clear_leftovers, what_is_wrong
from tui.engine.emit import Emit
from tui.engine.provenance import provenance_of
from tui.engine.together import Together
from tui.run import commands, events
from tui.run.folder import RunFolder
from tui.run.state import RunState, Series, fold, fold_all
from tui.run.watcher import read_events
from tui.session import file
from tui.session.file import replace_values
from tui.session.schema import Session

ALLOWED = (
    "training.learning_rate", "training.logging_steps", "training.save_strategy", "training.save_steps",
    "training.save_total_limit", "training.max_steps", "training.num_train_epochs", "training.max_grad_norm",
    "training.per_device_train_batch_size", "training.gradient_accumulation_steps", "lora.use_gradient_checkpointing",
    "cluster.nproc_per_node",
    "evaluation.eval_strategy", "evaluation.eval_steps", "evaluation.sample_steps", "evaluation.per_device_eval_batch_size",
)  # fmt: skip
"""What may be another when a run goes on; anything else belongs to a run of its own."""


@dataclass(frozen=True)
class Start:
    """Where a training begins."""

    resumed: bool = False
    checkpoint: Checkpoint | None = None
    before: RunState = RunState()  # noqa: RUF009  (frozen)
    """What is known of the run until there."""
    retries: int = 0
    """How often memory has run out so far."""

    @property
    def step(self) -> int:
        return self.checkpoint.step if self.checkpoint else 0

    @property
    def lowest(self) -> float:
        """The lowest held-out loss so far."""
        return min((told.loss for told in self.before.evaluations), default=math.inf)


def unobeyed(asked: list[commands.Command]) -> tuple[commands.Resume, list[commands.Command]]:
    """The last wish to resume, and what was asked for after it; what was asked before was asked of an earlier engine."""
    at = [number for number, command in enumerate(asked) if isinstance(command, commands.Resume)]
    if not at:
        return commands.Resume(), asked
    order = asked[at[-1]]
    assert isinstance(order, commands.Resume)
    return order, asked[at[-1] + 1 :]


def begin(folder: RunFolder, order: commands.Resume, emit: Emit) -> tuple[Session, Start]:
    """The session as it has become, and where to begin with it. Raises SessionError."""
    session = file.load(folder.session)
    before = fold_all(read_events(folder, thin=True))
    clear_leftovers(folder)
    start, damaged = _start(folder, before)
    if start.resumed:
        emit(start.before.resumed[-1])
    for warning in damaged:
        emit(warning)
    session = replace_values(session, {key: value for it in before.changes for key, value in it.values.items()})
    return _with(session, order, start, emit), start


def begin_together(folder: RunFolder, order: commands.Resume, emit: Emit, together: Together) -> tuple[Session, Start]:
    """What `begin` says where the leading process does that, and the others hear of it. Raises SessionError."""
    if together.size == 1:
        return begin(folder, order, emit)
    if together.leads:
        session, start = begin(folder, order, emit)
        measured = [events.to_line(told) for told in start.before.evaluations]
        path = str(start.checkpoint.path) if start.checkpoint else ""
        together.agree([file.dumps(session), start.resumed, start.step, path, start.retries, measured])
        return session, start
    text, resumed, step, path, retries, measured = together.agree()
    told = (events.from_line(line) for line in measured)
    before = RunState(evaluations=Series(it for it in told if isinstance(it, events.Evaluated)))
    return file.parse(text), Start(resumed, Checkpoint(step, Path(path)) if path else None, before, retries)


def _start(folder: RunFolder, before: RunState) -> tuple[Start, list[events.Warned]]:
    if not before.phases:
        return Start(), []
    damaged = []
    chosen: Checkpoint | None = None
    for checkpoint in checkpoints_of(folder):
        wrong = what_is_wrong(checkpoint)
        if not wrong:
            chosen = checkpoint
            break
        text = f"{checkpoint.path.name} is damaged and was left out: {wrong}"
        damaged.append(events.Warned(code="checkpoint", text=text, step=checkpoint.step))
        shutil.rmtree(checkpoint.path, ignore_errors=True)  # else it would count as one of those that are kept
    resumed = events.Resumed(step=chosen.step if chosen else 0, path=str(chosen.path) if chosen else "")
    retries = sum(change.by == "retry" for change in before.changes)
    return Start(resumed=True, checkpoint=chosen, before=fold(before, resumed), retries=retries), damaged


def _with(session: Session, order: commands.Resume, start: Start, emit: Emit) -> Session:
    """The session with what changes with this start."""
    refused = sorted(order.values.keys() - set(ALLOWED))
    if refused:
        text = f"{', '.join(refused)} cannot change when a run goes on; start another run for that"
        emit(events.Warned(code="resume", text=text, step=start.step))
    wanted = {key: value for key, value in order.values.items() if key in ALLOWED}
    if not wanted:
        return session
    changed = replace_values(session, wanted)
    if changed == session:
        return session
    emit(events.Changed(step=start.step, values=dict(wanted)))
    if changed.effective_batch != session.effective_batch and start.step:
        text = (
            f"an update now takes {changed.effective_batch} examples instead of {session.effective_batch}, "
            "so that the order of the examples is not the one it would have been"
        )
        emit(events.Warned(code="resume", text=text, step=start.step))
    return changed


def write_or_compare(folder: RunFolder, session: Session, start: Start, emit: Emit) -> None:
    """Write down what the run is made with; of one that goes on, say what is another than when it began. Raises OSError."""
    now = provenance_of(session)
    try:
        then = json.loads(folder.provenance.read_text(encoding="utf-8")) if start.resumed else None
    except (OSError, ValueError):
        then = None
    if not isinstance(then, dict):
        file.write_atomic(folder.provenance, json.dumps(now, indent=1) + "\n")
        return
    for warning in _differences(then, now):
        emit(warning)


def _differences(then: dict[str, Any], now: dict[str, Any]) -> list[events.Warned]:
    found = []
    data = _others(then.get("data_sha256", {}), now["data_sha256"])
    if data:
        text = f"the data is not what it was when the run began: {', '.join(data)}"
        advice = "the examples that are left are not those that have not been seen; start another run to learn all of it"
        found.append(events.Warned(code="data-changed", text=text, advice=advice))
    packages = _others(then.get("packages", {}), now["packages"])
    if packages:
        told = ", ".join(f"{name} {then['packages'].get(name, 'none')} → {now['packages'].get(name)}" for name in packages)
        text = f"the run began with other versions, so that its numbers may differ in the last digits: {told}"
        found.append(events.Warned(code="versions-changed", text=text))
    return found


def _others(then: dict[str, str], now: dict[str, str]) -> list[str]:
    return sorted(name for name in now if then.get(name) != now[name])
