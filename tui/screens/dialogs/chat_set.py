"""A set of prompts: which ones are asked, and a table of what both models answered, with its measures."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.coordinate import Coordinate
from textual.reactive import var
from textual.widgets import DataTable, Input, Label, Static

from tui.resources import expanded
from tui.run import prompt_set
from tui.run.chat_commands import PromptSource
from tui.run.chat_events import Voice
from tui.run.partners import Around
from tui.run.prompt_set import PromptSet, SetAnswer, SetRow, measure, measure_words
from tui.run.said import difference
from tui.screens.chat_messages import AnswerCancelled, PromptSetSent
from tui.screens.dialogs.base import Dialog
from tui.screens.dialogs.path import SaveDialog
from tui.widgets.choice import Choice
from tui.widgets.foreign import cell, foreign, plain
from tui.widgets.key_bar import KeyBar
from tui.widgets.paths import PathSuggester

SOURCES: dict[str, PromptSource] = {"sample prompts": "session", "held-out part": "held-out", "a file": "file"}
LAST = "last"
PROMPT_WIDTH, REFERENCE_WIDTH = 34, 20
EXACT = {True: "✓", False: "✗", None: ""}


class AskSetDialog(Dialog[PromptSetSent | str | None]):
    """Which prompts are asked; Escape asks none. ``last`` means the answers that are there already."""

    HELP = (
        "Lets each voice answer many prompts, one after the other: the session's sample prompts, the part of the data "
        "that is held out, or a file. Where an answer is known, the table says how many are exactly right."
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", "Cancel", show=False),
        Binding("enter", "ask", "Ask", show=False, priority=True),
        Binding("ctrl+l", "last", "The last answers", show=False, priority=True),
    ]

    def __init__(self, around: Around, voices: tuple[Voice, ...], last: PromptSet | None) -> None:
        super().__init__()
        self.around, self.voices, self.last = around, voices, last

    def compose(self) -> ComposeResult:
        samples = len(self.around.settings.evaluation.sample_prompts)
        first = next(word for word, source in SOURCES.items() if source == ("session" if samples else "held-out"))
        with Vertical(classes="dialog"):
            yield Label("Answer many prompts", classes="section", markup=False)
            with Horizontal(classes="row"):
                yield Label("Prompts    ")
                yield Choice(tuple(SOURCES), first)
            yield Label(f"  the session has {samples} sample prompts", classes="hint")
            with Horizontal(classes="row"):
                yield Label("File       ")
                yield Input(placeholder="a dataset, or a text with a prompt a line", id="file", suggester=PathSuggester())
            with Horizontal(classes="row"):
                yield Label("At most    ")
                yield Input("20", id="count", type="integer")
            yield Static("", classes="complaint", markup=False)
            yield Label(foreign(f"answered by: {' and '.join(self.voices)} (alt+w in the chat changes that)"))
            last = ", ctrl+l shows the last answers" if self.last else ""
            yield Label(f"Enter asks{last}, Escape cancels", classes="hint")

    def on_mount(self) -> None:
        for entry in self.query(Input):
            entry.compact = True
        self.query_one("#count", Input).focus()
        self.show_file()

    def on_choice_changed(self) -> None:
        self.show_file()

    def show_file(self) -> None:
        """Ask for a file only where one is meant."""
        self.query_one("#file", Input).disabled = self.source != "file"

    @property
    def source(self) -> PromptSource:
        return SOURCES[self.query_one(Choice).value]

    def action_last(self) -> None:
        if self.last:
            self.dismiss(LAST)

    def action_ask(self) -> None:
        """Ask what is chosen, or say what is wrong with it."""
        name, count = (self.query_one(id, Input).value.strip() for id in ("#file", "#count"))
        complaint = "" if count.isdecimal() and int(count) > 0 else "how many prompts are asked is a number above 0"
        path = ""
        if self.source == "file":
            path = str(expanded(name).absolute()) if name else ""
            complaint = complaint or ("" if path and Path(path).is_file() else f"there is no file {name}")
        if self.source == "session" and not self.around.settings.evaluation.sample_prompts:
            complaint = "the session has no sample prompts (Tune, Evaluation)"
        if complaint:
            self.query_one(".complaint", Static).update(foreign(complaint))
        else:
            self.dismiss(PromptSetSent(self.source, path, int(count), self.voices))


class PromptSetScreen(Dialog[None]):
    """The answers as they come, a row each, and the row under the cursor in full."""

    HELP = (
        "Each row is a prompt with the answers to it, their length in tokens, the seconds they took, and whether they "
        "equal the reference. Below is the row under the cursor, with the words underlined that are otherwise."
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "Stop, close", id="set.leave", tooltip="Stop the answers; once they ended, close"),
        Binding("w", "save", "Write to a file", id="set.save", tooltip="Write it as JSON lines, as Markdown, or as both"),
    ]

    found: var[PromptSet | None] = var(None, init=False)

    def __init__(self, found: PromptSet | None) -> None:
        super().__init__()
        self.set_reactive(PromptSetScreen.found, found)
        self.shown: list[SetRow] = []
        self.judged = False
        """Whether there are references, and the table has columns for them."""

    def compose(self) -> ComposeResult:
        with Vertical(id="set"):
            yield Label("", id="set-title", markup=False)
            yield DataTable(cursor_type="row", zebra_stripes=True)
            with VerticalScroll(id="set-row", can_focus=False):
                yield Static("", id="set-detail", markup=False)
            yield KeyBar()

    def on_mount(self) -> None:
        self.show()

    def watch_found(self, before: PromptSet | None, after: PromptSet | None) -> None:
        if self.is_mounted:
            self.show()

    def show(self) -> None:
        """Bring the table to what has come."""
        found = self.found
        table: DataTable[object] = self.query_one(DataTable)
        if found is None:
            self.query_one("#set-title", Label).update("asking …")
            return
        judged = any(row.reference for row in found.rows)
        if not table.columns or judged != self.judged:
            self.judged, self.shown = judged, []
            self.add_columns(table, found)
        for at, row in enumerate(found.rows):
            if at >= len(self.shown):
                table.add_row(*self.cells(at, row, found))
            elif row is not self.shown[at]:
                for column, value in enumerate(self.cells(at, row, found)):
                    table.update_cell_at(Coordinate(at, column), value, update_width=True)
        self.shown = list(found.rows)
        self.query_one("#set-title", Label).update(foreign(title(found)))
        self.show_row(table.cursor_row)

    def add_columns(self, table: DataTable[object], found: PromptSet) -> None:
        """A column for each voice and measure; what is exact is known only where there are references."""
        table.clear(columns=True)
        table.add_columns("#", "prompt", *(["reference"] if self.judged else []))
        for voice in found.voices:
            table.add_columns(voice, "tokens", "     s", *(["exact"] if self.judged else []))

    def cells(self, at: int, row: SetRow, found: PromptSet) -> list[object]:
        """A row of the table."""
        narrow = self.app.size.width < 100
        width = max(10, (self.app.size.width - 40) // (1 + len(found.voices)) - 14 * (not narrow))
        told: list[object] = [str(at + 1), cell(row.prompt, min(width, PROMPT_WIDTH))]
        told += [cell(row.reference, min(width, REFERENCE_WIDTH))] if self.judged else []
        for voice in found.voices:
            if answer := row.answers.get(voice):
                told += [cell(shown(answer), width), f"{answer.tokens:6,}", f"{answer.seconds:6.1f}"]
            else:
                told += ["" if found.done else "…", "", ""]
            told += [EXACT[row.exact(voice)]] if self.judged else []
        return told

    def on_data_table_row_highlighted(self, event: DataTable.RowHighlighted) -> None:
        self.show_row(event.cursor_row)

    def show_row(self, at: int) -> None:
        """Show a row in full, with the words marked that the answers have otherwise."""
        if self.found and 0 <= at < len(self.found.rows):
            self.query_one("#set-detail", Static).update(detail(self.found.rows[at], self.found))

    def action_leave(self) -> None:
        if self.found and not self.found.done:
            self.app.post_message(AnswerCancelled())
            self.notify("stopping; Escape once more closes it")
            self.found = prompt_set.stopped(self.found)
        else:
            self.dismiss()

    @work(group="dialog", exclusive=True)
    async def action_save(self) -> None:
        found = self.found
        if found is None or not found.rows:
            self.notify("there are no answers yet")
            return
        hint = ".jsonl: a line a prompt; .md: a table to read; another name: both. Enter writes, Escape cancels"
        dialog = SaveDialog(
            "Write the answers to",
            str(Path.cwd() / "answers"),
            lambda path: prompt_set.save(found, path),
            hint=hint,
            complaint=lambda _: "",
            places=prompt_set.places,
        )
        if path := await self.app.push_screen_wait(dialog):
            self.notify(plain(f"written to {' and '.join(map(str, prompt_set.places(path)))}"), markup=False)


def title(found: PromptSet) -> str:
    """How far it is, and the measures of each voice."""
    if not found.rows and not found.done:
        return f"{found.model}: the first answers are being written …"
    lines = [f"{found.model}: {found.answered} of {max(found.of, len(found.rows)) * len(found.voices)} answers"]
    if found.error:
        lines.append(f"✗ {found.error}")
    lines += [f"{voice:6} {measure_words(measure(found, voice))}" for voice in found.voices if found.rows]
    return "\n".join(lines)


def shown(answer: SetAnswer) -> str:
    """What was answered, or why nothing was."""
    return f"✗ {answer.error}" if answer.error else answer.text


def detail(row: SetRow, found: PromptSet) -> Content:
    """One row in full."""
    parts = [Content.styled("prompt\n", "bold"), foreign(row.prompt)]
    if row.reference:
        parts += [Content.styled("\n\nreference\n", "bold"), foreign(row.reference)]
    for voice in found.voices:
        if answer := row.answers.get(voice):
            against = row.reference or next((it.text for other, it in row.answers.items() if other != voice), "")
            parts.append(Content.styled(f"\n\n{voice}\n", "bold"))
            marked = difference(shown(answer), against)
            parts += [
                Content.styled(plain(text), "bold underline") if differs and marked.compared and against else foreign(text)
                for text, differs in marked.left
            ]
    return Content("").join(parts)
