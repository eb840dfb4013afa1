"""A run's exports: what can be made of it, what is being made, what is there, and how to use it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from functools import partial
from typing import ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.getters import query_one
from textual.widgets import Button, DataTable, Input, Label, OptionList, Static
from textual.widgets.option_list import Option

from tui.catalog.local import is_path
from tui.run import export_jobs
from tui.run.export_ahead import Ahead, look_ahead
from tui.run.export_base import hub_name
from tui.run.export_commands import Export, ExportKind, Push
from tui.run.folder import RunFolder
from tui.screens import export_text
from tui.screens.dialogs.exports import ExportsDialog
from tui.widgets.choice import Choice
from tui.widgets.foreign import foreign

REFRESH_S = 1.0
RESULT, PRIVATE, FETCH = "result", "private", "yes"
KINDS: tuple[ExportKind, ...] = tuple(export_text.KINDS)
NEWEST_CHECKPOINTS = 8


class ExportDialog(ExportsDialog):
    """Chooses an export, starts it in a process of its own, and follows it; closing it stops nothing."""

    CSS_PATH = "export.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss", "Close", show=False),
        Binding("ctrl+e", "export", "Export", show=False, priority=True),
        Binding("x", "cancel", "Cancel", show=False),
        Binding("c", "copy", "Copy", show=False),
        Binding("delete", "delete", "Delete", show=False),
    ]

    kinds = query_one("#kinds", OptionList)
    told = query_one("#needs", Static)

    def __init__(self, run: RunFolder) -> None:
        super().__init__(run)
        self.base_offered = False
        """Whether what its configuration calls the base model has been proposed; it may be deleted then."""

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Label(foreign(f"Export {self.run_folder.name}"), classes="section")
            yield OptionList(*(Option(foreign(export_text.kind_line(kind)), id=kind) for kind in KINDS), id="kinds")
            with Horizontal(id="how"):
                yield Label("Weights")
                yield Choice((RESULT, *self.checkpoints()), RESULT, id="weights")
                yield Label("Quantisation", classes="-gguf")
                yield Input("q4_k_m", id="quantisations", compact=True, classes="-gguf")
            yield Static("", id="quantisation", markup=False, classes="-gguf")
            with Horizontal(id="push"):
                yield Label("Push to")
                yield Input(placeholder="owner/name on the hub, or nothing", id="repository", compact=True)
                yield Choice((PRIVATE, "public"), PRIVATE, id="private")
                yield Label("fetch llama.cpp", classes="-gguf")
                yield Choice(("no", FETCH), "no", id="fetch", classes="-gguf")
            with Horizontal(id="named"):
                yield Label("Base model")
                yield Input(placeholder="owner/name on the hub, where others find it", id="base", compact=True)
            yield Static("", id="needs", markup=False)
            with Horizontal(classes="buttons"):
                yield Button("Close", id="close", compact=True)
                yield Button("Export", id="go", variant="primary", compact=True)
            yield DataTable(id="exports", cursor_type="row", show_header=False)
            yield Static("", id="uses", markup=False)
            hint = "ctrl+e exports; in the list c copies a line, x cancels, del deletes"
            yield Label(hint, classes="hint", markup=False)

    def checkpoints(self) -> Iterable[str]:
        """The updates after which there is a checkpoint, the newest first."""
        return tuple(map(str, self.run_folder.checkpoint_paths()))[:NEWEST_CHECKPOINTS]

    def on_mount(self) -> None:
        self.table.add_columns("name", "size", "state")
        self.kinds.highlighted = 0
        self.kinds.focus()
        self.show_exports()
        self.set_interval(REFRESH_S, self.show_exports)

    # ---- what is wanted

    @property
    def kind(self) -> ExportKind:
        return KINDS[self.kinds.highlighted or 0]

    def wanted(self) -> Export:
        """What is chosen now."""
        weights = self.query_one("#weights", Choice).value
        typed = self.query_one("#quantisations", Input).value
        repository = self.query_one("#repository", Input).value.strip()
        private, base = self.query_one("#private", Choice).value == PRIVATE, self.query_one("#base", Input).value.strip()
        push = Push(repository, private=private, base=base) if repository else None
        return export_jobs.request(
            self.run_folder,
            self.kind,
            [word.strip().lower() for word in typed.split(",") if word.strip()],
            None if weights == RESULT else int(weights),
            push,
            fetch_llama_cpp=self.query_one("#fetch", Choice).value == FETCH,
        )

    def on_option_list_option_highlighted(self) -> None:
        self.set_class(self.kind == "gguf", "-gguf")
        self.look()

    def on_option_list_option_selected(self) -> None:
        self.action_export()

    def on_choice_changed(self) -> None:
        self.look()

    def on_input_changed(self) -> None:
        self.look()

    @work(group="ahead", exclusive=True)
    async def look(self) -> None:
        """Find out what the chosen export needs, and say so."""
        asked = self.wanted()
        typed = self.query_one("#quantisations", Input).value
        self.query_one("#quantisation", Static).update(foreign(export_text.quantisation_lines(typed)))
        self.show_needs(asked, await asyncio.to_thread(look_ahead, asked))

    def show_needs(self, asked: Export, ahead: Ahead) -> None:
        """Say what it needs; where the base model of what is pushed is a folder, ask what it is called on the hub."""
        named = asked.push is not None and is_path(ahead.base)
        if named and not self.base_offered:
            self.base_offered = True
            self.query_one("#base", Input).value = hub_name(ahead.base)
        self.set_class(named, "-named")
        self.told.update(foreign(export_text.needs(ahead)))
        self.told.set_class(bool(ahead.problems), "-refused")

    # ---- what is done

    def on_button_pressed(self, event: Button.Pressed) -> None:
        if event.button.id == "close":
            self.dismiss()
        else:
            self.action_export()

    @work(group="export", exclusive=True)
    async def action_export(self) -> None:
        """Start what is chosen, unless it cannot be made here."""
        asked = self.wanted()
        ahead = await asyncio.to_thread(look_ahead, asked)
        self.show_needs(asked, ahead)
        if ahead.problems:
            self.say(f"{asked.name} cannot be made here: {ahead.problems[0]}")
        elif self.done(partial(export_jobs.start, asked)):
            self.show_exports()
            self.table.focus()
