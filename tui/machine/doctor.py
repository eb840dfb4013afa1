"""Whether this box can train, check by check: what was found, whether it is enough, and what to do about it."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal, TypeVar

from tui import words
from tui.machine.box import Disk, Driver, Facts, Gpu, Home, Hub, Kernels, Memory, Packages, Python, Terminal, Torch, Unknown
from tui.machine.probes import PACKAGES, probe

T = TypeVar("T")
State = Literal["ok", "limited", "missing", "unknown"]
"""Nothing to do; works, but not all of it; what needs it does not work; not found out, and why."""

TESTED_PYTHONS = ((3, 11), (3, 12))
OPTIONAL = ("xformers", "flash-attn")
NEEDED_PACKAGES = ("torch", "unsloth", "unsloth_zoo", "transformers", "trl", "peft", "datasets")
NEEDED = (*NEEDED_PACKAGES, "torch itself", "disk: runs", "home")
"""Checks without which nothing is trained, on any device."""
DISK_LOW_BYTES, DISK_FULL_BYTES = 20 * 2**30, 2 * 2**30
MEMORY_LOW_BYTES, MEMORY_OUT_BYTES = 8 * 2**30, 2 * 2**30
BFLOAT16, CUDA_13_LEAST, UNSLOTH_LEAST = (8, 0), (7, 5), (7, 0)
"""Compute capabilities: the first with bfloat16, the least that CUDA 13 compiles for (its release notes), and Unsloth's."""
SHARED = ("nfs", "nfs4", "lustre", "gpfs", "beegfs", "cifs", "smb3", "ceph", "glusterfs", "afs", "9p", "sshfs")
"""File systems that other hosts write to as well."""

CONTEXT_BYTES = 2**30
"""What the CUDA context and the allocator keep of every card."""
BYTES_A_PARAMETER = {"LoRA in 4-bit": 0.55 * 1.15, "in 16-bit": 2 * 1.15, "full fine-tuning": 8.5}
"""NF4 with its constants (Dettmers et al. 2023) or two bytes, and 15 % for adapter and activations; or weights, gradients
and the two moments of an 8-bit AdamW."""
CPU_PARAMETERS = 1e9
STEPS = (1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8)
"""Sizes of models are told as one of these times a power of ten, rounded down."""


@dataclass(frozen=True)
class Finding:
    """One check: what it is about, how it stands, what was found, and what to do when that is not enough."""

    name: str
    state: State
    found: str
    advice: str = ""


def examine(deep: bool = False, facts: Facts | None = None) -> list[Finding]:
    """Every check of this box, in up to five seconds (`deep`: a minute more), or of the box that `facts` tell of."""
    told = facts or probe(deep)
    usable = usable_gpus(told)
    return [
        _judged("python", told.python, judge_python),
        *(_judged(name, told.packages, partial(judge_package, name)) for name in PACKAGES),
        _judged("driver", told.driver, judge_driver),
        *(judge_gpu(gpu, told) for gpu in _gpus(told)),
        _judged("torch and CUDA", told.kernels, partial(judge_cuda, driver=told.driver)),
        _judged("torch itself", told.torch, judge_torch),
        _judged("4-bit", told.kernels, partial(judge_4bit, usable=usable)),
        _judged("triton kernels", told.kernels, partial(judge_triton, usable=usable)),
        *(_judged(name, disk, partial(judge_disk, name)) for name, disk in _disks(told)),
        _judged("memory", told.memory, judge_memory),
        _judged("cores", told.memory, judge_cores),
        _judged("hub", told.hub, judge_hub),
        _judged("hub token", told.token, judge_token),
        _judged("llama.cpp", told.llama_cpp, judge_llama_cpp),
        _judged("terminal", told.terminal, judge_terminal),
        _judged("home", told.home, judge_home),
        _judged("file locks", told.home, judge_locks),
    ]


