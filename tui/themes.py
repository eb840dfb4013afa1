"""The themes: one TOML file each, and this program's own colours for the themes that do not know them."""

from __future__ import annotations

import tomllib

from textual.theme import Theme

from tui.resources import resource


def load_themes() -> list[Theme]:
    """Every theme that comes with the program. Raises tomllib.TOMLDecodeError on a damaged one."""
    files = sorted(resource("themes").glob("*.toml"))
    return [Theme(**tomllib.loads(path.read_text(encoding="utf-8"))) for path in files]


def own_slots(theme: Theme) -> dict[str, str]:
    """The program's own colour slots, taken from a theme's design tokens."""
    return {
        "gauge-ok": theme.success or theme.primary,
        "gauge-warn": theme.warning or theme.primary,
        "gauge-hot": theme.error or theme.primary,
        "curve-raw": theme.secondary or theme.primary,
        "curve-train": theme.primary,
        "curve-eval": theme.accent or theme.primary,
    }
