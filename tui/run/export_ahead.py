"""What an export will need, and why it cannot be made here: known before anything heavy is loaded."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Literal

import psutil

from tui import words
from tui.catalog.local import ModelCard, ModelError, is_path, read_model
from tui.catalog.shape import ModelShape
from tui.machine.host import free_disk_bytes
from tui.machine.hub_access import is_offline
from tui.machine.llama_cpp import CONVERTER, llama_cpp_folder, may_be_fetched
from tui.machine.memory import BYTES_16, NF4_BYTES
from tui.run.export_base import HUB_NAME, base_card, hub_name, is_quantised, sixteen_bit_name
from tui.run.export_commands import Export, Push
from tui.run.exports import read_record
from tui.run.folder import RunFolder
from tui.run.gpu_choice import NO_GPU, devices_here
from tui.session import file
from tui.session.quantisations import GPU_ONLY, offered, refusal
from tui.session.schema import Session

SPARE_DISK_BYTES = 500_000_000
"""What must be left on the disk."""
LIBRARIES_BYTES = 1_300_000_000
"""Memory of a process that has imported Unsloth and loaded nothing."""
CPU_BYTES_A_WEIGHT = 8
"""On a CPU: the model in 16 bits, a copy whose weights are merged in 32, and the part that is being written."""
GPU_SPARE_BYTES = 1_000_000_000
Q6_BITS, Q8_BITS, SUPER_BLOCK = 6.6, 8.5, 256
"""Bits of a weight in llama.cpp's Q6_K and Q8_0, and the weights of a row that its K forms round together."""
FOUR_BITS = 0.4
"""Four bits and their scales, of the bytes of sixteen bits."""
NARROW = 1.2
"""Q5_0 has so many times the bits of Q4_K, Q8_0 those of Q6_K: what rows take that SUPER_BLOCK does not divide."""
ROOM = 1.1
"""Sizes are known to a tenth."""
PROGRAMS = "UNSLOTH_LLAMA_CPP_PATH can name the folder of a built llama.cpp (llama-quantize and convert_hf_to_gguf.py in it)"

Place = Literal["cpu", "gpu", "none"]


@dataclass(frozen=True)
class Ahead:
    """What is known of an export before it begins."""

    source: Path
    """The folder of the adapter or model that is exported."""
    base: str = ""
    """The base model in 16 bits: a folder or a name on the hub; empty where all of the model was trained."""
    fetches: str = ""
    """The base model, where it has to come from the hub first."""
    place: Place = "none"
    """Where the model is loaded; nowhere for an adapter, whose files are taken as they are."""
    proves_on_gpu: bool = False
    """Whether the model fits into the GPU in 16 bits, where it is loaded again and asked."""
    unprovable: str = ""
    """Why the run cannot be heard, to compare the export with it; the export can be made all the same."""
    result_bytes: int | None = None
    disk_bytes: int | None = None
    """The most that lies on the disk of the run at one time; None where the size of the model is not known."""
    disk_free: int = 0
    memory_bytes: int | None = None
    memory_free: int = 0
    """Of the GPU or of the box, wherever it is loaded."""
    problems: tuple[str, ...] = ()
    """Why it cannot be made."""
    notes: tuple[str, ...] = ()

    def told(self) -> str:
        """What it needs, in a line."""
        disk = f"disk {words.size(self.disk_bytes)} of {words.size(self.disk_free)} free"
        if self.place == "none":
            return disk
        where = "GPU memory" if self.place == "gpu" else "memory"
        return f"{disk}; {where} {words.size(self.memory_bytes)} of {words.size(self.memory_free)} free"


def look_ahead(asked: Export) -> Ahead:
    """What this export will need on this box now, and what stands in its way."""
    run = RunFolder(Path(asked.run))
    source = run.adapter if asked.step is None else run.checkpoints / f"checkpoint-{asked.step}"
    ahead = Ahead(source=source, disk_free=free_disk_bytes(run.path))
    try:
        session = file.load_as_written(run.session)
        card = read_model(str(source))
    except (file.SessionError, ModelError) as error:
        which = "no result" if asked.step is None else f"no checkpoint of update {asked.step}"
        missing = not source.is_dir()
        return replace(ahead, problems=(f"{run.name} has {which}: there is no folder {source}" if missing else str(error),))
    problems = [*_wrong_words(asked, card), *_place_problems(run)]
    base = sixteen_bit_name(card.adapter_of) if card.adapter_of else ""
    model, missing_base = base_card(base, card)
    parameters = model.parameters if model else None
    fetches = base if model is None and not missing_base else ""
    notes = (*_fetch_notes(fetches), *_push_notes(asked, base), *_replace_notes(asked))
    ahead = replace(ahead, base=base, fetches=fetches, proves_on_gpu=_fits_gpu(session, parameters), notes=notes)
    if missing_base and asked.to == "adapter":
        ahead, missing_base = replace(ahead, unprovable=missing_base[0]), []
    if asked.to == "adapter":
        size = folder_size(source)
        ahead = replace(ahead, result_bytes=size, disk_bytes=size)
        return replace(ahead, problems=(*problems, *_disk_problems(ahead)))
    ahead = _sized(ahead, asked, session, model)
    return replace(
        ahead,
        problems=(
            *problems,
            *missing_base,
            *_processor_problems(ahead, asked, model),
            *_llama_problems(asked),
            *_disk_problems(ahead),
            *_memory_problems(ahead),
        ),
    )


