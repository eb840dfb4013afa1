"""Where llama.cpp lies, which an export to GGUF needs."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from tui.resources import home

LLAMA_CPP = Path("~/.unsloth/llama.cpp")
"""Where Unsloth keeps it when it has fetched it itself."""
QUANTISER = "llama-quantize"
CONVERTER = "convert_hf_to_gguf.py"
SPEAKERS = ("llama-completion", "llama-simple")
"""Programs of llama.cpp that go on with a text, the better one first."""
BUILT = Path("build", "bin")
SOURCES = ("src", "ggml", "common")
PREBUILT = "UNSLOTH_PREBUILT_INFO.json"
"""What Unsloth looks for before it takes a folder for llama.cpp: all of the folders, or this file."""
SCRIPTS = (CONVERTER, "conversion", "gguf-py")
ADVICE = (
    "put the folder of a built llama.cpp into UNSLOTH_LLAMA_CPP_PATH, or set UNSLOTH_AUTO_INSTALL=1 to let Unsloth fetch it"
)
"""What to do where it is not here."""


def llama_cpp_folder() -> Path | None:
    """The folder with llama.cpp's quantiser: where Unsloth looks, or where PATH leads if the converter is there too."""
    named = (os.environ.get("UNSLOTH_LLAMA_CPP_PATH"), LLAMA_CPP.expanduser())
    found = next((Path(folder) for folder in named if folder and program_in(Path(folder), QUANTISER)), None)
    if found or not (program := shutil.which(QUANTISER)):
        return found
    place = Path(program).resolve()
    return next((folder for folder in list(place.parents)[:3] if (folder / CONVERTER).is_file()), None)


def may_be_fetched() -> bool:
    """Whether the user lets Unsloth fetch it, and install what it needs, whenever it is not here."""
    return os.environ.get("UNSLOTH_AUTO_INSTALL") == "1"


def program_in(folder: Path, name: str) -> Path | None:
    """A program of llama.cpp in its folder, or where it is built there."""
    return next((place for place in (folder / name, folder / BUILT / name) if place.is_file()), None)


def as_unsloth_wants(folder: Path) -> Path:
    """A folder that Unsloth takes for this llama.cpp: itself, or one of links. Raises OSError.

    Unsloth takes no folder without the sources of llama.cpp, and would delete it to fetch another one.
    """
    whole = (folder / PREBUILT).is_file() or all((folder / name).is_dir() for name in SOURCES)
    if whole and (folder / QUANTISER).is_file():
        return folder
    links = home() / "cache" / "llama.cpp"
    shutil.rmtree(links, ignore_errors=True)
    for name in SOURCES:
        (links / name).mkdir(parents=True)
    programs = [program_in(folder, name) or shutil.which(name) for name in (QUANTISER, *SPEAKERS)]
    for place in (*(Path(program) for program in programs if program), *(folder / name for name in SCRIPTS)):
        if place.exists():
            (links / place.name).symlink_to(place.resolve())
    return links


def speaker() -> Path | None:
    """A program of llama.cpp that goes on with a text: in its folder, or on PATH."""
    folder = llama_cpp_folder()
    for name in SPEAKERS:
        if found := (program_in(folder, name) if folder else None) or shutil.which(name):
            return Path(found)
    return None
