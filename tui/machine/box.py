"""What can be known of a box: each thing by itself, or the reason why it is not known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from tui.machine.readings import GpuReading


@dataclass(frozen=True)
class Unknown:
    """A question that got no answer."""

    why: str


@dataclass(frozen=True)
class Python:
    """The interpreter that this program and its engines run on."""

    version: tuple[int, int, int]
    folder: str
    system: str


@dataclass(frozen=True)
class Gpu:
    """One GPU as it is now, what it can compute (None when the driver does not tell), and who computes on it."""

    now: GpuReading
    uuid: str = ""
    capability: tuple[int, int] | None = None
    users: tuple[str, ...] = ()


@dataclass(frozen=True)
class Driver:
    """The NVIDIA driver, the newest CUDA that it can run, and the GPUs that it sees."""

    version: str = ""
    cuda: tuple[int, int] | None = None
    problem: str = ""
    """Why it tells nothing; empty when it works."""
    card: bool = False
    """Whether there is an NVIDIA card in the box, seen without the driver."""
    gpus: tuple[Gpu, ...] = ()
    visible: str | None = None
    """CUDA_VISIBLE_DEVICES."""


@dataclass(frozen=True)
class Packages:
    """What is installed, and which versions this program names; by name in small letters with ``_``."""

    installed: Mapping[str, str]
    pinned: Mapping[str, str]


@dataclass(frozen=True)
class Kernels:
    """What compiled code needs: torch's CUDA (``13.0``), libraries of bitsandbytes (``cpu``, ``cuda130``), a C compiler."""

    torch_cuda: str
    """Empty where torch was built without CUDA, or is not here."""
    libraries: tuple[str, ...]
    compiler: str
    headers: Path
    """Where Python.h should be."""
    has_headers: bool


@dataclass(frozen=True)
class Torch:
    """What torch says of itself when it is imported, or why it cannot be."""

    available: bool = False
    cuda: str | None = None
    arches: tuple[str, ...] = ()
    failure: str = ""


@dataclass(frozen=True)
class Disk:
    """Where something is kept, and the room there."""

    path: Path
    free_bytes: int


@dataclass(frozen=True)
class Memory:
    """Main memory that this process may use, within the limits of its container or job, and processor cores."""

    total_bytes: int
    available_bytes: int
    cores: int


@dataclass(frozen=True)
class Hub:
    """What answers where the hub should be, unless it is switched off."""

    endpoint: str
    offline: bool = False
    status: int | None = None
    problem: str = ""


@dataclass(frozen=True)
class Terminal:
    """The terminal as its variables describe it, and what it runs inside (tmux, screen)."""

    term: str
    colours: int
    """2**24, 256, 16, or 0 for a terminal that cannot be steered."""
    size: tuple[int, int] | None
    """Columns and rows; None without a terminal."""
    inside: str
    encoding: str


@dataclass(frozen=True)
class Home:
    """The folder of this program: its permissions once it is made, and what hinders writing and locking there."""

    path: Path
    mode: int | None
    refused: str = ""
    lock_problem: str = ""
    file_system: str = ""


@dataclass(frozen=True)
class Facts:
    """All that was asked of a box."""

    python: Python | Unknown
    packages: Packages | Unknown
    driver: Driver | Unknown
    kernels: Kernels | Unknown
    runs_disk: Disk | Unknown
    hub_disk: Disk | Unknown
    temporary_disk: Disk | Unknown
    memory: Memory | Unknown
    hub: Hub | Unknown
    token: str | Unknown
    """Where the token for the hub comes from, never the token."""
    llama_cpp: Path | Unknown | None
    terminal: Terminal | Unknown
    home: Home | Unknown
    torch: Torch | Unknown | None = None
    """None unless it was asked for."""


def installed_file(package: str, path: str) -> Path | None:
    """Where a file of a package lies, whether or not the package can be imported."""
    try:
        return Path(str(distribution(package).locate_file(path)))
    except PackageNotFoundError:
        return None
