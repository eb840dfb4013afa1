"""The list of a run's exports: what is being made, what is there, how to use it, and what can be done with it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from rich.text import Text
from textual import work
from textual.getters import query_one
from textual.widgets import DataTable, Static

from tui.run import export_jobs
from tui.run.export_jobs import Job
from tui.run.exports import Exported, delete_export, list_exports, uses
from tui.run.folder import RunFolder
from tui.screens import export_text
from tui.screens.dialogs.ask import AskDialog
from tui.screens.dialogs.base import Dialog
from tui.widgets.foreign import cell, foreign, plain


class ExportsDialog(Dialog[None]):
    """Shows them and keeps them up to date; whoever composes it has a table and a text below."""

    HELP = (
        "Makes of a run what others can use: the adapter alone, a merged model for vLLM and transformers, or GGUF for "
        "llama.cpp, Ollama and LM Studio. It goes on when this is closed, each result is asked something before it is "
        "called whole, and lines to use it with stand below."
    )

    table = query_one("#exports", DataTable)
    about = query_one("#uses", Static)

    def __init__(self, run: RunFolder) -> None:
        super().__init__()
        self.run_folder = run
        self.shown: list[Job | Exported] = []
        self.copied = -1
        """Which line of the export under the cursor was copied last."""

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
