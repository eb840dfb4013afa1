"""A session handed over from the command line: what was found, what was written, what was submitted."""

from __future__ import annotations

import sys

from tui import console
from tui.run import hand_over as handing
from tui.run.folder import RunFolder
from tui.run.handed import Handed, Place, read_handed
from tui.session.problem import Problem
from tui.session.schema import Session


def hand_over(session: Session, to: Place, *, submits: bool | None, as_json: bool) -> int:
    """Write the folder of a job, show it, and submit it; with `submits` None that is asked. Returns the exit code."""
    problems = handing.look(session, to)
    wrong = any(problem.blocking for problem in problems)
    for problem in () if as_json and not wrong else problems:
        console.say(f"unsloth-tui: {problem}" if problem.blocking else f"advice: {problem}")
    if wrong:
        return 1
    folder = handing.write(session, to)
    script = folder.job / handing.FILES[to]
    if not as_json:
        print(console.plain(script.read_text(encoding="utf-8")))
        console.say(f"written to {script}")
    handed, refused = read_handed(folder), ""
    if submits or (submits is None and not as_json and _asked(folder)):
        try:
            handed = handing.submit(folder)
        except OSError as error:
            refused = str(error)
    _tell(folder, handed, refused, problems, as_json=as_json)
    return int(bool(refused))


def _asked(folder: RunFolder) -> bool:
    """Whether somebody at a terminal says that it is to be submitted."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return False
    console.say(f"Submit {folder.name}? Type y and Enter; anything else leaves it as it is written.")
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def _tell(folder: RunFolder, handed: Handed | None, refused: str, problems: list[Problem], *, as_json: bool) -> None:
    to: Place = handed.to if handed else "slurm"
    job, script, by_hand = handed.id if handed else "", folder.job / handing.FILES[to], handing.by_hand(folder, to)
    if as_json:
        told = {"name": folder.name, "folder": str(folder.path), "script": str(script), "job": job or None}
        told |= {"submit_by_hand": by_hand, "refused": refused or None}
        print(console.to_json(told | {"advice": [str(problem) for problem in problems]}))
    elif refused:
        console.say(f"unsloth-tui: it was not submitted: {refused}")
        console.say(f"what is written stays; submit it later with: {by_hand}")
    elif job:
        watched = f"watch it with: unsloth-tui attach {folder.name}"
        console.say(f"submitted as {job}; {watched if to == 'slurm' else handing.after_launch(folder)}")
        print(folder.name)
    else:
        console.say(f"nothing was submitted; do so with: {by_hand}")
        print(folder.name)
