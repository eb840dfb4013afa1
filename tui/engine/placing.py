"""Folders that are written aside and get their name at once, in place of an older one or not: none is lost in between."""

from __future__ import annotations

import ctypes
import os
import shutil
from contextlib import suppress
from pathlib import Path

AT_FDCWD, RENAME_EXCHANGE = -100, 2
OLD = ".old-"
"""What the name of a folder begins with that another one is just taking the place of."""


def bring_to_disk(folder: Path) -> None:
    """Return once every file of a folder is on the disk. Raises OSError."""
    for path in [*folder.rglob("*"), folder]:
        _sync(path)


def put_in_place(made: Path, final: Path) -> None:
    """Give a whole folder its name, in place of one that may have it. Raises OSError.

    Whoever is killed here leaves the old one or the new one; `put_back` finds the old one where the drive cannot swap names.
    """
    old = final.with_name(f"{OLD}{final.name}")
    if not final.exists():
        made.rename(final)
    elif _swap(made, final):
        old = made
    else:
        final.rename(old)
        made.rename(final)
    _sync(final.parent)
    shutil.rmtree(old, ignore_errors=True)


def put_back(place: Path) -> None:
    """Give the folders in a place their names again whose successors did not get there, and remove the others."""
    for old in place.glob(f"{OLD}*"):
        final = old.with_name(old.name.removeprefix(OLD))
        if final.exists():
            shutil.rmtree(old, ignore_errors=True)
        else:
            with suppress(OSError):
                old.rename(final)


def _swap(one: Path, other: Path) -> bool:
    """Let two paths have each other's names, in one moment; False where system or drive cannot (renameat2(2))."""
    try:
        renameat2 = ctypes.CDLL(None).renameat2
    except AttributeError:
        return False
    return bool(renameat2(AT_FDCWD, os.fsencode(one), AT_FDCWD, os.fsencode(other), RENAME_EXCHANGE) == 0)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
