"""The Runs place: every run so far, and what can be done with it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import ClassVar

from textual import work
from textual.binding import Binding, BindingType
from textual.widgets import DataTable

from tui import words
from tui.run import comparing, curves, queue, trash
from tui.run.handed import read_handed
from tui.run.labels import Labels, write_labels
from tui.run.listing import RunRow
from tui.run.watcher import read_state
from tui.screens.dialogs.ask import AskDialog
from tui.screens.dialogs.compare import CompareDialog
from tui.screens.dialogs.export import ExportDialog
from tui.screens.dialogs.export_curve import CurveDialog
from tui.screens.dialogs.go_on import GoOnDialog, newest_checkpoint
from tui.screens.dialogs.tags import TagsDialog
from tui.screens.messages import RunPicked, RunResumed, SessionCopied, SessionEdited
from tui.screens.runs_list import RunsList
from tui.session import file
from tui.widgets.foreign import plain


class RunsScreen(RunsList):
    """What is done with the run under the cursor, or with the marked ones."""

    CSS_PATH = "runs.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "open", "Open", id="runs.open", tooltip="Watch the run under the cursor, or look at it again"),
        Binding("c", "compare", "Compare", id="runs.compare", tooltip="Lay up to six marked runs beside each other"),
        Binding("t", "tag", "Tags", id="runs.tag", tooltip="Change its tags and notes", show=False),
        Binding("n", "copy", "Copy", id="runs.copy", tooltip="Make a new session from that of the run", show=False),
        Binding("a", "go_on", "Continue", id="runs.continue", tooltip="Train its adapter further in a new run", show=False),
        Binding(
            "r", "resume", "Resume", id="runs.resume", tooltip="Let it go on from its last checkpoint, now or in its turn"
        ),
        Binding(
            "e",
            "write_figures",
            "Figures",
            id="runs.figures",
            tooltip="Write its figures (CSV) or its curve (SVG, PNG) to a file",
            show=False,
        ),
        Binding("E", "export", "Export", id="runs.export", tooltip="Write it for vLLM, llama.cpp, Ollama; push it"),
        Binding("delete,d", "delete", "Delete", id="runs.delete", tooltip="Move it, or the marked ones, to the trash"),
        Binding("u", "undelete", "Undelete", id="runs.undelete", tooltip="Put back what was deleted last", show=False),
        Binding("shift+up", "move('up')", "Earlier", id="queue.up", tooltip="A waiting run: one place forward", show=False),
        Binding("shift+down", "move('down')", "Later", id="queue.down", tooltip="A waiting run: one place back", show=False),
        Binding("shift+home", "move('first')", "First", id="queue.first", tooltip="A waiting run: before all", show=False),
        Binding("h", "hold", "Hold", id="queue.hold", tooltip="A waiting run: hold it back, or let it go", show=False),
        Binding("x", "cancel", "Cancel", id="queue.cancel", tooltip="A waiting run: take it out of the queue", show=False),
    ]

    def on_data_table_row_selected(self, event: DataTable.RowSelected) -> None:
        self.action_open()

    def action_open(self) -> None:
        if row := self.current:
            self.post_message(RunPicked(row.folder, self.PLACE))

    # ---- a new run from an old one

    def action_copy(self) -> None:
        """Lay a copy of the run's session on the desk."""
        if row := self.current:
            try:
                self.post_message(SessionCopied(file.load(row.folder.session)))
            except file.SessionError as error:
                self.say(str(error), wrong=True)

    def action_go_on(self) -> None:
        """Make the present session train the run's adapter further."""
        if not (row := self.current):
            return
        if not (row.folder.adapter / "adapter_config.json").is_file():
            self.say(f"{row.name} has no adapter to go on from")
            return
        try:
            base = file.load(row.folder.session).model.name
        except file.SessionError as error:
            self.say(str(error), wrong=True)
            return
        self.post_message(SessionEdited({"model.name": base, "lora.continue_from": row.path}))
        self.say(f"the session goes on from {row.name}; ctrl+z takes it back")

    @work(group="dialog", exclusive=True)
    async def action_resume(self) -> None:
        """Let a run that has ended go on, now or when its turn comes; a finished one trains for more updates."""
        if not (row := self.current):
            return
        if row.place or not row.ended:
            self.say(f"{row.name} {'waits in the queue already' if row.place else f'is {row.status}'}")
        elif row.discarded:
            self.say(f"{row.name} cannot go on: what it learned was thrown away; n copies its session")
        elif not row.checkpoints:
            self.say(f"{row.name} has no checkpoint to go on from; n copies its session")
        else:
            dialog = GoOnDialog(
                row.name,
                row.step,
                newest_checkpoint(row.folder),
                extends=row.status == "finished",
                planned=row.steps or 0,
            )
            if answer := await self.app.push_screen_wait(dialog):
                self.post_message(RunResumed(row.folder, answer.values, answer.queued))

    # ---- looking closer

    def action_compare(self) -> None:
        rows = self.chosen
        if not 2 <= len(rows) <= comparing.MAX_RUNS:
            self.say(f"mark two to {comparing.MAX_RUNS} runs with the space bar first")
            return
        folders = [row.folder for row in rows]
        self.look(
            "compare",
            lambda _outdated: [comparing.read_run(folder) for folder in folders],
            lambda runs: self.app.push_screen(CompareDialog(runs)),
        )

    @work(group="dialog", exclusive=True)
    async def action_tag(self) -> None:
        if not (row := self.current):
            return
        labels = await self.app.push_screen_wait(TagsDialog(row.name, row.labels))
        if labels is not None and self.done(partial(self.label, row, labels)):
            self.action_look()

    def label(self, row: RunRow, labels: Labels) -> None:
        """Give a run other labels."""
        write_labels(row.folder, labels)

    @work(group="dialog", exclusive=True)
    async def action_write_figures(self) -> None:
        if not (row := self.current):
            return
        write: Callable[[Path], None] = lambda path: curves.export(read_state(row.folder, whole=True), row.name, path)  # noqa: E731
        path = await self.app.push_screen_wait(CurveDialog(str(Path.cwd() / f"{row.name}.svg"), write))
        if path:
            self.say(f"written to {path}")

    def action_export(self) -> None:
        """Write the run in the forms that other programs take."""
        if row := self.current:
            self.app.push_screen(ExportDialog(row.folder))

    # ---- deleting

    @work(group="dialog", exclusive=True)
    async def action_delete(self) -> None:
        rows = self.chosen
        live = [row for row in rows if row.alive and not row.place and not read_handed(row.folder)]
        if live:
            self.say(f"{live[0].name} still has an engine; stop it, or free its memory, before it is deleted")
        elif rows:
            what = rows[0].name if len(rows) == 1 else f"{len(rows)} runs"
            size = words.size(sum(row.size_bytes for row in rows))
            question = f"Move {what} ({size}) to the trash? It stays there for 30 days, and u puts it back."
            if await self.app.push_screen_wait(AskDialog(question, "Delete")):
                for row in rows:
                    self.done(partial(trash.delete, row.folder))
                self.action_look()

    def action_undelete(self) -> None:
        """Put back what was deleted last."""
        found = trash.trashed_runs()
        if not found:
            self.say("the trash is empty")
        elif self.done(partial(trash.restore, found[0])):
            self.say(f"{found[0].name} is back")
            self.action_look()

    # ---- the queue

    def action_move(self, how: queue.Move) -> None:
        self.change_queue(lambda row: queue.move(row.folder, how))

    def action_hold(self) -> None:
        self.change_queue(lambda row: queue.hold(row.folder, not row.held))

    def action_cancel(self) -> None:
        self.change_queue(lambda row: queue.cancel(row.folder))

    def change_queue(self, do: Callable[[RunRow], None]) -> None:
        """Do something with the waiting run under the cursor."""
        if (row := self.current) and not row.place:
            self.say(f"{row.name} does not wait in the queue")
        elif row and self.done(partial(do, row)):
            self.action_look()

    def done(self, do: Callable[[], object]) -> bool:
        """Do something that writes to disk, and say why it did not work. Returns whether it did."""
        try:
            do()
        except (OSError, trash.StillRunning, queue.NotWaiting) as error:
            self.say(str(error), wrong=True)
            return False
        return True

    def say(self, text: str, *, wrong: bool = False) -> None:
        """One sentence in the corner."""
        self.notify(plain(text), severity="error" if wrong else "information", markup=False)
