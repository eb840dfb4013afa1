"""``unsloth-tui queue``: sessions that wait for a GPU."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from tui.cli_parts import AsJson, RunName, SessionFile, Trust, find, load_checked

if TYPE_CHECKING:
    from tui.run.folder import RunFolder


class Move(StrEnum):
    """Where a waiting run is moved."""

    up = "up"
    down = "down"
    first = "first"


queue_app = typer.Typer(help="Let sessions wait for a GPU, and see or change their order.", rich_markup_mode=None)


@queue_app.callback()
def queue(context: typer.Context, as_json: AsJson = False) -> None:
    """Say what waits, in its order, and what for; with a command, change that."""
    from tui import queue_console

    if context.invoked_subcommand is None:
        queue_console.show(as_json=as_json)


@queue_app.command("add")
def queue_add(
    session: SessionFile,
    trust: Trust = False,
    share: Annotated[bool, typer.Option("--share", help="Start beside another run if the memory is enough.")] = False,
) -> None:
    """Let a session wait for a GPU behind the others: print its run's name and return."""
    from tui import queue_console

    queue_console.add(load_checked(session, trust), shares=share)


@queue_app.command("start")
def queue_start(
    name: Annotated[str, typer.Argument(metavar="[RUN]", help="Start this one now, whatever else computes there.")] = "",
) -> None:
    """Go on with the queue where nobody does, after a reboot say; or start one run before its turn."""
    from tui import queue_console

    if not name:
        queue_console.start()
    elif not queue_console.start_now(find(name)):
        raise typer.Exit(1)


@queue_app.command("move")
def queue_move(name: RunName, to: Annotated[Move, typer.Argument(help="Where to.")]) -> None:
    """Let a waiting run change places with its neighbour, or go before all others."""
    from tui.run import queue as waiting

    _change_queue(name, lambda folder: waiting.move(folder, to.value))


@queue_app.command("hold")
def queue_hold(name: RunName) -> None:
    """Keep a run waiting whatever is free."""
    from tui.run import queue as waiting

    _change_queue(name, lambda folder: waiting.hold(folder, held=True))


@queue_app.command("release")
def queue_release(name: RunName) -> None:
    """Let a run that is on hold be started when its turn comes."""
    from tui.run import queue as waiting

    _change_queue(name, lambda folder: waiting.hold(folder, held=False))


@queue_app.command("cancel")
def queue_cancel(name: RunName) -> None:
    """Take a run out of the queue; its folder stays."""
    from tui.run import queue as waiting

    _change_queue(name, waiting.cancel)


def _change_queue(name: str, do: Callable[[RunFolder], None]) -> None:
    from tui import queue_console

    if not queue_console.change(find(name), do):
        raise typer.Exit(1)
