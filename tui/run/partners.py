"""Who can be talked to: the run that is watched, the results and checkpoints of runs, and models of this machine."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Literal

from tui.run.folder import RunFolder, list_runs
from tui.run.state import RunState
from tui.session import file
from tui.session.schema import Session

RUNS_LISTED = 50
Kind = Literal["result", "checkpoint", "export", "model"]


@dataclass(frozen=True)
class Partner:
    """Somebody to talk to."""

    model: str = ""
    """What goes into `Chat.model`: a run folder, a checkpoint, a model folder or a hub name."""
    title: str = ""
    kind: Kind = "model"
    base: str = ""
    """The model that its adapter belongs to; empty for a model without one."""
    adapter: str = ""
    """The folder of its adapter, with which it can be heard beside another of the same base."""
    load_in_4bit: bool | None = None
    device: str = "auto"
    """Where it is loaded, as `tui.run.talk.open_workbench` names devices."""
    problem: str = ""
    """Why it cannot be talked to now."""

    @property
    def has_base(self) -> bool:
        """Whether the base model can be heard by switching the adapter off, as far as its files tell."""
        return bool(self.base)

    def taking(self, offer: str) -> Partner:
        """The same, loaded in a way in which it fits; see `Replied.offers`."""
        return replace(self, load_in_4bit=True) if offer == "4-bit" else replace(self, device=offer)


@dataclass(frozen=True)
class Around:
    """What stands around a chat: the run that is watched, and the session that is being made."""

    run: RunFolder | None = None
    state: RunState = RunState()  # noqa: RUF009  (frozen)
    run_session: Session | None = None
    session: Session = Session()  # noqa: RUF009  (frozen)

    @property
    def settings(self) -> Session:
        """The session whose settings hold for a talk."""
        return (self.run_session or self.session) if self.run else self.session

    @property
    def is_read(self) -> bool:
        """Whether it is known how the run stands: its history was read, and whether its engine lives was looked at."""
        return self.run is None or self.state.engine_alive or (self.state.ended and not self.state.chat_ready)


def partner_of(around: Around) -> Partner:
    """Who is talked to when nobody was chosen: the run's result, else its last checkpoint, else the session's model."""
    run, state = around.run, around.state
    if run is None:
        model = around.session.model
        problem = "" if model.name else "There is nobody to talk to: open a run (F7), choose a model (F2), or press F8"
        four_bit = None if model.load_in_8bit else model.load_in_4bit and not model.full_finetuning
        return Partner(model.name, model.name.rstrip("/").rpartition("/")[2], load_in_4bit=four_bit, problem=problem)
    base = around.run_session.model.name if around.run_session else ""
    if not state.ended:
        problem = "The model is still training; it can be talked to when that is done (F8: somebody else)"
        if not state.engine_alive:
            problem = "The run is being read, or waits for its turn; it can be talked to when it has ended"
        return Partner(str(run.path), run.name, "result", base, problem=problem)
    if state.result:
        adapter = str(run.adapter)
        return Partner(str(run.path), run.name, "result", base if _has_adapter(run.adapter) else "", adapter)
    for checkpoint in reversed(state.checkpoints):
        if Path(checkpoint.path).is_dir():
            return _checkpoint(run, Path(checkpoint.path), base)
    problem = "This run has no result to talk to; open another one (F7), or press F8"
    return Partner(str(run.path), run.name, "result", base, problem=problem)


def in_memory(partner: Partner, around: Around) -> bool:
    """Whether the engine of the run that is watched has it loaded still."""
    as_trained = partner.load_in_4bit is None and partner.device == "auto"
    same = around.run is not None and partner.model == str(around.run.path) and as_trained
    return same and around.state.chat_ready


def list_partners() -> list[Partner]:
    """Results, checkpoints and exports of runs, the newest first, then the models of this machine. Reads folders."""
    from tui.catalog.known import known_models  # loads huggingface_hub

    found = [partner for run in islice(list_runs(), RUNS_LISTED) for partner in of_run(run)]
    listed = {partner.model for partner in found}
    found += [Partner(known.name, known.title) for known in known_models() if known.name not in listed]
    bases = {partner.base: None for partner in found if partner.base}
    models = {partner.model for partner in found}
    return [*found, *(Partner(base, base.rstrip("/").rpartition("/")[2]) for base in bases if base not in models)]


def of_run(run: RunFolder) -> list[Partner]:
    """Everything of one run that can be talked to."""
    try:
        base = file.load(run.session).model.name
    except file.SessionError:
        return []
    found = []
    if run.adapter.is_dir():
        has_adapter = _has_adapter(run.adapter)
        found.append(
            Partner(str(run.path), run.name, "result", base if has_adapter else "", str(run.adapter) if has_adapter else "")
        )
    found += [_checkpoint(run, path, base) for path in run.checkpoint_paths().values() if path.is_dir()]
    exported = sorted(path.parent for path in run.exports.glob("*/config.json"))
    return found + [Partner(str(path), f"{run.name} {path.name}", "export") for path in exported]


def matching(partners: Iterable[Partner], text: str) -> list[Partner]:
    """Those that have every word of a text in their name."""
    words = text.lower().split()
    return [partner for partner in partners if all(word in f"{partner.title} {partner.kind}".lower() for word in words)]


def _checkpoint(run: RunFolder, path: Path, base: str) -> Partner:
    has_adapter = _has_adapter(path)
    title = f"{run.name} at {_step(path):,} updates"
    return Partner(str(path), title, "checkpoint", base if has_adapter else "", str(path) if has_adapter else "")


def _has_adapter(folder: Path) -> bool:
    return (folder / "adapter_config.json").is_file()


def _step(path: Path) -> int:
    found = re.search(r"(\d+)$", path.name)
    return int(found[1]) if found else 0