def hindrances(findings: Iterable[Finding]) -> list[str]:
    """The names of the checks that keep this box from training anything."""
    return [finding.name for finding in findings if finding.name in NEEDED and finding.state == "missing"]


def can_train(facts: Facts) -> str:
    """One sentence: what sizes of models this box can train, by `BYTES_A_PARAMETER`."""
    if lacking := hindrances(examine(facts=facts)):
        return f"Nothing can be trained before this is put right: {', '.join(lacking)}"
    gpus = [gpu for gpu in usable_gpus(facts) if gpu.now.memory_total_bytes]
    if not gpus:
        seen = isinstance(facts.driver, Driver) and facts.driver.card
        size = _rounded(min(CPU_PARAMETERS, _for_cpu(facts)))
        how = "on the processor, 16-bit or 4-bit, slowly"
        return f"No {'usable ' if seen else ''}GPU: small models (up to about {size}) {how}"
    largest = max(gpus, key=lambda gpu: gpu.now.memory_total_bytes or 0)
    count = sum(gpu.now.name == largest.now.name for gpu in gpus)
    total = largest.now.memory_total_bytes or 0
    cards = f"One {largest.now.name} with" if count == 1 else f"Each of {count} {largest.now.name}, with"
    in_4bit, in_16bit, full = (_rounded(max(0, total - CONTEXT_BYTES) / each) for each in BYTES_A_PARAMETER.values())
    return (
        f"{cards} {_total(largest)}: LoRA in 4-bit up to about {in_4bit} parameters, in 16-bit up to about {in_16bit}, "
        f"full fine-tuning up to about {full}{_in_use(largest)}"
    )


def usable_gpus(facts: Facts) -> tuple[Gpu, ...]:
    """The GPUs that the installed torch can compute on, as far as that is known without asking it."""
    return tuple(gpu for gpu in _gpus(facts) if not _why_unusable(gpu, facts)[0])


def judge_python(python: Python) -> Finding:
    """The interpreter against those that runs were tested with."""
    found = f"{'.'.join(map(str, python.version))} in {python.folder} on {python.system}"
    if python.version[:2] in TESTED_PYTHONS:
        return Finding("python", "ok", found)
    tested = " and ".join(f"{major}.{minor}" for major, minor in TESTED_PYTHONS)
    return Finding("python", "limited", found, f"runs were tested with Python {tested}")


def judge_package(name: str, packages: Packages) -> Finding:
    """One package against the version that this program names, if it names one."""
    key = name.replace("-", "_")
    here, pinned = packages.installed.get(key), packages.pinned.get(key)
    exactly = f"{name}=={pinned}" if pinned else name
    if here is None and name in OPTIONAL:
        return Finding(name, "ok", "not installed, and not needed: Unsloth takes the attention of torch")
    if here is None:
        return Finding(name, "missing", "not installed", f"install {exactly} beside unsloth-tui")
    if pinned and here.partition("+")[0] != pinned:
        return Finding(name, "limited", here, f"runs were tested with {pinned}: install {exactly}")
    return Finding(name, "ok", here)


def judge_driver(driver: Driver) -> Finding:
    """The NVIDIA driver; a card without one is told from a box without a card."""
    if not driver.problem:
        cuda = f"CUDA up to {_dotted(driver.cuda)}" if driver.cuda else "does not tell its CUDA"
        return Finding("driver", "ok", f"NVIDIA {driver.version or 'of an unknown version'}, {cuda}")
    if not driver.card:
        return Finding("driver", "missing", f"no NVIDIA card in sight ({driver.problem})", "small models train without one")
    if "mismatch" in driver.problem.lower():
        return Finding("driver", "missing", driver.problem, "the driver was updated while it ran: restart this machine")
    advice = "install the NVIDIA driver and see that nvidia-smi runs; a container needs to be given the card (--gpus all)"
    return Finding("driver", "missing", f"a card without a working driver: {driver.problem}", advice)


