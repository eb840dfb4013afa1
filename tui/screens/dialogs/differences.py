"""Shows what two sessions differ in: before a preset is applied, or against the defaults, a file or a run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.widgets import DataTable, Label, OptionList

from tui.screens.dialogs.base import Dialog
from tui.session.diff import Difference, differences
from tui.session.file import SessionError
from tui.session.presets import Preset
from tui.session.schema import Session
from tui.widgets.foreign import cell, foreign, plain


class DifferenceTable(DataTable[object]):
    """Setting, before and after, a row each."""

    def __init__(self, before: str, after: str) -> None:
        super().__init__(cursor_type="none", zebra_stripes=True)
        self.titles = ("setting", before, after)

    def show(self, found: Sequence[Difference]) -> None:
        """Show these, or that there are none."""
        self.clear(columns=True)  # else they stay as wide as what was shown before
        self.add_columns(*self.titles)
        for it in found:
            self.add_row(cell(it.title), cell(it.before), cell(it.after))
        if not found:
            self.add_row("nothing differs", "", "")


class PresetDialog(Dialog[Preset | None]):
    """A preset to choose, with what it would change; Escape means none."""

    HELP = (
        "A preset is a few values for a purpose. On the right stands what it would change in the session; nothing "
        "else is touched, and ctrl+z takes it back."
    )
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss(None)", "Cancel", show=False)]

    def __init__(self, presets: Sequence[Preset], session: Session) -> None:
        super().__init__()
        self.presets, self.session = list(presets), session

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog -wide -tall"):
            yield Label("How should it be trained?", classes="section")
            with Horizontal(classes="panes"):
                yield OptionList(*(plain(preset.title) for preset in self.presets), id="presets", markup=False)
                with Vertical():
                    yield Label("", id="preset-help", markup=False)
                    yield DifferenceTable("now", "then")
            yield Label("Enter applies it (ctrl+z takes it back), Escape cancels", classes="hint")

    def on_option_list_option_highlighted(self, event: OptionList.OptionHighlighted) -> None:
        preset = self.presets[event.option_index]
        told = preset.problem or preset.help
        found: Sequence[Difference] = ()
        if not preset.problem:
            try:
                found = differences(self.session, preset.applied_to(self.session))
            except SessionError as error:
                told = str(error)
        self.query_one("#preset-help", Label).update(foreign(told))
        self.query_one(DifferenceTable).show(found)

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        preset = self.presets[event.option_index]
        if not preset.problem:
            self.dismiss(preset)


class ChangesDialog(Dialog[None]):
    """What the session has, against the defaults or against another session."""

    HELP = "What the session has otherwise than the defaults, or than the session that is chosen on the left."
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q,f12", "dismiss", "Close", show=False)]

    def __init__(self, session: Session, others: Sequence[tuple[str, Session]]) -> None:
        super().__init__()
        self.session, self.others = session, list(others)

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog -wide -tall"):
            yield Label("What this session changes, against", classes="section")
            with Horizontal(classes="panes"):
                yield OptionList(*(plain(name) for name, _ in self.others), id="others", markup=False)
                yield DifferenceTable("there", "here")
            yield Label("up and down choose what to compare with, Escape closes", classes="hint")

    def on_option_list_option_highlighted(self, event: OptionList.OptionHighlighted) -> None:
        _, other = self.others[event.option_index]
        self.query_one(DifferenceTable).show(differences(other, self.session))
