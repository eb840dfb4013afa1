"""Asks who is to be talked to: results, checkpoints and exports of runs, and models, found by their letters."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.widgets import Input, Label, OptionList
from textual.widgets.option_list import Option

from tui.catalog.local import is_path
from tui.run.partners import Around, Partner, in_memory, list_partners, matching, partner_of
from tui.screens.chat_messages import PartnerChosen
from tui.screens.dialogs.base import Dialog
from tui.widgets.choice import Choice
from tui.widgets.foreign import foreign

AS_TRAINED = "as it was trained"
LOADS: dict[str, bool | None] = {AS_TRAINED: None, "in 4-bit": True, "in 16-bit": False}
SHOWN = 200


class PartnerDialog(Dialog[PartnerChosen | None]):
    """A list to choose from, or a folder or hub name to type; Escape changes nothing."""

    HELP = (
        'Letters find a run, a checkpoint, an export or a model; a folder or owner/model can be typed. "loaded" says '
        "how its weights are held: 4-bit takes a quarter of the memory and is a little worse. A second adapter of the "
        "same base model can be heard beside the present one."
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", "Cancel", show=False),
        Binding("up", "move(-1)", "Up", show=False),
        Binding("down", "move(1)", "Down", show=False),
        Binding("enter", "take", "Talk to it", show=False, priority=True),
        Binding("alt+w", "beside", "Hear it beside the present one", show=False, priority=True),
    ]

    def __init__(self, present: Partner, around: Around) -> None:
        super().__init__()
        self.present, self.around = present, around
        self.loads = {present.model: present.load_in_4bit}
        """How each model is to be loaded for which that was chosen; any other as it was trained."""
        self.partners: list[Partner] | None = None
        """Everybody who is there; None while they are being looked for."""
        self.listed: list[Partner] = []

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog -wide"):
            yield Label("Who is to be talked to?", classes="section", markup=False)
            yield Input(placeholder="some letters, a model folder, or owner/model", compact=True)
            yield OptionList(id="partners", markup=False)
            with Horizontal(classes="row"):
                yield Label("loaded  ")
                yield Choice(tuple(LOADS), AS_TRAINED)
            yield Label("", id="told", markup=False)
            yield Label("Enter talks to it, alt+w hears it beside the present one, Escape cancels", classes="hint")

    def on_mount(self) -> None:
        self.query_one("#partners", OptionList).can_focus = False
        self.show_list()
        threading.Thread(target=self.find, name="find partners", daemon=True).start()

    def find(self) -> None:
        """Look around in a thread: disks can be slow."""
        found = list_partners()
        if self.is_running:
            self.app.call_from_thread(self.take_found, found)

    def take_found(self, found: list[Partner]) -> None:
        """Show who is there."""
        self.partners = found
        self.show_list()

    @property
    def typed(self) -> str:
        return self.query_one(Input).value.strip()

    def on_input_changed(self) -> None:
        self.show_list()

    def show_list(self) -> None:
        """List those with the letters that are typed, whoever needs no loading first."""
        own = partner_of(self.around)
        others = [partner for partner in self.partners or () if partner.model != own.model]
        self.listed = matching([*([] if own.problem else [own]), *others], self.typed)[:SHOWN]
        if is_path(self.typed) or self.typed.count("/") == 1:
            self.listed.insert(0, Partner(self.typed, self.typed.rstrip("/").rpartition("/")[2]))
        options = self.query_one("#partners", OptionList)
        options.clear_options()
        options.add_options(Option(foreign(self.line(partner))) for partner in self.listed)
        if not self.listed:
            text = "looking around …" if self.partners is None else "nobody has these letters"
            options.add_option(Option(text, disabled=True))
        else:
            options.highlighted = 0

    def line(self, partner: Partner) -> str:
        """A partner in a line: whether it is talked to now, what it is, and whether it has to be loaded."""
        now = "●" if partner.model == self.present.model else " "
        loaded = " · in memory" if in_memory(partner, self.around) else ""
        base = f" · of {partner.base.rstrip('/').rpartition('/')[2]}" if partner.base else ""
        return f"{now} {partner.title}{loaded}\n    {partner.kind}{base}"

    def on_option_list_option_highlighted(self) -> None:
        partner = self.highlighted
        same = partner is not None and partner.model != self.present.model and self.fits_beside(partner)
        told = "alt+w: both have the same base model and can be heard side by side" if same else ""
        self.query_one("#told", Label).update(told)
        if partner:
            load = self.loads.get(partner.model, partner.load_in_4bit)
            self.query_one(Choice).value = next(word for word, value in LOADS.items() if value == load)

    def on_choice_changed(self, event: Choice.Changed) -> None:
        if partner := self.highlighted:
            self.loads[partner.model] = LOADS[event.value]

    @property
    def highlighted(self) -> Partner | None:
        at = self.query_one("#partners", OptionList).highlighted
        return self.listed[at] if at is not None and at < len(self.listed) else None

    def fits_beside(self, partner: Partner) -> bool:
        """Whether an adapter can be put on the model that is talked to."""
        return bool(partner.adapter) and partner.base == self.present.base

    def action_move(self, by: int) -> None:
        options = self.query_one("#partners", OptionList)
        if self.listed:
            options.highlighted = min(max(0, (options.highlighted or 0) + by), len(self.listed) - 1)

    def on_option_list_option_selected(self) -> None:
        self.action_take()

    def action_take(self) -> None:
        if partner := self.highlighted:
            load = self.loads.get(partner.model, partner.load_in_4bit)
            self.dismiss(PartnerChosen(replace(partner, load_in_4bit=load, problem="")))

    def action_beside(self) -> None:
        partner = self.highlighted
        if partner is None or partner.model == self.present.model:
            told = "that is who is talked to already"
        elif self.fits_beside(partner):
            self.dismiss(PartnerChosen(partner, beside=True))
            return
        else:
            told = "only another adapter of the same base model can be heard beside it"
        self.query_one("#told", Label).update(told)