def judge_gpu(gpu: Gpu, facts: Facts) -> Finding:
    """One GPU: whether torch can use it, whether somebody else does, and what it can compute."""
    now, name = gpu.now, f"GPU {gpu.now.index}"
    has_bfloat16 = None if gpu.capability is None else gpu.capability >= BFLOAT16
    bfloat16 = {None: "unknown", True: "yes", False: "no"}[has_bfloat16]
    free = "memory unknown" if (at := _free_bytes(gpu)) is None else f"{words.size(at)} of {_total(gpu)} free"
    found = f"{now.name}, {free}, compute capability {_dotted(gpu.capability)}, bfloat16 {bfloat16}"
    found += f", used by {', '.join(gpu.users) or 'nobody'}"
    problem, advice = _why_unusable(gpu, facts)
    if problem:
        return Finding(name, "missing", f"{found}; {problem}", advice)
    if gpu.users:
        return Finding(
            name, "limited", found, "what others hold is not there for a run: wait, end them, or choose another GPU"
        )
    if has_bfloat16 is False:
        return Finding(
            name, "limited", found, "16-bit is float16 here, which can overflow: watch the loss, or train in 4-bit"
        )
    return Finding(name, "ok", found)


def judge_cuda(kernels: Kernels, driver: Driver | Unknown) -> Finding:
    """The CUDA that torch was built for against the driver's; within one major version any driver will do."""
    name, built = "torch and CUDA", _pair(kernels.torch_cuda)
    if built is None:
        return Finding(name, "limited", "torch is not built for CUDA", "on a GPU, install the torch that has CUDA")
    found = f"torch is built for CUDA {_dotted(built)}"
    able = driver.cuda if isinstance(driver, Driver) else None
    if able is None:
        return Finding(name, "ok", f"{found}; there is no driver to hold it against")
    found += f", the driver runs up to {_dotted(able)}"
    if able[0] < built[0]:
        return Finding(name, "missing", found, _driver_advice(built))
    if able < built:
        advice = "works within one major version, but for kernels made at run time: a newer driver mends that"
        return Finding(name, "limited", found, advice)
    return Finding(name, "ok", found)


def judge_torch(torch: Torch | None) -> Finding:
    """What torch says of itself, where it was asked; whether it can use a GPU is told with that GPU."""
    name = "torch itself"
    if torch is None:
        return Finding(name, "unknown", "not known until a run", "unsloth-tui doctor --deep imports torch to see")
    if torch.failure:
        return Finding(name, "missing", f"cannot be imported: {torch.failure}", "install torch anew")
    cuda = f"with CUDA {torch.cuda}" if torch.cuda else "without CUDA"
    return Finding(name, "ok", f"can be imported, {cuda}, and sees {'a' if torch.available else 'no'} GPU")


def judge_4bit(kernels: Kernels, usable: Sequence[Gpu]) -> Finding:
    """Whether bitsandbytes has a library for the device; any of torch's major version of CUDA will do for it."""
    if not kernels.libraries:
        return Finding("4-bit", "missing", "bitsandbytes is not here", "install it, or train in 16-bit")
    if not usable:
        on_cpu = "cpu" in kernels.libraries
        advice = "on the processor it is for small models" if on_cpu else "train in 16-bit, or on a GPU"
        return Finding("4-bit", "limited" if on_cpu else "missing", "bitsandbytes without a GPU", advice)
    built = _pair(kernels.torch_cuda) or (0, 0)
    if any(re.fullmatch(rf"cuda{built[0]}\d", library) for library in kernels.libraries):
        return Finding("4-bit", "ok", f"bitsandbytes has a library for CUDA {built[0]}")
    found = f"bitsandbytes has no library for CUDA {_dotted(built)}, only {', '.join(kernels.libraries)}"
    return Finding("4-bit", "missing", found, "install the bitsandbytes that fits torch, or train in 16-bit")


