"""What a run was made with: versions, hardware, host, and hashes of its data."""

from __future__ import annotations

import hashlib
import json
import platform
import socket
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from tui.machine.gpu import driver_version, read_gpus
from tui.session.file import write_atomic
from tui.session.schema import Session

PACKAGES = (
    "unsloth-tui", "unsloth", "unsloth_zoo", "torch", "transformers", "trl", "peft", "bitsandbytes", "datasets",
)  # fmt: skip


def write_provenance(path: Path, session: Session) -> None:
    """Write down what this run is made with. Raises OSError."""
    own_loss = (session.training.custom_loss or "").rpartition(":")[0]
    sources = [source for source in (session.data.source, session.evaluation.source, own_loss) if source]
    told: dict[str, Any] = {
        "python": platform.python_version(),
        "packages": {name: found for name in PACKAGES if (found := _version(name))},
        "gpus": [gpu.name for gpu in read_gpus()],
        "driver": driver_version(),
        "host": socket.gethostname(),
        "system": platform.platform(),
        "command": sys.argv,
        "data_sha256": {source: _sha256(Path(source)) for source in sources},
    }
    write_atomic(path, json.dumps(told, indent=1) + "\n")


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def _sha256(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError:
        return ""
