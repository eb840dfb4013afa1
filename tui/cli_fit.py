"""``unsloth-tui fit``: which settings train a session fastest here."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from tui.cli_parts import AsJson, Trust, load_checked


class Answer(StrEnum):
    """Which of the two answers is written into the session."""

    same = "same"
    fastest = "fastest"


def fit(
    session: Annotated[Path, typer.Argument(metavar="SESSION.toml", help="A session file.")],
    minutes: Annotated[float, typer.Option(min=0.1, help="No setting is begun later; loading does not count.")] = 3,
    apply: Annotated[
        Answer | None, typer.Option(help="Change the file: to what learns the very same, or to the fastest of all.")
    ] = None,
    trust: Trust = False,
    as_json: AsJson = False,
) -> None:
    """Measure the fastest settings that fit this GPU, with real updates of the session; Ctrl-C ends with the best so far."""
    from tui import fit_console
    from tui.console import say
    from tui.session import file

    asked = load_checked(session, trust)
    told = fit_console.fit(asked, minutes * 60, as_json=as_json)
    if told.error:
        raise typer.Exit(1)
    if apply is None:
        return
    changes = fit_console.changes_of(told, apply.value)
    if changes:
        file.save(file.replace_values(file.load_as_written(session), changes), session, session)
        say(f"{session} has these settings now: {', '.join(f'{key} = {value}' for key, value in changes.items())}")