def judge_triton(kernels: Kernels, usable: Sequence[Gpu]) -> Finding:
    """Whether triton can build what Unsloth computes with: it compiles C against Python.h when a run begins."""
    name = "triton kernels"
    if not usable:
        return Finding(name, "ok", "not needed without a GPU")
    if not kernels.compiler:
        return Finding(name, "missing", "no C compiler", "install gcc, or name one in CC: triton needs it in every run")
    if not kernels.has_headers:
        advice = "install the headers of this Python (python3-dev): triton needs them in every run"
        return Finding(name, "missing", f"no Python.h in {kernels.headers}", advice)
    return Finding(name, "ok", f"built with {kernels.compiler}")


def judge_disk(name: str, disk: Disk) -> Finding:
    """Room for checkpoints, for downloads, or for files in between."""
    found = f"{words.size(disk.free_bytes)} free at {disk.path}"
    if disk.free_bytes < DISK_FULL_BYTES:
        return Finding(name, "missing", found, "free some space: nothing can be kept here")
    if disk.free_bytes < DISK_LOW_BYTES:
        return Finding(name, "limited", found, "free some space: checkpoints and models take 1 to 20 GiB each")
    return Finding(name, "ok", found)


def judge_memory(memory: Memory) -> Finding:
    """Main memory, which models pass through on their way to the GPU."""
    found = f"{words.size(memory.available_bytes)} of {words.size(memory.total_bytes)} free"
    if memory.available_bytes < MEMORY_OUT_BYTES:
        return Finding("memory", "missing", found, "end other programs: the libraries alone take 1 to 2 GiB")
    if memory.available_bytes < MEMORY_LOW_BYTES:
        return Finding("memory", "limited", found, "small models only; merging and exporting take the whole model in 16-bit")
    return Finding("memory", "ok", found)


def judge_cores(memory: Memory) -> Finding:
    """Processor cores that this process may run on."""
    few = "tokenising and the window share one core" if memory.cores < 2 else ""
    return Finding("cores", "limited" if few else "ok", str(memory.cores), few)


def judge_hub(hub: Hub) -> Finding:
    """Whether models and datasets can be had from the hub."""
    others = "models and data of this machine can be trained"
    if hub.offline:
        return Finding("hub", "limited", "switched off (HF_HUB_OFFLINE)", f"{others}; unset that to download")
    if hub.problem:
        advice = f"{others}; for downloads check the network, a proxy (HTTPS_PROXY) and HF_ENDPOINT"
        return Finding("hub", "limited", f"{hub.endpoint} cannot be reached: {hub.problem}", advice)
    if hub.status is not None and hub.status >= 500:
        return Finding("hub", "limited", f"{hub.endpoint} is out of order ({hub.status})", "try again in some minutes")
    if hub.status is not None and hub.status >= 400:
        advice = "check HF_ENDPOINT, and whether a proxy answers in its place"
        return Finding("hub", "limited", f"{hub.endpoint} answers {hub.status}, as the hub does not", advice)
    return Finding("hub", "ok", f"{hub.endpoint} answers")


def judge_token(source: str) -> Finding:
    """Whether there is a token, by where it comes from."""
    if source:
        return Finding("hub token", "ok", f"from {source}")
    return Finding("hub token", "limited", "none: gated and private models are not given", "hf auth login, or set HF_TOKEN")


def judge_llama_cpp(folder: Path | None) -> Finding:
    """What exporting GGUF needs."""
    if folder:
        return Finding("llama.cpp", "ok", str(folder))
    advice = (
        "put the folder of a built llama.cpp into UNSLOTH_LLAMA_CPP_PATH, or let Unsloth fetch it (UNSLOTH_AUTO_INSTALL=1)"
    )
    return Finding("llama.cpp", "missing", "not here: no export to GGUF", advice)


