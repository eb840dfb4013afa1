"""A run's exports: what can be made of it, what is being made, what is there, and how to use it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from functools import partial
from typing import ClassVar

from rich.text import Text
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
from tui.run.export_jobs import Job
from tui.run.exports import Exported, delete_export, list_exports, uses
from tui.run.folder import RunFolder
from tui.screens import export_text
from tui.screens.dialogs.ask import AskDialog
from tui.screens.dialogs.base import Dialog
from tui.widgets.choice import Choice
from tui.widgets.foreign import cell, foreign, plain

REFRESH_S = 1.0
RESULT, PRIVATE, FETCH = "result", "private", "yes"
KINDS: tuple[ExportKind, ...] = tuple(export_text.KINDS)
NEWEST_CHECKPOINTS = 8


class ExportDialog(Dialog[None]):
    """Chooses an export, starts it in a process of its own, and follows it; closing it stops nothing."""

    HELP = (
        "Makes of a run what others can use: the adapter alone, a merged model for vLLM and transformers, or GGUF for "
        "llama.cpp, Ollama and LM Studio. It goes on when this is closed, each result is asked something before it is "
        "called whole, and lines to use it with stand below."
    )
    CSS_PATH = "export.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss", "Close", show=False),
        Binding("ctrl+e", "export", "Export", show=False, priority=True),
        Binding("x", "cancel", "Cancel", show=False),
        Binding("c", "copy", "Copy", show=False),
        Binding("delete", "delete", "Delete", show=False),
    ]

    kinds = query_one("#kinds", OptionList)
    table = query_one("#exports", DataTable)
    told = query_one("#needs", Static)
    about = query_one("#uses", Static)

    def __init__(self, run: RunFolder) -> None:
        super().__init__()
        self.run_folder = run
        self.shown: list[Job | Exported] = []
        self.copied = -1
        """Which line of the export under the cursor was copied last."""
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

    def action_cancel(self) -> None:
        """Give up the export under the cursor."""
        if isinstance(it := self.current, Job) and not it.state.ended:
            self.done(partial(export_jobs.cancel, it))

    def action_copy(self) -> None:
        """Copy the next line that says how to use the export under the cursor."""
        if isinstance(it := self.current, Exported) and (lines := list(uses(it).items())):
            self.copied = (self.copied + 1) % len(lines)
            program, line = lines[self.copied]
            self.app.copy_to_clipboard(line)
            self.say(f"copied for {program}: {line}", wrong=False)

    @work(group="export", exclusive=True)
    async def action_delete(self) -> None:
        """Delete the export under the cursor for good."""
        if not isinstance(it := self.current, Exported):
            return
        question = f"Delete {it.record.name} for good? It can be made again."
        if await self.app.push_screen_wait(AskDialog(question, "Delete")) and self.done(partial(delete_export, it)):
            self.show_exports()

    def done(self, do: Callable[[], object]) -> bool:
        """Do something that writes to disk, and say why it did not work. Returns whether it did."""
        try:
            do()
        except OSError as error:
            self.say(str(error))
            return False
        return True

    def say(self, text: str, *, wrong: bool = True) -> None:
        """One sentence in the corner."""
        self.notify(plain(text), severity="error" if wrong else "information", markup=False)

    # ---- what is there

    @property
    def current(self) -> Job | Exported | None:
        """What is under the cursor of the list."""
        at = self.table.cursor_row
        return self.shown[at] if 0 <= at < len(self.shown) else None

    def show_exports(self) -> None:
        """Bring the list up to date: what is being made or was not, then what is there."""
        there = list_exports(self.run_folder)
        jobs = [job for job in export_jobs.jobs_of(self.run_folder) if not job.state.result]
        shown: list[Job | Exported] = [*reversed(jobs), *there]
        if shown == self.shown and self.table.row_count:
            return
        at = self.table.cursor_row
        self.shown = shown
        self.table.clear()
        for it in shown:
            cells = export_text.job_cells(it) if isinstance(it, Job) else export_text.export_cells(it)
            self.table.add_row(*map(cell, cells))
        if not shown:
            self.table.add_row(Text("nothing was exported of this run yet"), "", "")
        self.table.move_cursor(row=min(at, max(0, len(shown) - 1)), animate=False)
        self.show_uses()

    def on_data_table_row_highlighted(self) -> None:
        self.copied = -1
        self.show_uses()

    def show_uses(self) -> None:
        """How to use what is under the cursor, or why it is not there."""
        match self.current:
            case Exported() as it:
                told = export_text.use_lines(it)
            case Job() as it:
                told = export_text.job_cells(it)[2]
            case _:
                told = ""
        self.about.update(foreign(told))
