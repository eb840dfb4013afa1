"""Checks of the driver, the GPUs and the libraries that compute on them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from tui import words
from tui.machine.box import Driver, Facts, Gpu, Kernels, Torch, Unknown
from tui.machine.finding import Finding
from tui.machine.gpu import shown

BFLOAT16, CUDA_13_LEAST, UNSLOTH_LEAST = (8, 0), (7, 5), (7, 0)
"""Compute capabilities: the first with bfloat16, the least that CUDA 13 compiles for (its release notes), and Unsloth's."""


def usable_gpus(facts: Facts) -> tuple[Gpu, ...]:
    """The GPUs that the installed torch can compute on, as far as that is known without asking it."""
    return tuple(gpu for gpu in all_gpus(facts) if not _why_unusable(gpu, facts)[0])


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
    free = "memory unknown" if (at := _free_bytes(gpu)) is None else f"{words.size(at)} of {memory_of(gpu)} free"
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


def all_gpus(facts: Facts) -> tuple[Gpu, ...]:
    return facts.driver.gpus if isinstance(facts.driver, Driver) else ()


def _why_unusable(gpu: Gpu, facts: Facts) -> tuple[str, str]:
    """What keeps torch from a GPU, and what to do about it; two empty texts when nothing is known to."""
    driver = facts.driver if isinstance(facts.driver, Driver) else Driver()
    if gpu.now.name == "lost":
        return "it does not answer", "restart this machine"
    if gpu.now.index not in shown([it.uuid for it in driver.gpus], driver.visible):
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


def _free_bytes(gpu: Gpu) -> int | None:
    used, total = gpu.now.memory_used_bytes, gpu.now.memory_total_bytes
    return None if used is None or total is None else total - used


def memory_of(gpu: Gpu) -> str:
    return words.size(gpu.now.memory_total_bytes)


def in_use(gpu: Gpu) -> str:
    free = _free_bytes(gpu)
    much = free is not None and free < 0.9 * (gpu.now.memory_total_bytes or 0)
    return f"; of its memory {words.size(free)} are free now" if much else ""


def _pair(version: str) -> tuple[int, int] | None:
    """``13.0`` as two numbers."""
    found = re.match(r"(\d+)\.(\d+)", version)
    return (int(found[1]), int(found[2])) if found else None


def _dotted(pair: tuple[int, int] | None) -> str:
    return "unknown" if pair is None else f"{pair[0]}.{pair[1]}"
