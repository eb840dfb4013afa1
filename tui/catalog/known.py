"""The models that are on this machine already: unpacked by the demo, or in the hub's cache."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from huggingface_hub import constants, scan_cache_dir
from huggingface_hub.errors import CacheNotFound

from tui.resources import home


@dataclass(frozen=True)
class KnownModel:
    """A model that needs no download."""

    name: str
    """What goes into ``model.name``."""
    title: str
    size_bytes: int
    place: str
    """Where it comes from, in a word or two."""


def known_models() -> list[KnownModel]:
    """Every model on this machine, by name. Reads folders, so it belongs into a thread."""
    return sorted([*_unpacked(), *_cached()], key=lambda model: model.title.lower())


def _unpacked() -> list[KnownModel]:
    return [
        KnownModel(str(path.parent), path.parent.name, _size(path.parent), "on this machine")
        for path in (home() / "models").glob("*/config.json")
        if not path.parent.name.startswith(".")
    ]


def _cached() -> list[KnownModel]:
    try:
        repositories = scan_cache_dir(constants.HF_HUB_CACHE).repos
    except (CacheNotFound, OSError, ValueError):
        return []
    return [
        KnownModel(repo.repo_id, repo.repo_id, repo.size_on_disk, "hub cache")
        for repo in repositories
        if repo.repo_type == "model"
    ]


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.iterdir() if path.is_file())
