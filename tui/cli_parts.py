"""What the commands have in common: their arguments, what they name, and how they refuse."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

if TYPE_CHECKING:
    from tui.run.folder import RunFolder
    from tui.session.schema import Session

SessionFile = Annotated[Path, typer.Argument(metavar="SESSION.toml", help="A session file.")]
RunName = Annotated[str, typer.Argument(metavar="RUN", help="A run: its name, a part of it, its folder, or latest.")]
Trust = Annotated[bool, typer.Option("--trust", help="Run the code that the session brings, now and from now on.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object a line instead of words.")]


def load(path: Path) -> Session:
    """The session of a file; one that cannot be read is refused."""
    from tui.session import file

    try:
        return file.load(path)
    except file.SessionError as error:
        refuse(str(problem) for problem in error.problems)


def load_checked(path: Path, trust: bool) -> Session:
    """The session of a file, refused with every problem at once when it cannot be trained or was not agreed to."""
    from tui import console
    from tui.run.preflight import preflight

    session = load(path)
    problems = preflight(session)
    if any(problem.blocking for problem in problems):
        refuse(str(problem) for problem in problems if problem.blocking)
    for problem in problems:
        console.say(f"advice: {problem}")
    agree_to_code(session, trust)
    return session


def with_options(session: Session, options: Mapping[str, object]) -> Session:
    """A session with the values that options have, by key; an option that cannot have its value is bad usage."""
    from tui.session import file

    try:
        return file.replace_values(session, options)
    except file.SessionError as error:
        misused(*map(str, error.problems))


def agree_to_code(session: Session, trust: bool) -> None:
    """Refuse a session that brings code which was not agreed to, unless that is done now."""
    from tui.session import consent

    codes = consent.unagreed(session)
    if codes and not trust:
        brings = "; ".join(code.text for code in codes)
        refuse([f"this session would run {brings}; if you agree to that, once and for all, add --trust"])
    if codes:
        consent.agree(codes)


def find(name: str) -> RunFolder:
    """The run that a name means; refused where there is none."""
    from tui.run.folder import find_run

    folder = find_run(name)
    if folder is None:
        refuse([f"there is no run {name}, or more than one; see: unsloth-tui runs"])
    return folder


def refuse(sentences: object) -> NoReturn:
    """Say what is wrong, a line each, and end with 1."""
    for sentence in sentences:  # type: ignore[attr-defined]
        say(str(sentence))
    raise typer.Exit(1)


def misused(*sentences: str) -> NoReturn:
    """Say what a command line cannot mean, a line each, and end with 2."""
    for sentence in sentences:
        say(sentence)
    raise typer.Exit(2)


def say(sentence: str) -> None:
    """One line on stderr, with the name of the program."""
    from tui import console

    console.say(f"unsloth-tui: {console.one_line(sentence)}")
