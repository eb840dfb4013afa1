"""Where the program's own files lie, and where it keeps those of its user."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

import platformdirs

_PACKAGE = Path(__file__).parent


def resource(name: str) -> Path:
    """The folder of that name: in the wheel below ``tui/assets``, in a checkout beside ``tui``."""
    installed = _PACKAGE / "assets" / name
    return installed if installed.exists() else _PACKAGE.parent / name


def expanded(path: str) -> Path:
    """A path as it was typed, with ``~`` and ``~name`` for somebody's home; of nobody, it stays as it is."""
    try:
        return Path(path).expanduser()
    except RuntimeError:
        return Path(path)


def short(path: Path) -> str:
    """A path as people write it, with ``~`` for their home."""
    home = Path.home()
    return f"~/{path.relative_to(home)}" if path.is_relative_to(home) else str(path)


def config() -> Path:
    """Where the user keeps what belongs to the product: ``$UNSLOTH_TUI_HOME``, or the user's config folder."""
    if os.environ.get("UNSLOTH_TUI_HOME"):
        return home()
    return Path(platformdirs.user_config_dir("unsloth-tui", appauthor=False))


def secure_home() -> str:
    """Let nobody else write where the product keeps its files, since what lies there is obeyed; or why that cannot be."""
    try:
        status = home().stat()
    except OSError:
        return ""  # it is made when it is needed, for its user alone
    if os.geteuid() not in (0, status.st_uid):
        return f"{home()} belongs to somebody else, and what lies there is obeyed; name another folder in UNSLOTH_TUI_HOME"
    if status.st_mode & 0o022:
        with suppress(OSError):
            home().chmod(status.st_mode & 0o7755)
    return ""


def home() -> Path:
    """Where the product keeps its files: ``$UNSLOTH_TUI_HOME``, or the user's data folder."""
    if told := os.environ.get("UNSLOTH_TUI_HOME"):
        return expanded(told).absolute()
    return Path(platformdirs.user_data_dir("unsloth-tui", appauthor=False))
