"""The themes: one TOML file each, the program's own and the user's, and this program's own colours for any other theme."""

from __future__ import annotations

import tomllib
from dataclasses import fields
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Any

from textual.color import Color, ColorParseError
from textual.design import ColorSystem
from textual.theme import Theme

from tui.resources import config, resource

OWN = ("unsloth-dark", "unsloth-light", "contrast-dark", "contrast-light", "clear-dark", "fjord", "ember", "paper")
"""The themes that come with the program, in the order in which they are offered."""
DEFAULT, SIXTEEN_COLOURS = "unsloth-dark", "ansi-dark"
"""What is shown at first, and what where the terminal has no more than sixteen colours."""
COLOURS = (
    "primary", "secondary", "accent", "foreground", "background", "surface", "panel", "boost", "success", "warning", "error",
)  # fmt: skip
SLOTS = ("gauge-ok", "gauge-warn", "gauge-hot", "curve-raw", "curve-train", "curve-eval")
"""This program's own colours, which a theme may set under [variables]."""


class ThemeFault(Exception):
    """A theme file that cannot be used; the text names every key that is wrong."""


def own_slots(theme: Theme) -> dict[str, str]:
    """The program's own colour slots, taken from a theme's design tokens.

    ``faint`` and ``less-faint`` are for frames and scales: nearer to the text than a panel, in dark and in light themes.
    """
    shades, nearer = theme.to_color_system().generate(), "lighten" if theme.dark else "darken"
    return {
        "faint": shades[f"panel-{nearer}-2"],
        "less-faint": shades[f"panel-{nearer}-3"],
        "gauge-ok": theme.success or theme.primary,
        "gauge-warn": theme.warning or theme.primary,
        "gauge-hot": theme.error or theme.primary,
        "curve-raw": theme.secondary or theme.primary,
        "curve-train": theme.primary,
        "curve-eval": theme.accent or theme.primary,
    }


@cache
def load_themes() -> tuple[Theme, ...]:
    """Every theme that comes with the program, read once. Raises ThemeFault on a damaged one."""
    return tuple(read_theme(resource("themes") / f"{name}.toml") for name in OWN)


def read_theme(path: Path) -> Theme:
    """One theme file; without a name it is called as the file is. Raises ThemeFault."""
    try:
        told = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:  # a number of thousands of digits is a plain ValueError
        raise ThemeFault(str(error)) from None
    told.setdefault("name", path.stem)
    if faults := faults_of(told):
        raise ThemeFault("; ".join(faults))
    return Theme(**told)


def faults_of(told: dict[str, Any]) -> list[str]:
    """What is wrong with what a theme file says, a sentence for each key."""
    known = [field.name for field in fields(Theme)]
    faults = [f"there is no key {key}{_near(key, known)}" for key in told if key not in known]
    variables = told.get("variables", {})
    if not isinstance(variables, dict):
        return [*faults, "[variables] should be a table"]
    allowed = [*SLOTS, *ColorSystem("#000000").generate()]
    faults += [f"there is no variable {key}{_near(key, allowed)}" for key in variables if key not in allowed]
    if "primary" not in told:
        faults.append("primary is missing")
    colours = {key: told[key] for key in COLOURS if key in told} | variables
    faults += [f"{key} = {value!r} is no colour, such as '#5eb88a'" for key, value in colours.items() if not _colour(value)]
    kinds: dict[str, type | tuple[type, ...]] = {
        "name": str, "dark": bool, "ansi": bool, "luminosity_spread": (int, float), "text_alpha": (int, float),
    }  # fmt: skip
    return faults + [f"{key} = {told[key]!r} is of the wrong kind" for key, kind in kinds.items() if _other(told, key, kind)]


class UserThemes:
    """The user's own theme files, looked at again and again."""

    def __init__(self) -> None:
        self.folder = config() / "themes"
        self.seen: dict[Path, int] = {}
        """When each file was last changed, as it was last read."""
        self.names: dict[Path, str] = {}

    def look(self) -> tuple[list[Theme], list[str], list[str]]:
        """Themes of files that are new or changed, names of those that are gone, and what is wrong, each told once."""
        now = {path: _changed(path) for path in sorted(self.folder.glob("*.toml"))}
        gone = [self.names.pop(path) for path in list(self.names) if path not in now]
        themes, faults = [], []
        for path, changed in now.items():
            if self.seen.get(path) == changed:
                continue
            try:
                theme = read_theme(path)
            except ThemeFault as fault:
                faults.append(f"theme {path.name}: {fault}")
            else:
                themes.append(theme)
                self.names[path] = theme.name
        self.seen = now
        return themes, gone, faults


def _changed(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


def _near(key: str, known: list[str]) -> str:
    near = get_close_matches(key, known, 1)
    return f"; did you mean {near[0]}?" if near else ""


def _colour(value: object) -> bool:
    try:
        return isinstance(value, str) and bool(Color.parse(value))
    except ColorParseError:
        return False


def _other(told: dict[str, Any], key: str, kind: type | tuple[type, ...]) -> bool:
    return key in told and not isinstance(told[key], kind)
