"""``[run]``: what the run is called, and who is told."""

from __future__ import annotations

from tui.session.fields import option
from tui.session.sections.base import Section


class RunSection(Section):
    name: str = option(
        "",
        "Name",
        "A word for this run, used in the name of its folder and in reports; empty makes one of model and data.",
        to="SFTConfig.run_name",
        max_length=60,
    )
    notes: str = option("", "Notes", "Whatever you want to remember about it.")
    tags: tuple[str, ...] = option((), "Tags", "Words to find it by, with commas.")
    notify: tuple[str, ...] = option(
        (),
        "Notify",
        'A program that is called when the run ends, with its words, like notify-send, "Training"; '
        "the run and its outcome are added.",
        to="subprocess.run.args",
    )
