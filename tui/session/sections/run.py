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
    webhook: str = option(
        "",
        "Webhook",
        "An address (http or https) that is sent a small JSON message when the run ends: its name, how it ended, its last "
        "figures. It is kept in the session file, as it is; elsewhere only its host is shown.",
        to="urllib.request.Request.full_url",
        pattern=r"^(https?://[^\s/?#]\S*)?$",
        like="an address that begins with http:// or https://",
        secret=True,
    )
