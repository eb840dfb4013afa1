"""Where the files are that a name means: on this machine, or on the hub."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from tui.data import hub_data
from tui.data.readers.folder import is_pattern, parts_of_file, parts_of_folder, parts_of_pattern
from tui.data.readers.inputs import Input, local_input
from tui.data.readers.kinds import is_known
from tui.data.readers.parts import Parts
from tui.resources import expanded

_HUB_NAME = re.compile(r"[\w.-]+/[\w.-]+")


@dataclass(frozen=True)
class Place:
    """Files by subset and split, and how each of them is opened."""

    parts: Parts
    open: Callable[[str], Input]
    """Raises DataError."""


def is_hub_name(name: str) -> bool:
    """Whether a name means a dataset on the hub: ``owner/name``, and nothing of this machine is called so."""
    return bool(_HUB_NAME.fullmatch(name)) and not name.startswith(".") and not is_known(name) and not _exists(name)


def place_of(name: str, *, revision: str | None = None, streaming: bool = False) -> Place:
    """The files that a name means. Raises DataError when there are none."""
    if is_hub_name(name):
        dataset = hub_data.find(name, revision)
        return Place(
            dataset.parts, lambda file: hub_data.streamed(dataset, file) if streaming else hub_data.fetched(dataset, file)
        )
    path = expanded(name)
    is_here = _exists(name)
    if not is_here and is_pattern(name):
        folder, parts = parts_of_pattern(str(path))
    elif is_here and path.is_dir():
        folder, parts = path, parts_of_folder(path)
    else:
        folder, parts = path.parent, parts_of_file(path)
    return Place(parts, lambda file: local_input(folder / file, file))


def _exists(name: str) -> bool:
    """Whether there is something of this name here; a link that leads nowhere is something."""
    path = expanded(name)
    try:
        return path.exists() or path.is_symlink()
    except (OSError, ValueError):  # a name that no file can have, or a folder that may not be looked into
        return False
