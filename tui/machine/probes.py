"""What this box is and has, asked question by question; a question without an answer is known by the reason why.

Nothing that is examined is imported, so that a broken library can be told from a missing one.
"""

from __future__ import annotations

import fcntl
import json
import locale
import os
import platform
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Any

import psutil
import pynvml

from tui.machine.box import (
    Disk,
    Driver,
    Facts,
    Gpu,
    Home,
    Kernels,
    Memory,
    Packages,
    Python,
    Terminal,
    Torch,
    Unknown,
    installed_file,
)
from tui.machine.gpu import driver_version, missing_reason, read_gpus
from tui.machine.host import file_system_of, free_disk_bytes
from tui.machine.hub_access import ask_hub, hub_cache, token_source
from tui.machine.llama_cpp import llama_cpp_folder
from tui.machine.readings import GpuReading
from tui.resources import home

ANSWER_S = 5.0
"""So long any question may take; a dead network drive or name server would hold it for ever."""
DEEP_S = 60.0
"""So long torch may take to be imported."""

PACKAGES = (
    "torch", "unsloth", "unsloth_zoo", "transformers", "trl", "peft", "bitsandbytes", "datasets", "triton",
    "xformers", "flash-attn", "huggingface_hub", "textual",
)  # fmt: skip
PCI = Path("/sys/bus/pci/devices")
CGROUPS = Path("/sys/fs/cgroup")
ASK_TORCH = """
import json, torch
print(json.dumps([torch.cuda.is_available(), torch.version.cuda, torch.cuda.get_arch_list()]))
"""


def probe(deep: bool = False) -> Facts:
    """Ask everything at once; `deep` has torch imported in a process of its own, which takes up to a minute."""
    questions: dict[str, Callable[[], object]] = {
        "python": _python,
        "packages": _packages,
        "driver": _driver,
        "kernels": _kernels,
        "runs_disk": lambda: Disk(place := home() / "runs", free_disk_bytes(place)),
        "hub_disk": lambda: Disk(place := hub_cache(), free_disk_bytes(place)),
        "temporary_disk": lambda: Disk(place := Path(tempfile.gettempdir()), free_disk_bytes(place)),
        "memory": _memory,
        "hub": ask_hub,
        "token": token_source,
        "llama_cpp": llama_cpp_folder,
        "terminal": _terminal,
        "home": lambda: look_at_home(home()),
    }
    return Facts(**answers(questions), torch=ask_torch() if deep else None)


def answers(questions: Mapping[str, Callable[[], object]], within_s: float = ANSWER_S) -> dict[str, Any]:
    """What each question gave, or Unknown: all are asked at once, in threads that are left behind when they hang."""
    found: dict[str, object] = {}

    def ask(name: str) -> None:
        try:
            found[name] = questions[name]()
        except Exception as error:  # whatever is wrong with one of them, the others are told
            found[name] = Unknown(f"{type(error).__name__}: {error}")

    threads = [threading.Thread(target=ask, args=(name,), daemon=True) for name in questions]
    for thread in threads:
        thread.start()
    until = time.monotonic() + within_s
    for thread in threads:
        thread.join(max(0, until - time.monotonic()))
    return {name: found.get(name, Unknown(f"no answer within {within_s:g} s")) for name in questions}


def ask_torch(within_s: float = DEEP_S) -> Torch | Unknown:
    """Have torch imported in a process of its own."""
    command = [sys.executable, "-c", ASK_TORCH]
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", timeout=within_s, check=True
        )
        available, cuda, arches = json.loads(done.stdout.splitlines()[-1])
        return Torch(bool(available), cuda, tuple(arches))
    except subprocess.TimeoutExpired:
        return Unknown(f"torch was not imported within {within_s:g} s")
    except subprocess.CalledProcessError as error:
        return Torch(failure=(error.stderr.strip().splitlines() or [f"it ended with {error.returncode}"])[-1])
    except (OSError, ValueError, IndexError) as error:
        return Unknown(f"{type(error).__name__}: {error}")


def look_at_home(path: Path) -> Home:
    """Write to the folder, or where it will be made, and lock a file there; nothing is left behind."""
    near = next(folder for folder in (path, *path.parents) if folder.exists())
    mode = path.stat().st_mode & 0o777 if path.is_dir() else None
    try:
        with tempfile.NamedTemporaryFile(dir=near, prefix=".doctor-") as file:
            return Home(path, mode, lock_problem=_lock_problem(Path(file.name)), file_system=file_system_of(near))
    except OSError as error:
        return Home(path, mode, refused=error.strerror or str(error))


def _python() -> Python:
    return Python(sys.version_info[:3], sys.prefix, f"{platform.system()} {platform.machine()}")


def _packages() -> Packages:
    installed = {}
    for name in PACKAGES:
        try:
            installed[_key(name)] = version(name)
        except PackageNotFoundError:
            continue
    try:
        told = requires("unsloth-tui") or []
    except PackageNotFoundError:
        told = []
    pins = (re.fullmatch(r"([\w.-]+)==([^;\s]+)", line) for line in told)
    return Packages(installed, {_key(pin[1]): pin[2] for pin in pins if pin})


