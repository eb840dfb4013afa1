"""What a session, a dataset and this box are like: ``check``, ``diff``, ``inspect`` and ``doctor``."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import Annotated

import typer

from tui.cli_parts import AsJson, SessionFile, load, refuse, with_options


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


def diff(
    session: SessionFile,
    other: Annotated[Path | None, typer.Argument(metavar="[OTHER.toml]", help="Left out: the defaults.")] = None,
    as_json: AsJson = False,
) -> None:
    """Say what a session changes, against the defaults or against another session."""
    from tui import console
    from tui.session.diff import key_differences
    from tui.session.schema import Session

    before, after = (load(session), load(other)) if other else (Session(), load(session))
    for it in key_differences(before, after):
        told = f"{it.key:40} {it.before:24} {it.after}"
        print(console.to_json(it) if as_json else console.one_line(told))


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
    asked = with_options(load(Path(dataset)) if is_session else Session(), changes)
    try:
        session = file.anchored(asked, Path.cwd())
        code = inspect_console.inspect(session, as_json=as_json)
        if write:
            before = load(write) if write.exists() else Session()
            data = {f"data.{name}": value for name, value in session.data.model_dump().items()}
            file.save(file.replace_values(before, data), write, write)
    except file.SessionError as error:
        refuse(str(problem) for problem in error.problems)
    raise typer.Exit(code)


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
