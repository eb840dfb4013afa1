"""What a run was made with: versions, hardware, host, and hashes of its data."""

from __future__ import annotations

import hashlib
import platform
import socket
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from tui.data.looking import without_fetching
from tui.data.opening import files_of
from tui.data.records import DataError
from tui.machine.gpu import driver_version, read_gpus
from tui.session.schema import Session
from tui.session.sections.data import DataSection

PACKAGES = (
    "unsloth-tui", "unsloth", "unsloth_zoo", "torch", "transformers", "trl", "peft", "bitsandbytes", "datasets",
)  # fmt: skip


def provenance_of(session: Session) -> dict[str, Any]:
    """What a run of this session would be made with, here and now."""
    own_loss = (session.training.custom_loss or "").rpartition(":")[0]
    sources = [Path(own_loss)] if own_loss else []
    for data in (session.data, session.held_out_data):
        sources += _files(data) if data else []
    return {
        "python": platform.python_version(),
        "packages": {name: found for name in PACKAGES if (found := _version(name))},
        "gpus": [gpu.name for gpu in read_gpus()],
        "driver": driver_version(),
        "host": socket.gethostname(),
        "system": platform.platform(),
        "command": sys.argv,
        "data_sha256": {str(source): _sha256(source) for source in sources},
    }


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def _files(data: DataSection) -> list[Path]:
    """The files of this machine that a dataset is read from."""
    try:
        return files_of(without_fetching(data))
    except DataError:
        return []  # reading it says what is wrong


def _sha256(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError:
        return ""