def judge_terminal(terminal: Terminal) -> Finding:
    """Colours, size, mouse and letters of the terminal that this was typed in."""
    if terminal.size is None:
        return Finding("terminal", "limited", "none", "the commands work without one, the window does not")
    columns, rows = terminal.size
    colours = {0: "no colours", 2**24: "16 million colours"}.get(terminal.colours, f"{terminal.colours} colours")
    mouse = "no mouse" if terminal.term in ("dumb", "unknown", "linux") else "a mouse is likely"
    if terminal.inside:
        mouse = f"inside {terminal.inside}, a mouse if that passes it on"
    found = ", ".join((terminal.term or "no TERM", colours, f"{columns}x{rows}", mouse, terminal.encoding))
    advice = "; ".join(_terminal_advice(terminal))
    return Finding("terminal", "limited" if advice else "ok", found, advice)


def judge_home(home: Home) -> Finding:
    """Whether runs can be kept, and from whom."""
    if home.refused:
        advice = "make it writable, or name another folder in UNSLOTH_TUI_HOME"
        return Finding("home", "missing", f"nothing can be written to {home.path}: {home.refused}", advice)
    if home.mode is None:
        return Finding("home", "ok", f"{home.path}, made when it is needed")
    if home.mode & 0o077:
        return Finding("home", "limited", f"{home.path}, open to others ({home.mode:04o})", f"chmod 700 {home.path}")
    return Finding("home", "ok", f"{home.path}, yours alone")


def judge_locks(home: Home) -> Finding:
    """Whether a run is kept from being started twice."""
    name, local = "file locks", "name a folder on a disk of this machine in UNSLOTH_TUI_HOME"
    if home.refused:
        return Finding(name, "unknown", "nothing can be written there to try it")
    if home.lock_problem:
        return Finding(name, "missing", f"do not hold on {home.file_system or 'this disk'}: {home.lock_problem}", local)
    if home.file_system.removeprefix("fuse.") in SHARED:
        advice = f"runs of other machines are seen by their heartbeat; if that is not wanted, {local}"
        return Finding(name, "limited", f"hold on this machine; {home.file_system} is shared with others", advice)
    return Finding(name, "ok", f"hold on {home.file_system or 'this disk'}")


def _judged(name: str, fact: T | Unknown, judge: Callable[[T], Finding]) -> Finding:
    return Finding(name, "unknown", fact.why) if isinstance(fact, Unknown) else judge(fact)


def _gpus(facts: Facts) -> tuple[Gpu, ...]:
    return facts.driver.gpus if isinstance(facts.driver, Driver) else ()


def _disks(facts: Facts) -> Iterator[tuple[str, Disk | Unknown]]:
    yield "disk: runs", facts.runs_disk
    yield "disk: hub cache", facts.hub_disk
    yield "disk: temporary", facts.temporary_disk


def _why_unusable(gpu: Gpu, facts: Facts) -> tuple[str, str]:
    """What keeps torch from a GPU, and what to do about it; two empty texts when nothing is known to."""
    driver = facts.driver if isinstance(facts.driver, Driver) else Driver()
    if gpu.now.name == "lost":
        return "it does not answer", "restart this machine"
    if gpu not in _visible(driver):
        return f"hidden by CUDA_VISIBLE_DEVICES={driver.visible}", "unset that, or name this GPU in it"
    if isinstance(facts.kernels, Kernels) and (told := _why_not_built_for(gpu, driver, facts.kernels)):
        return told
    if not isinstance(facts.torch, Torch) or facts.torch.failure:
        return "", ""
    if not facts.torch.available:
        return "torch does not see it", "see that nvidia-smi runs, and that torch is the one that has CUDA"
    if gpu.capability and not _has_code_for(gpu.capability, facts.torch.arches):
        return f"torch has code for {', '.join(facts.torch.arches)} alone", "install a torch that is built for this GPU"
    return "", ""


def _why_not_built_for(gpu: Gpu, driver: Driver, kernels: Kernels) -> tuple[str, str] | None:
    """What the version of CUDA that torch was built for has against a GPU or its driver."""
    built = _pair(kernels.torch_cuda)
    if built is None:
        return "torch is not built for CUDA", "install the torch that has CUDA"
    if driver.cuda and driver.cuda[0] < built[0]:
        return f"its driver is too old for CUDA {_dotted(built)}", _driver_advice(built)
    least = CUDA_13_LEAST if built[0] >= 13 else UNSLOTH_LEAST
    if gpu.capability and gpu.capability < least:
        return f"too old: {_dotted(least)} is the least", "train on the processor, or on another GPU"
    return None