def folder_size(place: Path) -> int:
    """What the files of a folder take that belong to a model: not the state of its training."""
    return sum(path.stat().st_size for path in model_files(place))


def model_files(place: Path) -> list[Path]:
    """The files of an adapter or model, without what only the training needs."""
    training = ("optimizer", "scheduler", "rng_state", "trainer_state", "training_args", "export.json", "README.md")
    return sorted(path for path in place.iterdir() if path.is_file() and not path.name.startswith(training))


def _sized(ahead: Ahead, asked: Export, session: Session, model: ModelCard | None) -> Ahead:
    """With the place where it is loaded, and what that takes."""
    parameters = model.parameters if model else None
    gpu = _free_gpu_bytes(session)
    box = int(psutil.virtual_memory().available)
    weights = None if parameters is None else BYTES_16 * parameters
    on_cpu = None if parameters is None else CPU_BYTES_A_WEIGHT * parameters + LIBRARIES_BYTES
    if gpu is None:
        ahead = replace(ahead, place="cpu", memory_bytes=on_cpu, memory_free=box)
    else:
        share = FOUR_BITS if session.model.load_in_4bit else 1.0
        share += FOUR_BITS if asked.to == "merged-4bit" else 0.0  # what is rounded lies beside it
        on_gpu = None if weights is None else int(weights * share * ROOM) + GPU_SPARE_BYTES
        ahead = replace(ahead, place="gpu", memory_bytes=on_gpu, memory_free=gpu)
        if on_gpu and on_gpu > gpu and on_cpu and on_cpu <= box:
            note = f"merged on the processor: it takes {words.size(on_gpu)} and the GPU has {words.size(gpu)} free"
            ahead = replace(ahead, place="cpu", memory_bytes=on_cpu, memory_free=box, notes=(*ahead.notes, note))
    if model is None or parameters is None:
        return ahead
    result, most = _disk(asked, parameters, model.shape, ahead.place)
    return replace(ahead, result_bytes=int(result), disk_bytes=int(most * ROOM))


def _fits_gpu(session: Session, parameters: int | None) -> bool:
    free = _free_gpu_bytes(session)
    return free is not None and parameters is not None and BYTES_16 * parameters * ROOM + GPU_SPARE_BYTES < free


def _disk(asked: Export, parameters: int, shape: ModelShape | None, place: Place) -> tuple[float, float]:
    """What the result takes, and the most that lies on the disk until it is whole, in bytes."""
    if asked.to == "merged-4bit":
        whole = shape.embedding_parameters if shape else 0  # these stay in 16 bits
        rounded = NF4_BYTES * (parameters - whole) + BYTES_16 * whole
        return rounded, rounded + BYTES_16 * parameters
    if asked.to == "merged-16bit":
        return BYTES_16 * parameters, BYTES_16 * parameters
    result = sum(gguf_bytes(name, parameters, shape) for name in asked.quantisations)
    merged = 4.0 if place == "cpu" else 2.0  # a CPU stages the merged weights unrounded
    between = 0.0 if set(asked.quantisations) <= {"bf16", "f16"} else 2.0
    return result, result + (merged + between) * parameters


def gguf_bytes(quantisation: str, parameters: int, shape: ModelShape | None) -> float:
    """What a file takes: llama.cpp keeps embeddings at six bits or more, and rounds narrow rows to the next simpler form."""
    bits = {it.name: it.bits for it in offered()}.get(quantisation, 16.0)
    embeddings = shape.embedding_parameters if shape else 0
    narrow = shape is not None and shape.hidden % SUPER_BLOCK != 0 and bits < Q8_BITS
    most = max(bits, Q8_BITS if narrow else Q6_BITS)
    return (most * embeddings + bits * (NARROW if narrow else 1) * (parameters - embeddings)) / 8


