"""The runs so far: ``runs``, ``curve``, ``delete`` and ``trash``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tui.cli_parts import AsJson, RunName, find, misused, refuse, say

if TYPE_CHECKING:
    from tui.run.folder import RunFolder


def runs(
    words: Annotated[list[str] | None, typer.Argument(metavar="[WORD]...", help="Only runs that have these words.")] = None,
    as_json: AsJson = False,
) -> None:
    """List every run: those that wait in their order, then the others, the newest first."""
    from tui import console
    from tui.run.listing import Listing, matching

    for row in matching(Listing().rows(), " ".join(words or ())):
        print(console.to_json(console.table_row(row)) if as_json else console.run_line(row))


def curve(
    name: RunName,
    to: Annotated[Path, typer.Option("--to", metavar="FILE", help="A file to write; .csv, .svg or .png says as what.")],
) -> None:
    """Write a run's figures: every update as CSV, or the curve of the loss as a picture (SVG, PNG)."""
    from tui import console
    from tui.run import curves
    from tui.run.watcher import read_state

    folder = find(name)
    try:
        curves.export(read_state(folder, whole=True), folder.name, to.absolute())
    except curves.UnknownKind as error:
        misused(str(error))
    console.say(f"written to {to}")


def delete(
    names: Annotated[list[str], typer.Argument(metavar="RUN", help="Runs: their names, parts of these, or folders.")],
) -> None:
    """Move runs to the trash, where they are kept for thirty days; one that is at work stays."""
    from tui import console
    from tui.run import trash as bin
    from tui.run.queue import NotWaiting

    code = 0
    for folder in dict.fromkeys(map(_kept_here, names)):
        try:
            there = bin.delete(folder).name
        except (bin.StillRunning, NotWaiting) as error:
            say(str(error))
            code = 1
        else:
            console.say(f"{folder.name} is in the trash for 30 days; put it back with: unsloth-tui trash --restore {there}")
    raise typer.Exit(code)


def _kept_here(name: str) -> RunFolder:
    """The run that a name means, among those of this user: any other folder with a session in it is not ours to move."""
    from tui.resources import home

    folder = find(name)
    if folder.path.parent.resolve() != (home() / "runs").resolve():
        refuse([f"{folder.path} is not among the runs in {home() / 'runs'}; delete it as you delete other folders"])
    return folder


def trash(
    restore: Annotated[str, typer.Option(metavar="RUN", help="Put this run back among the others.")] = "",
    empty: Annotated[bool, typer.Option("--empty", help="Delete for good what is in it.")] = False,
) -> None:
    """List deleted runs, which are kept for thirty days; put one back, or delete all of them for good."""
    from tui import console, words
    from tui.run import trash as bin

    found = bin.trashed_runs()
    if restore:
        wanted = [it for it in found if it.name == restore] or [it for it in found if restore in it.name]
        if len(wanted) != 1:
            refuse([f"there is no run {restore} in the trash, or more than one; see: unsloth-tui trash"])
        console.say(f"{bin.restore(wanted[0]).name} is back")
    elif empty:
        count = bin.empty()
        console.say(f"{count} run{'s were' if count != 1 else ' was'} deleted for good")
    else:
        for it in found:
            print(console.one_line(f"{it.name:44} {words.size(it.size_bytes)}"))
