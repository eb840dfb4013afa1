"""Whether this box can train, check by check: what was found, whether it is enough, and what to do about it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import TypeVar

from tui.machine.box import Disk, Driver, Facts, Unknown
from tui.machine.doctor_box import (
    MEMORY_OUT_BYTES,
    judge_cores,
    judge_disk,
    judge_home,
    judge_hub,
    judge_llama_cpp,
    judge_locks,
    judge_memory,
    judge_package,
    judge_python,
    judge_terminal,
    judge_token,
)
from tui.machine.doctor_gpu import (
    all_gpus,
    in_use,
    judge_4bit,
    judge_cuda,
    judge_driver,
    judge_gpu,
    judge_torch,
    judge_triton,
    memory_of,
    usable_gpus,
)
from tui.machine.finding import Finding
from tui.machine.probes import PACKAGES, probe

T = TypeVar("T")

NEEDED_PACKAGES = ("torch", "unsloth", "unsloth_zoo", "transformers", "trl", "peft", "datasets")
NEEDED = (*NEEDED_PACKAGES, "torch itself", "disk: runs", "home")
"""Checks without which nothing is trained, on any device."""
CONTEXT_BYTES = 2**30
"""What the CUDA context and the allocator keep of every card."""
BYTES_A_PARAMETER = {"LoRA in 4-bit": 0.55 * 1.15, "in 16-bit": 2 * 1.15, "full fine-tuning": 8.5}
"""NF4 with its constants (Dettmers et al. 2023) or two bytes, and 15 % for adapter and activations; or weights, gradients
and the two moments of an 8-bit AdamW."""
CPU_PARAMETERS = 1e9
STEPS = (1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8)
"""Sizes of models are told as one of these times a power of ten, rounded down."""


def examine(deep: bool = False, facts: Facts | None = None) -> list[Finding]:
    """Every check of this box, in up to five seconds (`deep`: a minute more), or of the box that `facts` tell of."""
    told = facts or probe(deep)
    usable = usable_gpus(told)
    return [
        _judged("python", told.python, judge_python),
        *(_judged(name, told.packages, partial(judge_package, name)) for name in PACKAGES),
        _judged("driver", told.driver, judge_driver),
        *(judge_gpu(gpu, told) for gpu in all_gpus(told)),
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
        f"{cards} {memory_of(largest)}: LoRA in 4-bit up to about {in_4bit} parameters, in 16-bit up to about {in_16bit}, "
        f"full fine-tuning up to about {full}{in_use(largest)}"
    )


def _judged(name: str, fact: T | Unknown, judge: Callable[[T], Finding]) -> Finding:
    return Finding(name, "unknown", fact.why) if isinstance(fact, Unknown) else judge(fact)


def _disks(facts: Facts) -> Iterator[tuple[str, Disk | Unknown]]:
    yield "disk: runs", facts.runs_disk
    yield "disk: hub cache", facts.hub_disk
    yield "disk: temporary", facts.temporary_disk


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
