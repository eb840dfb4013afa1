"""The versions that a session is handed over with; ``python -m tui.run.requirements FILE`` says which differ here."""

from __future__ import annotations

import re
import sys
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

PROGRAM = "unsloth-tui"
PYTHON = "# Python "


def pinned(*more: str) -> str:
    """What this program needs, and `more` packages, as they are installed here: the lines of a requirements file."""
    names = [re.split(r"[^\w.-]", line, maxsplit=1)[0] for line in requires(PROGRAM) or () if "extra ==" not in line]
    lines = [f"{name}=={found}" for name in (*names, *more) if (found := _version(name))]
    return "\n".join([f"{PYTHON}{sys.version_info.major}.{sys.version_info.minor}", *lines, ""])


def differences(wanted: str) -> list[str]:
    """What is installed here in another version than these lines say, in words."""
    found = []
    for line in wanted.splitlines():
        name, pin, there = line.partition("==")
        if pin and (here := _version(name)) != there:
            found.append(f"{name} {here or 'is missing'} where the session was written with {there}")
    return found


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def main() -> None:
    """Say what differs, and end with 1 when anything does."""
    found = differences(Path(sys.argv[1]).read_text(encoding="utf-8"))
    for sentence in found:
        print(sentence)
    sys.exit(int(bool(found)))


if __name__ == "__main__":
    main()