def _key(name: str) -> str:
    return re.sub(r"[-_.]+", "_", name).lower()


def _driver() -> Driver:
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    problem = missing_reason()
    if problem:
        return Driver(driver_version(), problem=problem, card=_has_card(), visible=visible)
    number = _told(pynvml.nvmlSystemGetCudaDriverVersion)
    cuda = (number // 1000, number % 1000 // 10) if number else None
    return Driver(driver_version(), cuda, card=True, gpus=tuple(map(_gpu, read_gpus())), visible=visible)


def _gpu(now: GpuReading) -> Gpu:
    handle = _told(lambda: pynvml.nvmlDeviceGetHandleByIndex(now.index))
    capability = _told(lambda: pynvml.nvmlDeviceGetCudaComputeCapability(handle))
    processes = _told(lambda: pynvml.nvmlDeviceGetComputeRunningProcesses(handle)) or ()
    uuid = _told(lambda: pynvml.nvmlDeviceGetUUID(handle)) or ""
    return Gpu(now, uuid, capability and (capability[0], capability[1]), tuple(_who(each.pid) for each in processes))


def _told(read: Callable[[], Any]) -> Any:
    """A reading, or None where the driver does not tell; one that is missing leaves the others."""
    try:
        return read()
    except pynvml.NVMLError:
        return None


def _who(pid: int) -> str:
    """A process by name, number and user; a number alone is a process of another container."""
    try:
        process = psutil.Process(pid)
        return f"{process.name()} {pid} of {process.username()}"
    except psutil.Error:
        return f"process {pid}"


def _has_card() -> bool:
    """Whether an NVIDIA card is on the bus, or its driver is in the kernel (containers and WSL hide the bus)."""
    for vendor in PCI.glob("*/vendor"):
        if vendor.read_text().strip() == "0x10de" and (vendor.parent / "class").read_text().startswith("0x03"):
            return True
    return Path("/proc/driver/nvidia/version").exists() or Path("/dev/dxg").exists()


def _kernels() -> Kernels:
    headers = Path(sysconfig.get_paths()["include"])
    compilers = [os.environ["CC"]] if os.environ.get("CC") else ["gcc", "clang"]
    compiler = next(filter(None, map(shutil.which, compilers)), "")
    return Kernels(_torch_cuda(), _libraries(), compiler, headers, (headers / "Python.h").is_file())


def _torch_cuda() -> str:
    """What torch/version.py has for CUDA, read as text."""
    file = installed_file("torch", "torch/version.py")
    found = file and re.search(r"^cuda\b[^=\n]*=\s*['\"]([\d.]+)['\"]", file.read_text(), re.MULTILINE)
    return found[1] if found else ""


def _libraries() -> tuple[str, ...]:
    folder = installed_file("bitsandbytes", "bitsandbytes")
    found = folder.glob("libbitsandbytes_*") if folder else ()
    return tuple(sorted(path.stem.removeprefix("libbitsandbytes_") for path in found))


def _memory() -> Memory:
    memory = psutil.virtual_memory()
    total = min([memory.total, *_memory_limits()])
    return Memory(total, min(total, memory.available), len(psutil.Process().cpu_affinity()))


def _memory_limits() -> Iterator[int]:
    """What the control groups of this process and those above them allow, in bytes, in both versions of their files."""
    groups = Path("/proc/self/cgroup")
    for line in groups.read_text().splitlines() if groups.is_file() else ():
        _, controllers, path = line.split(":", 2)
        group = Path(path.lstrip("/"))
        for folder in (group, *group.parents):
            for file in (CGROUPS / folder / "memory.max", CGROUPS / "memory" / folder / "memory.limit_in_bytes"):
                if (not controllers or "memory" in controllers) and file.is_file():
                    limit = file.read_text().strip()
                    yield from [int(limit)] if limit.isdecimal() else []  # "max" is no limit


def _terminal() -> Terminal:
    term = os.environ.get("TERM", "").lower()
    inside = "tmux" if os.environ.get("TMUX") else "screen" if os.environ.get("STY") else ""
    return Terminal(term, _colours(term), _size(), inside, locale.getencoding())


def _colours(term: str) -> int:
    """As Rich, which Textual paints with, takes it from the variables."""
    if term in ("dumb", "unknown"):
        return 0
    if os.environ.get("COLORTERM", "").strip().lower() in ("truecolor", "24bit"):
        return 2**24
    return 256 if term.endswith(("-256color", "-kitty")) else 16


def _size() -> tuple[int, int] | None:
    for stream in (1, 0, 2):
        try:
            return os.get_terminal_size(stream)
        except OSError:
            continue
    return None


def _lock_problem(path: Path) -> str:
    """Whether a second handle is kept from a file that the first has locked, as `tui.run.lock` relies on."""
    with path.open("rb") as first, path.open("rb") as second:
        try:
            fcntl.flock(first, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            return error.strerror or str(error)
        try:
            fcntl.flock(second, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return ""
        return "two may hold the same lock"
