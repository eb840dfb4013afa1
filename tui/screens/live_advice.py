"""The advisor: what could be better about the run, and one key that changes the next one."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from tui import words
from tui.run.advice import Advice
from tui.screens.messages import SessionEdited
from tui.widgets.foreign import foreign, plain


class AdvicePanel(OptionList):
    """Findings, the gravest first; Enter applies the change of the one under the cursor to the session on the desk."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            "enter", "select", "Apply", show=False, id="advice.apply", tooltip="Change the next run's session as advised"
        ),
    ]

    def __init__(self) -> None:
        super().__init__(id="advice", markup=False)
        self.found: list[Advice] = []

    def show(self, found: list[Advice]) -> None:
        """List other findings; the cursor stays where it is."""
        if found == self.found and self.option_count:
            return
        at, self.found = self.highlighted, found
        self.clear_options()
        nothing = [Option("Nothing to say: the run looks well", disabled=True)]
        self.add_options([Option(foreign(told(it))) for it in found] or nothing)
        self.highlighted = min(at or 0, len(found) - 1) if found else None

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self.apply(self.found[event.option_index])

    def apply_one(self) -> None:
        """Apply the finding under the cursor, or the gravest that knows a change."""
        at = self.highlighted
        under = [self.found[at]] if self.display and at is not None and at < len(self.found) else []
        chosen = next((it for it in (*under, *self.found) if it.mend), None)
        if chosen is None:
            self.notify("there is nothing to change" if not self.found else "only a person can tell what to change")
        else:
            self.apply(chosen)

    def apply(self, advice: Advice) -> None:
        """Change the session that the next run is started with."""
        if not advice.mend:
            self.notify("only a person can tell what to change here", severity="warning")
            return
        self.post_message(SessionEdited(dict(advice.mend)))
        self.notify(f"the next run: {plain(changes(advice))}; ctrl+z takes it back", markup=False)


def told(advice: Advice) -> str:
    """A finding in words, with the change that it proposes."""
    text = f"! {words.advised(advice.text, advice.advice)}"
    return f"{text}\n  ↵ {changes(advice)}" if advice.mend else text


def changes(advice: Advice) -> str:
    """The change that a finding proposes: ``training.learning_rate = 0.0001``."""
    return ", ".join(f"{key} = {value}" for key, value in advice.mend.items())
