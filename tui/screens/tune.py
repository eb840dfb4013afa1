"""The Tune place: how the model is trained, with help for each value, and the start of the run."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.getters import query_one
from textual.reactive import var
from textual.timer import Timer
from textual.widget import Widget
from textual.widgets import Input, Label

from tui.run.preflight import Findings, investigate, relevant
from tui.screens.base import PlaceScreen
from tui.screens.messages import FieldsRefused, Judged, SessionEdited, SessionReady
from tui.screens.tune_text import help_lines, outlook_lines, problem_lines
from tui.session.outlook import outlook
from tui.session.problem import Problem
from tui.session.schema import Session
from tui.widgets.field_row import FieldRow
from tui.widgets.foreign import foreign
from tui.widgets.form import Form, SectionFields
from tui.widgets.hanging import Hanging

PAUSE_S = 0.4
"""So long after the last change the files are looked at again."""


class SearchLine(Input):
    """Where one types what is searched for; down goes to what was found."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("down", "app.focus_next", show=False)]


class TuneScreen(PlaceScreen):
    """The form, what follows from it, and what is wrong with it."""

    PLACE = "tune"
    CSS_PATH = "tune.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f8", "mend", "Mend", id="tune.mend", tooltip="Apply the change that mends what is wrong here"),
        Binding("f9", "app.choose_preset", "Presets", id="tune.presets", tooltip="Settings that go together"),
        Binding("ctrl+g", "app.fit", "Fit", id="tune.fit", tooltip="Measure the fastest settings that fit here"),
        Binding("ctrl+r", "reset", "Reset", id="tune.reset", tooltip="Put the default of this field back"),
        Binding("slash", "search", "Find", key_display="/", id="tune.search", tooltip="Find a field by its name or help"),
        Binding("ctrl+f", "search", "Search", show=False, id="tune.find", tooltip="Find a field", priority=True),
        Binding("escape", "leave_search", "Whole form", show=False, id="tune.leave_search", tooltip="End the search"),
    ]

    session: var[Session] = var(Session)
    laid: var[int] = var(0, init=False)

    form = query_one(Form)
    outcome = query_one("#outcome", Hanging)
    help_text = query_one("#help", Label)
    search_line = query_one("#search", Input)

    def __init__(self) -> None:
        super().__init__()
        self.current: FieldRow | None = None
        self.refused: dict[str, str] = {}
        self.findings = Findings()
        self.seen: list[object] = []
        """What the session named when it was last looked at."""
        self.soon: Timer | None = None

    def compose_body(self) -> Iterable[Widget]:
        with Horizontal(id="columns"):
            with Vertical(id="left"):
                yield SearchLine(
                    placeholder="words of a name or its help; Escape shows the whole form", id="search", compact=True
                )
                yield Form(self.session)
            with VerticalScroll(id="outcome-box", can_focus=False):
                yield Hanging("", id="outcome", markup=False)
        yield Label("", id="help", markup=False)

    def on_mount(self) -> None:
        self.search_line.display = False
        self.show_outcome()
        self.form.query(FieldRow).first().editor.focus()
        self.call_after_refresh(self.look_again)

    def watch_session(self) -> None:
        if self.is_mounted:
            self.form.session = self.session
            self.show_outcome()
            if self.soon:
                self.soon.stop()
            self.soon = self.set_timer(PAUSE_S, self.look_again)

    def watch_laid(self) -> None:
        """Forget what was typed for an earlier session and is not allowed."""
        if self.is_mounted and self.refused:
            self.refused = {}
            self.form.forget_typed()
            self.post_message(FieldsRefused(self.PLACE, {}))
            self.show_outcome()

    @property
    def problems(self) -> list[Problem]:
        """What is wrong with what is typed, with the session, and with what it names."""
        return [*(Problem(key, text) for key, text in self.refused.items()), *self.findings.all_problems(self.session)]

    # ---- looking

    def look_again(self) -> None:
        """Find out about model, data and machine, if the session names others than before."""
        session, names = self.session, list(relevant(self.session))
        if names != self.seen:
            self.seen = names
            self.look("findings", lambda outdated: investigate(session), self.show_findings)

    def show_findings(self, findings: Findings) -> None:
        self.findings = findings
        self.show_outcome()
        if self.session.data.source and not any(problem.blocking for problem in self.problems):
            self.post_message(SessionReady(self.session))

    def show_outcome(self) -> None:
        """What the values come to, and what is wrong with them."""
        problems = self.problems
        by_key: dict[str, list[Problem]] = {}
        for problem in problems:
            by_key.setdefault(problem.key, []).append(problem)
        self.form.problems = by_key
        ahead, memory = outlook(self.session, self.findings.facts), self.findings.ground.forecast(self.session)
        told = [*outlook_lines(self.session, ahead, memory), "", *problem_lines(problems)]
        self.outcome.update("\n".join(told))
        if self.seen:
            self.post_message(Judged(sum(problem.blocking for problem in problems)))
        self.show_help()

    def show_help(self) -> None:
        """What the field with the focus is about, what is wrong with it, and what would mend that."""
        row = self.current
        if row and row.is_attached:
            self.help_text.update(foreign("\n".join(help_lines(row.spec, row.complaint, row.problems))))
            self.help_text.set_class(bool(row.complaint) or any(problem.blocking for problem in row.problems), "-wrong")

    # ---- what is done

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        if isinstance(event.widget, SectionFields):
            self.current = None
            self.help_text.set_class(False, "-wrong")
            titles = ", ".join(spec.title for spec in event.widget.specs)
            self.help_text.update(foreign(f"Enter shows or hides {titles}."))

    def on_field_row_entered(self, event: FieldRow.Entered) -> None:
        self.current = event.row
        self.show_help()

    def on_field_row_refused(self, event: FieldRow.Refused) -> None:
        self.refused = {key: text for key, text in self.refused.items() if key != event.key}
        if event.text:
            self.refused[event.key] = event.text
        self.show_outcome()
        self.post_message(FieldsRefused(self.PLACE, self.refused))

    def on_field_row_edited(self, event: FieldRow.Edited) -> None:
        self.post_message(SessionEdited(event.changes))

    def action_reset(self) -> None:
        if self.current:
            self.current.reset()

    def action_mend(self) -> None:
        """Mend what is wrong with this field, or else the first thing that can be mended."""
        mine = self.current.problems if self.current and self.current.is_attached else []
        for problem in (*mine, *self.problems):
            if problem.mend:
                self.post_message(SessionEdited(dict(problem.mend)))
                return
        self.notify("Nothing here can be mended by itself" if self.problems else "Nothing is wrong")

    # ---- searching

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """The search is only left when it is on."""
        if action == "leave_search":
            return self.search_line.display if self.is_mounted else False
        return True

    def action_search(self) -> None:
        self.current = None
        self.search_line.display = True
        self.search_line.focus()
        self.help_text.update("Type words of a name, a key or its help. Escape shows the whole form.")

    async def find_field(self, key: str) -> None:
        """Show one field, as a search for its key does."""
        self.action_search()
        with self.prevent(Input.Changed):
            self.search_line.value = key
        await self.form.search(key)
        self.form.found.query(FieldRow).first().editor.focus()

    async def action_leave_search(self) -> None:
        self.search_line.value = ""
        self.search_line.display = False
        await self.form.search("")
        self.form.query(FieldRow).first().editor.focus()

    async def on_input_changed(self, event: Input.Changed) -> None:
        if event.input is self.search_line:
            count = await self.form.search(event.value)
            found = f"{count} field{'s' * (count != 1)} with these words. " if event.value.strip() else ""
            self.help_text.update(f"{found}Down goes to them, Escape shows the whole form.")
