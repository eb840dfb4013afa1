"""Every key of the window that has a name, and the user's own choice of keys."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from difflib import get_close_matches

from tui.resources import config

PLACES = {
    "": "Everywhere", "model": "Model", "data": "Data", "mapping": "Data", "tune": "Tune", "form": "Tune", "section": "Tune",
    "choice": "Tune", "live": "Live", "plot": "Live", "advice": "Live", "log": "Live", "chat": "Chat", "prompt": "Chat",
    "set": "Chat", "runs": "Runs", "queue": "Runs",
}  # fmt: skip
"""Where a key works, by the first part of its name."""


def place_of(name: str) -> str:
    """Where the key of this name works."""
    return PLACES.get(name.partition(".")[0] if "." in name else "", "Everywhere")


def load_keymap(names: Mapping[str, object]) -> tuple[dict[str, str], list[str]]:
    """The user's own keys by name, of ``keys.toml``, and a sentence for each line of it that cannot be used."""
    try:
        chosen = tomllib.loads((config() / "keys.toml").read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        return {}, [f"keys.toml: {error}"]
    keymap, faults = {}, []
    for name, keys in chosen.items():
        if name not in names:
            near = get_close_matches(name, list(names), 1)
            faults.append(f"keys.toml: there is no key called {name}{f'; did you mean {near[0]}?' if near else ''}")
        elif not isinstance(keys, str) or not keys.strip():
            faults.append(f'keys.toml: {name} should be a key, such as "ctrl+e" or "f8,alt+8"')
        else:
            keymap[name] = keys
    return keymap, faults