def _visible(driver: Driver) -> list[Gpu]:
    """The GPUs that CUDA_VISIBLE_DEVICES leaves, by number or UUID; as in CUDA, what follows a wrong one is not seen."""
    if driver.visible is None:
        return list(driver.gpus)
    seen: list[Gpu] = []
    for name in driver.visible.split(","):
        found = [gpu for gpu in driver.gpus if _is_named(gpu, name.strip())]
        if not found:
            break
        seen += found
    return seen


def _is_named(gpu: Gpu, name: str) -> bool:
    return name == str(gpu.now.index) or (name.startswith("GPU-") and gpu.uuid.startswith(name))


def _has_code_for(capability: tuple[int, int], arches: Iterable[str]) -> bool:
    """Whether machine code (of the same major version) or code for any later GPU (``compute_``) is among those of torch."""
    for kind, major, minor in re.findall(r"(sm|compute)_(\d+)(\d)", " ".join(arches)):
        there = (int(major), int(minor))
        if there <= capability and (kind == "compute" or there[0] == capability[0]):
            return True
    return False


def _driver_advice(built: tuple[int, int]) -> str:
    least = {12: " to 525 or newer", 13: " to 580 or newer"}.get(built[0], "")
    return f"update the driver{least}, or install a torch that is built for an older CUDA"


def _terminal_advice(terminal: Terminal) -> Iterator[str]:
    if terminal.colours == 0:
        yield "set TERM to the kind of this terminal"
    elif terminal.colours < 2**24:
        tmux = " and, in tmux.conf, terminal-features ',*:RGB'" if terminal.inside == "tmux" else ""
        yield f"if it shows 24-bit colours, set COLORTERM=truecolor{tmux}"
    if terminal.size and (terminal.size[0] < 80 or terminal.size[1] < 24):
        yield "make it 80x24 or larger"
    if terminal.encoding.lower().replace("-", "") != "utf8":
        yield "set LANG=C.UTF-8, else lines and letters are broken"


def _free_bytes(gpu: Gpu) -> int | None:
    used, total = gpu.now.memory_used_bytes, gpu.now.memory_total_bytes
    return None if used is None or total is None else total - used


def _total(gpu: Gpu) -> str:
    return words.size(gpu.now.memory_total_bytes)


def _in_use(gpu: Gpu) -> str:
    free = _free_bytes(gpu)
    much = free is not None and free < 0.9 * (gpu.now.memory_total_bytes or 0)
    return f"; of its memory {words.size(free)} are free now" if much else ""


def _for_cpu(facts: Facts) -> float:
    """Parameters that main memory has room for in 16-bit, beside the libraries."""
    if isinstance(facts.memory, Unknown):
        return CPU_PARAMETERS
    return (facts.memory.total_bytes - MEMORY_OUT_BYTES) / BYTES_A_PARAMETER["in 16-bit"]


def _rounded(parameters: float) -> str:
    """``200B``, ``1.5B``, ``500M``: never more than what was told, but for the smallest models."""
    power = 10 ** math.floor(math.log10(max(parameters, 1e7)))
    most = max([step for step in STEPS if step * power <= parameters], default=1) * power
    return f"{most / 1e9:g}B" if most >= 1e9 else f"{most / 1e6:g}M"


def _pair(version: str) -> tuple[int, int] | None:
    """``13.0`` as two numbers."""
    found = re.match(r"(\d+)\.(\d+)", version)
    return (int(found[1]), int(found[2])) if found else None


def _dotted(pair: tuple[int, int] | None) -> str:
    return "unknown" if pair is None else f"{pair[0]}.{pair[1]}"
