"""The demo: a small real model, a small real dataset, and the session that trains the one on the other."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tui.resources import home, resource
from tui.run.turn import turn
from tui.session import file
from tui.session.schema import Session

MODEL = "SmolLM2-135M-Instruct"


class DemoError(Exception):
    """The demo cannot be prepared, in one sentence."""


def model_folder() -> Path:
    """Where the demo's model lies once it is unpacked."""
    return home() / "models" / MODEL


def unpack_model() -> None:
    """Unpack the demo's model unless that is done already; takes half a minute. Raises DemoError, OSError."""
    folder = model_folder()
    if not _is_there(folder):
        with turn(folder.with_name(f".{MODEL}.turn")):
            if not _is_there(folder):  # another window may have done it meanwhile
                _unpack(folder)


def _is_there(folder: Path) -> bool:
    return (folder / "config.json").is_file()


def _unpack(folder: Path) -> None:
    words = [sys.executable, "-m", "tui.engine.bundled", str(folder)]
    done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode:
        said = [line for line in done.stderr.splitlines() if line.strip()]
        raise DemoError(said[-1] if said else f"the demo model could not be unpacked (exit code {done.returncode})")


def demo_session() -> Session:
    """The session of the demo. Raises SessionError when its file is damaged."""
    session = file.load(resource("sample_data") / "shell.toml")
    return file.replace_value(session, "model.name", str(model_folder()))
