"""The run folder: where everything about one run lies, and how a new one is made."""

from __future__ import annotations

import os
import re
import shutil
import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from tui.machine.host import modified_s
from tui.resources import home
from tui.run.lock import is_held
from tui.session import file
from tui.session.schema import Session

WORKBENCH_KEPT_S = 3600.0
"""How long the log of an ended workbench can still be read."""


@dataclass(frozen=True)
class RunFolder:
    """One run on disk."""

    path: Path

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def session(self) -> Path:
        return self.path / "session.toml"

    @property
    def provenance(self) -> Path:
        return self.path / "provenance.json"

    @property
    def events(self) -> Path:
        return self.path / "events.jsonl"

    @property
    def commands(self) -> Path:
        return self.path / "commands.jsonl"

    @property
    def lock(self) -> Path:
        return self.path / "engine.lock"

    @property
    def log(self) -> Path:
        return self.path / "engine.log"

    @property
    def checkpoints(self) -> Path:
        return self.path / "checkpoints"

    def checkpoint_paths(self) -> dict[int, Path]:
        """Its checkpoints by their update, the newest first; whether they are whole is not looked at."""
        paths = self.checkpoints.glob("checkpoint-*")
        found = {int(number): path for path in paths if (number := path.name.partition("-")[2]).isdecimal()}
        return dict(sorted(found.items(), reverse=True))

    @property
    def adapter(self) -> Path:
        return self.path / "adapter"

    @property
    def exports(self) -> Path:
        return self.path / "exports"

    @property
    def labels(self) -> Path:
        """Tags and notes that were given to the run after it was made."""
        return self.path / "labels.json"

    @property
    def ticket(self) -> Path:
        """Its place in the queue, while it waits there."""
        return self.path / "queued.json"

    @property
    def assigned(self) -> Path:
        """The GPU that the queue gave it."""
        return self.path / "assigned.json"

    @property
    def job(self) -> Path:
        """What is handed to a cluster or a cloud: the script, the versions, and the number that it was given there."""
        return self.path / "job"


def create_run(session: Session) -> RunFolder:
    """Make the folder of a new run, with its frozen session. Raises OSError.

    Relative paths in the session are taken from the working directory.
    """
    session = file.anchored(session, Path.cwd())
    folder = RunFolder(_new_folder(_private(home() / "runs"), name_for(session)))
    file.write_atomic(folder.session, file.dumps(session))
    return folder


def name_for(session: Session) -> str:
    """What a run of this session that is made now is called; another one of this minute gets a number."""
    words = [datetime.now().strftime("%Y-%m-%d-%H%M"), *(_slug(part) for part in _words_for(session))]
    return "-".join(word for word in words if word)


def create_workbench() -> RunFolder:
    """Make the folder of an engine for what is not a run, and clear away those of earlier ones. Raises OSError."""
    benches = _private(home() / "workbench")
    clear_old(benches, WORKBENCH_KEPT_S)
    return RunFolder(_new_folder(benches, f"{datetime.now():%Y-%m-%d-%H%M%S}-{os.getpid()}"))


def clear_old(place: Path, kept_s: float) -> None:
    """Remove the folders of engines that ended so long ago; another process may be doing the same. Raises OSError."""
    for path in place.iterdir():
        if not is_held(path / "engine.lock") and time.time() - modified_s(path) > kept_s:
            shutil.rmtree(path, ignore_errors=True)


def list_runs() -> list[RunFolder]:
    """Every run of this user, the newest first."""
    runs = home() / "runs"
    if not runs.is_dir():
        return []
    found = [RunFolder(path) for path in runs.iterdir() if (path / "session.toml").is_file()]
    return sorted(found, key=lambda folder: modified_s(folder.session), reverse=True)


def find_run(name: str) -> RunFolder | None:
    """The run that is meant by a folder, by its name, by an unambiguous part of its name, or by ``latest``."""
    if not name:  # an unset variable in a script means no run, not the only one
        return None
    if ("/" in name or name.startswith(".")) and (Path(name) / "session.toml").is_file():
        return RunFolder(Path(name).absolute())
    runs = list_runs()
    if name == "latest":
        return runs[0] if runs else None
    exact = [run for run in runs if run.name == name]
    partly = [run for run in runs if name in run.name]
    if exact:
        return exact[0]
    return partly[0] if len(partly) == 1 else None


def _words_for(session: Session) -> tuple[str, ...]:
    if session.run.name:
        return (session.run.name,)
    model = re.sub(r"(?i)-(instruct|it|chat|bnb|4bit).*$", "", Path(session.model.name).name)
    source = Path(session.data.source)
    data = source.parent.name if source.stem in ("train", "data", "dataset") else source.stem
    return (model, data)


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:40]


def _private(path: Path) -> Path:
    if not home().exists():  # mkdir gives its mode to the last folder alone
        home().mkdir(mode=0o700, parents=True, exist_ok=True)
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path


def _new_folder(parent: Path, name: str) -> Path:
    """A folder of that name, or of that name with a number, that did not exist before."""
    attempt = 1
    while True:
        path = parent / (name if attempt == 1 else f"{name}-{attempt}")
        try:
            path.mkdir(mode=0o700)
            return path
        except FileExistsError:
            attempt += 1
