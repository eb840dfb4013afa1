"""Asks for a session: a file by its path, one of the last, an unsaved one, or that of a run."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import Input, Label, OptionList, Static

from tui.machine.host import modified_s
from tui.resources import expanded, short
from tui.run.folder import list_runs
from tui.screens.dialogs.base import Dialog
from tui.session import drafts, file, recent
from tui.session.schema import Session
from tui.widgets.foreign import foreign, plain
from tui.widgets.paths import PathSuggester

RUNS_SHOWN = 50


@dataclass(frozen=True)
class Opened:
    """A session, and the file it belongs to; None for a copy that belongs to none."""

    session: Session
    path: Path | None


@dataclass(frozen=True)
class Offer:
    """One line of the list."""

    kind: str
    name: str
    time: datetime
    opened: Opened


class OpenDialog(Dialog[Opened | None]):
    """A path to type or a line to pick; Escape means none."""

    HELP = "A session file to go on with, one that was left unsaved, or a copy of what a run was trained with."
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", "Cancel", show=False),
        Binding("down", "pick", "List", show=False),
    ]

    def __init__(self, suggestion: str) -> None:
        super().__init__()
        self.suggestion = suggestion
        self.offers: list[Offer] = []

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog -wide"):
            yield Label("Open a session", classes="section", markup=False)
            yield Input(self.suggestion, suggester=PathSuggester(), compact=True, select_on_focus=False)
            yield Static("", classes="complaint", markup=False)
            yield OptionList(id="offers", markup=False)
            yield Label("Enter opens, right completes, down goes to the list, Escape cancels", classes="hint")

    def on_mount(self) -> None:
        self.offers = find_offers()
        listed = self.query_one(OptionList)
        listed.add_options(plain(_line(offer)) for offer in self.offers)
        listed.display = bool(self.offers)

    def action_pick(self) -> None:
        if self.offers:
            listed = self.query_one(OptionList)
            listed.highlighted = 0
            listed.focus()

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(self.offers[event.option_index].opened)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        if not event.value.strip():
            return
        complaint = self.query_one(".complaint", Static)
        try:
            path = expanded(event.value.strip()).absolute()
            self.dismiss(Opened(file.load(path), path))
        except file.SessionError as error:
            complaint.update(foreign("\n".join(map(str, error.problems))))
        except (OSError, ValueError) as error:
            complaint.update(foreign(f"{event.value.strip()}: {getattr(error, 'strerror', None) or error}"))


def find_offers() -> list[Offer]:
    """The sessions that can be had without typing: unsaved ones, the last files, and those of runs."""
    unsaved = [
        Offer("unsaved", draft.of.name if draft.of else "", draft.time, Opened(draft.session, None))
        for draft in drafts.left_behind()
    ]
    files = [Offer("file", short(it.path), it.time, Opened(it.session, it.path)) for it in recent.list_recent()]
    runs = []
    for run in islice(list_runs(), RUNS_SHOWN):
        try:
            session = file.load(run.session)
        except file.SessionError:
            continue
        time = datetime.fromtimestamp(modified_s(run.session))
        runs.append(Offer("copy of run", run.name, time, Opened(session, None)))
    return [*unsaved, *files, *runs]


def _line(offer: Offer) -> str:
    """Kind, date, name, model and data in columns that stay readable at 80 columns."""
    session = offer.opened.session
    model, data = Path(session.model.name).name or "no model", Path(session.data.source).name or "no data"
    return f"{offer.time:%d %b %H:%M}  {offer.kind:11}  {offer.name}\n              {model} · {data}"
