"""Writes the result in the forms that other programs take."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tui.engine.checkpoints import EXPORT_WRITING
from tui.engine.emit import Emit
from tui.engine.failures import explain
from tui.engine.placing import put_in_place
from tui.machine import llama_cpp
from tui.run.events import PhaseChanged, Warned
from tui.run.export_commands import ExportKind
from tui.run.exports import Record, hashed_files, write_record
from tui.run.folder import RunFolder
from tui.session.schema import Session

if TYPE_CHECKING:
    from tui.engine.loading import Loaded


def export_all(folder: RunFolder, session: Session, loaded: Loaded, emit: Emit, stopped: Callable[[], bool]) -> None:
    """Write every kind that the session asks for under ``exports/``; what fails is told as a warning."""
    for kind in session.export.kinds:
        if stopped():
            return
        emit(PhaseChanged(phase="exporting", text=f"writing {kind}"))
        try:
            target = folder.exports / kind
            started = time.time()
            export(target, kind, session, loaded)
            write_record(target, _record(folder, kind, session, target, started))
        except Exception as error:
            reason = explain(error)
            advice = llama_cpp.ADVICE if "llama.cpp" in reason.text else reason.advice
            emit(Warned(code="export", text=f"{kind} was not written: {reason.text}", advice=advice))


def _record(folder: RunFolder, kind: ExportKind, session: Session, target: Path, started: float) -> Record:
    """What is known of an export that nobody has loaded again."""
    return Record(
        name=target.name,
        to=kind,
        run=folder.name,
        created=started,
        seconds=round(time.time() - started, 1),
        base=session.model.name,
        quantisations=session.export.quantization_method if kind == "gguf" else (),
        files=hashed_files(target),
        notes=("made by the run itself; unsloth-tui export makes it again and compares its answers",),
    )


def export(target: Path, kind: str, session: Session, loaded: Loaded) -> None:
    """Write one kind to `target`, whole or not at all. Raises what Unsloth raises, and FileNotFoundError."""
    scratch = target.with_name(f"{EXPORT_WRITING}{target.name}")
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True, mode=0o700)
    try:
        write(scratch, kind, target.parent.parent.name, session.export.quantization_method, loaded)
        put_in_place(scratch, target)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def write(place: Path, kind: str, name: str, methods: Sequence[str], loaded: Loaded) -> None:
    """Write one kind into a folder that is there; GGUF files are named after `name`. Raises as `export` does."""
    if kind == "gguf":
        _write_gguf(place, name, methods, loaded)
    elif kind == "merged-4bit":
        _write_four_bits(place, loaded)
    else:
        loaded.model.save_pretrained_merged(str(place), loaded.tokenizer, save_method="merged_16bit")


def _write_four_bits(place: Path, loaded: Loaded) -> None:
    from tui.engine.four_bits import round_to_four_bits

    whole = place / "work"
    loaded.model.save_pretrained_merged(str(whole), loaded.tokenizer, save_method="merged_16bit")
    round_to_four_bits(whole, place)
    shutil.rmtree(whole)


def _write_gguf(place: Path, name: str, methods: Sequence[str], loaded: Loaded) -> None:
    """Leave the GGUF files in `place`, and nothing of the 16-bit weights they are made from."""
    work = place / "work"
    loaded.model.save_pretrained_gguf(str(work / name), loaded.tokenizer, quantization_method=list(methods))
    # a CPU writes into the folder it is given, a GPU into one beside it, with a Modelfile for Ollama
    written = [path for path in work.rglob("*") if path.suffix == ".gguf" or path.name == "Modelfile"]
    if not any(path.suffix == ".gguf" for path in written):
        raise FileNotFoundError("Unsloth said nothing and wrote no GGUF file")
    for path in written:
        path.rename(place / path.name)
    shutil.rmtree(work)
