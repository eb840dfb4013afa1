"""``python -m tui.engine.export.write JOB PLACE``: load a run with Unsloth and write it in another form."""

from __future__ import annotations

import re
from pathlib import Path

from tui.engine.emit import emitter
from tui.engine.export.children import ExportFailed, answering
from tui.engine.export.modelfile import write_modelfile
from tui.engine.inspecting import IMPORTING
from tui.run.export_ahead import look_ahead
from tui.run.export_commands import Export
from tui.run.export_events import ExportMoved
from tui.run.export_jobs import asked_in
from tui.run.folder import RunFolder
from tui.session import file
from tui.session.schema import Session
from tui.session.sections.model import PRECISIONS

COMPLAINT = re.compile(r"^\w+(?:Error|Exception): (.+)$", re.MULTILINE)
"""The last line that a Python program prints when it fails, as llama.cpp's converter does."""
GGUF_NAME = re.compile(r".*\.([A-Za-z0-9_]+)\.gguf")
"""A GGUF file that is whole in itself: name, quantisation, ending."""


def write(job: RunFolder, place: Path) -> list[str]:
    """Write the files into a folder that is there; what their user should know. Raises what Unsloth raises."""
    asked = asked_in(job)
    assert asked is not None
    run, emit, notes = RunFolder(Path(asked.run)), emitter(job), []
    emit(ExportMoved(stage="importing", text=IMPORTING))
    import torch

    from tui.engine.exporting import write as write_files
    from tui.engine.loading import load_model

    source = look_ahead(asked).source
    emit(ExportMoved(stage="loading", text=f"loading {source.name} of {run.name}"))
    session = file.load_as_written(run.session)
    loaded = load_model(_precision(session, source, on_gpu=torch.cuda.is_available()), str(source))
    if asked.to == "gguf":
        emit(ExportMoved(stage="converting", text=f"merging, then llama.cpp makes {', '.join(asked.quantisations)}"))
    else:
        emit(ExportMoved(stage="writing", text="merging the adapter into the base model"))
    try:
        write_files(place, asked.to, run.name, asked.quantisations, loaded)
    except RuntimeError as error:
        if found := COMPLAINT.findall(str(error)) if asked.to == "gguf" else []:
            raise ExportFailed(f"llama.cpp cannot convert this model: {found[-1]}", "engine.log says more") from error
        raise
    if asked.to == "gguf":
        names = _name_after(run, place, asked)
        notes += write_modelfile(place, names[0], loaded.tokenizer, session)
    return notes


def _precision(session: Session, source: Path, *, on_gpu: bool) -> Session:
    """The session with the precision to load with: an adapter in four bits only where Unsloth can merge it then."""
    adapter = (source / "adapter_config.json").is_file()
    four_bit = adapter and on_gpu and session.model.load_in_4bit
    chosen = "load_in_4bit" if four_bit else "load_in_16bit"
    return file.replace_values(session, {f"model.{name}": name == chosen for name in PRECISIONS})


def _name_after(run: RunFolder, place: Path, asked: Export) -> list[str]:
    """Name the GGUF files after the run, where a GPU names them after the base model; the names, as they were asked for."""
    for path in place.glob("*.gguf"):
        if found := GGUF_NAME.fullmatch(path.name):
            path.rename(place / f"{run.name}.{found[1].upper()}.gguf")
    written = {path.name.lower(): path.name for path in place.glob("*.gguf")}
    wanted = [f"{run.name}.{method}.gguf".lower() for method in asked.quantisations]
    if missing := [name for name in wanted if name not in written and len(written) < len(wanted)]:
        raise ExportFailed(f"llama.cpp made no {', '.join(missing)}", "engine.log has what it printed")
    return [written.get(name, min(written.values())) for name in wanted]


if __name__ == "__main__":
    answering("tui.engine.export.write", write)