def _free_gpu_bytes(session: Session) -> int | None:
    """Free on the GPU that the run used; None without a GPU and for a run on the processor."""
    if session.model.device == NO_GPU:
        return None
    devices = [it for it in devices_here() if it.name != NO_GPU]
    named = session.model.device.split(",")
    mine = [it for it in devices if it.name in named or str(it.index) in named] or devices
    return max((it.free_bytes or 0 for it in mine), default=None)


def _wrong_words(asked: Export, card: ModelCard) -> Iterator[str]:
    if asked.to == "adapter" and not card.adapter_of:
        yield "all of this model was trained, so there is no adapter; merged-16bit is the whole model"
    if asked.to == "gguf" and not asked.quantisations:
        yield "gguf needs a quantisation; q4_k_m is the usual one"
    if wrong := refusal(asked.quantisations):
        yield wrong
    yield from (
        f"{name} is no name on the hub (owner/name)" for name in _hub_names(asked.push) if not HUB_NAME.fullmatch(name)
    )


def _hub_names(push: Push | None) -> list[str]:
    return [name for name in (push.repo, push.base) if name] if push else []


def _processor_problems(ahead: Ahead, asked: Export, model: ModelCard | None) -> Iterator[str]:
    """A base in four bits cannot be merged with on a processor, and one quantisation is not made there."""
    if ahead.base and model and is_quantised(ahead.base) and ahead.place == "cpu":
        text = f"the base model {ahead.base} is in 4 bits, and a processor cannot merge into that"
        yield f"{text}; the adapter can be exported here, and on a GPU everything can"
    if ahead.place == "cpu" and (gpu_only := [name for name in asked.quantisations if name in GPU_ONLY]):
        yield f"Unsloth makes {', '.join(gpu_only)} on a GPU only; q2_k can be made here"


def _llama_problems(asked: Export) -> Iterator[str]:
    if asked.to != "gguf":
        return
    if importlib.util.find_spec("gguf") is None:
        yield "the package gguf is not installed here; install it beside unsloth-tui"
    if folder := llama_cpp_folder():
        if not (folder / CONVERTER).is_file():
            yield f"llama.cpp in {folder} has no {CONVERTER}; its source has it, with the folders conversion and gguf-py"
        return
    if is_offline():
        yield f"llama.cpp is not here, and without a network Unsloth cannot fetch it; {PROGRAMS}"
    elif not asked.fetch_llama_cpp and not may_be_fetched():
        yield f"llama.cpp is not here; {PROGRAMS}, or let Unsloth fetch it (--fetch-llama-cpp, which may call apt-get)"


def _fetch_notes(fetches: str) -> Iterator[str]:
    if fetches:
        yield f"the base model {fetches} is not here in 16 bits; it comes from the hub first"


def _push_notes(asked: Export, base: str) -> Iterator[str]:
    """What goes to the hub must not name a folder of this machine where others look for the base model."""
    if asked.to == "adapter" and asked.push and is_path(base) and not asked.push.base:
        known = hub_name(base)
        text = f"the pushed adapter names its base model by a folder of this machine, where nobody else finds it ({base})"
        yield f"{text}; say what it is called on the hub (--base-model {known or 'OWNER/NAME'})"


def _replace_notes(asked: Export) -> Iterator[str]:
    if old := read_record(RunFolder(Path(asked.run)).exports / asked.name):
        yield f"it takes the place of the {old.name} of {datetime.fromtimestamp(old.created):%d %B, %H:%M}, once it is whole"


def _place_problems(run: RunFolder) -> Iterator[str]:
    place = run.exports if run.exports.is_dir() else run.path
    if not os.access(place, os.W_OK):
        yield f"nothing can be written to {place}; give yourself the right to, or copy the run elsewhere"


def _disk_problems(ahead: Ahead) -> Iterator[str]:
    if ahead.disk_bytes is not None and ahead.disk_bytes + SPARE_DISK_BYTES > ahead.disk_free:
        needed = f"{words.size(ahead.disk_bytes)} and {words.size(SPARE_DISK_BYTES)} to spare"
        yield f"it needs {needed} on the disk of the run while it is made, and {words.size(ahead.disk_free)} are free"


def _memory_problems(ahead: Ahead) -> Iterator[str]:
    if ahead.memory_bytes is not None and ahead.memory_bytes > ahead.memory_free:
        where = "GPU memory" if ahead.place == "gpu" else "memory"
        yield f"it needs {words.size(ahead.memory_bytes)} of {where}, and {words.size(ahead.memory_free)} are free"
