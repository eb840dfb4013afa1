"""Where llama.cpp lies, which an export to GGUF needs."""

from __future__ import annotations

import os
from pathlib import Path

LLAMA_CPP = Path("~/.unsloth/llama.cpp")
"""Where Unsloth keeps it when it has fetched it itself."""


def llama_cpp_folder() -> Path | None:
    """The folder with llama.cpp's quantiser, looked for where Unsloth looks."""
    folders = (os.environ.get("UNSLOTH_LLAMA_CPP_PATH"), LLAMA_CPP.expanduser())
    return next((Path(folder) for folder in folders if folder and (Path(folder) / "llama-quantize").is_file()), None)
