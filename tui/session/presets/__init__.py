"""Presets: settings that go together, as TOML files in this folder and in the user's own."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tui.resources import config
from tui.session import file
from tui.session.schema import Session

BUILT_IN = Path(__file__).parent
ORDER = ("quick", "balanced", "quality", "small", "big", "full", "pretraining", "short")

KEPT = {
    "model": ("name", "revision", "device", "trust_remote_code", "attn_implementation"),
    "lora": ("random_state", "continue_from"),
    "training": ("seed", "data_seed", "dataset_num_proc", "custom_loss", "report_to", "project"),
    "evaluation": ("source", "answer_pattern", "sample_prompts", "compare_prompts"),
}
"""What a preset leaves as it is in the tables that it sets: they say what is trained, not how."""


@dataclass(frozen=True)
class Preset:
    """One preset."""

    name: str
    title: str
    help: str
    table: dict[str, dict[str, Any]]
    """The values it sets, as in a session file; empty where `problem` says why the file cannot be used."""
    own: bool = False
    """Whether it is the user's."""
    problem: str = ""

    def applied_to(self, session: Session) -> Session:
        """The session trained this way: everything else about how it is trained goes back to the defaults.

        Raises SessionError when a value is not allowed.
        """
        whole = session.model_dump(mode="python")
        tables = {name: {key: whole[name][key] for key in keys} for name, keys in KEPT.items()}
        for name in whole.keys() - KEPT.keys():
            tables[name] = whole[name]
        for name, values in self.table.items():
            tables[name] = tables.get(name, {}) | values
        if tables["evaluation"]["source"]:
            tables["evaluation"].pop("fraction", None)
        return file.from_table(tables)


def own_presets_folder() -> Path:
    """Where the user's own presets are looked for."""
    return config() / "presets"


def list_presets() -> list[Preset]:
    """The built-in presets in their order, then the user's by name."""
    built_in = [_read(BUILT_IN / f"{name}.toml") for name in ORDER]
    folder = own_presets_folder()
    own = [_read(path, own=True) for path in sorted(folder.glob("*.toml"))] if folder.is_dir() else []
    return [*built_in, *own]


def save_preset(path: Path, session: Session) -> None:
    """Keep how a session trains as a preset of the user's own. Raises OSError."""
    table = file.to_table(session)
    for name, keys in KEPT.items():
        table[name] = {key: value for key, value in table.get(name, {}).items() if key not in keys}
    table = {name: values for name, values in table.items() if name in KEPT and values}
    words = {"title": path.stem, "help": f"Settings kept as {path.name}."}
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    file.write_atomic(path, file.to_toml({"preset": words} | table))


def _read(path: Path, own: bool = False) -> Preset:
    name = path.stem
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8-sig"))
        words = table.pop("preset", {})
        preset = Preset(name, str(words.get("title", name)), str(words.get("help", "")), table, own)
        preset.applied_to(Session())
    except (OSError, ValueError, RecursionError, AttributeError, TypeError, file.SessionError) as error:
        return Preset(name, name, "", {}, own, f"{path.name} cannot be used: {error}")
    return preset
