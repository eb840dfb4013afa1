"""Where llama.cpp lies, which an export to GGUF needs."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

LLAMA_CPP = Path("~/.unsloth/llama.cpp")
"""Where Unsloth keeps it when it has fetched it itself."""
QUANTISER = "llama-quantize"
CONVERTER = "convert_hf_to_gguf.py"
SPEAKERS = ("llama-completion", "llama-simple")
"""Programs of llama.cpp that go on with a text, the better one first."""


def llama_cpp_folder() -> Path | None:
    """The folder with llama.cpp's quantiser, looked for where Unsloth looks, and on PATH if its converter is there too."""
    folders = (os.environ.get("UNSLOTH_LLAMA_CPP_PATH"), LLAMA_CPP.expanduser())
    found = next((Path(folder) for folder in folders if folder and (Path(folder) / QUANTISER).is_file()), None)
    if found or not (program := shutil.which(QUANTISER)):
        return found
    beside = Path(program).resolve().parent
    return beside if (beside / CONVERTER).is_file() else None


def speaker() -> Path | None:
    """A program of llama.cpp that goes on with a text: in its folder, where it is built, or on PATH."""
    folder = llama_cpp_folder()
    for name in SPEAKERS:
        places = [folder / name, folder / "build" / "bin" / name] if folder else []
        if here := next((str(it) for it in places if it.is_file()), None) or shutil.which(name):
            return Path(here)
    return None
