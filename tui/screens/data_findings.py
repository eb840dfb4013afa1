"""What a look through the whole dataset has found: figures, and findings that lead to their rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.getters import query_one
from textual.message import Message
from textual.reactive import var
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from tui.data.findings import Finding
from tui.data.token_findings import token_findings
from tui.run.events import Inspected
from tui.screens.data_text import finding_text, inspection_text
from tui.session.schema import Session
from tui.widgets.foreign import foreign

NOTHING_YET = "F9 looks through the whole dataset"
ORDER = ("blocking", "warning", "note")


class Findings(Vertical):
    """Figures above, findings below; Enter goes from row to row of a finding."""

    @dataclass
    class RowSought(Message):
        """A row of a finding is to be shown, counted from 1."""

        number: int

    inspected: var[Inspected | None] = var(None, init=False)
    session: var[Session] = var(Session, init=False)
    """The one that was looked through."""
    pace_s: var[float | None] = var(None, init=False)
    """What an example took in earlier runs, where there were any."""

    figures = query_one("#figures", Static)
    listed = query_one("#found", OptionList)

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self.found: list[Finding] = []
        self.visited: dict[str, int] = {}
        """Of each finding, how many of its places were gone to."""

    def compose(self) -> ComposeResult:
        with VerticalScroll(id="figures-box", can_focus=False):
            yield Static(NOTHING_YET, id="figures", markup=False)
        yield OptionList(id="found", markup=False)

    @property
    def mend(self) -> dict[str, Any]:
        """The change that would help with the finding under the cursor, or with the gravest that knows one."""
        at = self.listed.highlighted
        under = [self.found[at]] if at is not None and at < len(self.found) else []
        return next((dict(finding.mend) for finding in (*under, *self.found) if finding.mend), {})

    def troubled(self) -> list[int]:
        """The rows that have some finding worse than a note, counted from 1."""
        grave = (finding for finding in self.found if finding.severity != "note")
        return sorted({place.number for finding in grave for place in finding.places})

    def focus(self, scroll_visible: bool = True) -> Findings:
        self.listed.focus(scroll_visible)
        return self

    def watch_inspected(self, inspected: Inspected | None) -> None:
        if inspected is None:
            self.figures.update(NOTHING_YET)
            self.show([])
            return
        self.draw(inspected)
        found = [*(token_findings(inspected.tokens) if inspected.tokens else ())]
        found += inspected.lint.findings if inspected.lint else ()
        found.sort(key=lambda finding: ORDER.index(finding.severity))
        if found != self.found:
            self.show(found)

    def watch_pace_s(self) -> None:
        if self.inspected:
            self.draw(self.inspected)

    def draw(self, inspected: Inspected) -> None:
        """Draw the figures."""
        self.figures.update(foreign(inspection_text(inspected, self.session, self.pace_s)))

    def show(self, found: list[Finding]) -> None:
        """List them anew, with the cursor where it was."""
        at = self.listed.highlighted
        self.found = found
        self.listed.clear_options()
        self.listed.add_options(Option(foreign(finding_text(finding))) for finding in found)
        self.listed.highlighted = min(at or 0, len(found) - 1) if found else None

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Go to the next row that the finding names."""
        event.stop()
        finding = self.found[event.option_index]
        if finding.places:
            turn = self.visited[finding.title] = self.visited.get(finding.title, -1) + 1
            self.post_message(self.RowSought(finding.places[turn % len(finding.places)].number))
