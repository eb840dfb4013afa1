"""``unsloth-tui submit``: a session handed to a cluster or a cloud."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from tui.cli_parts import AsJson, SessionFile, Trust, agree_to_code, load, misused


class To(StrEnum):
    """What a session can be handed to."""

    slurm = "slurm"
    skypilot = "skypilot"


def submit(
    session: SessionFile,
    to: Annotated[To, typer.Option("--to", help="What trains it.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only write the folder; submit nothing, ask nothing.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "--submit", help="Submit without asking.")] = False,
    trust: Trust = False,
    as_json: AsJson = False,
) -> None:
    """Hand a session to a cluster or a cloud: look at it, write its script, show that, and submit it when told to."""
    from tui import submit_console

    if dry_run and yes:
        misused("--dry-run submits nothing; leave out one of --dry-run and --yes")
    loaded = load(session)
    agree_to_code(loaded, trust)
    submits = yes if dry_run or yes else None
    raise typer.Exit(submit_console.hand_over(loaded, to.value, submits=submits, as_json=as_json))
