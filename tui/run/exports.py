"""What has been exported of a run: the record in each folder below ``exports``, and a line to copy for using it."""

from __future__ import annotations

import hashlib
import json
import shlex
import shutil
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from tui.run.export_commands import ExportKind
from tui.run.folder import RunFolder
from tui.session import file

RECORD = "export.json"
CHUNK_BYTES = 8 << 20
WANTED_TOKENS = 32
"""So many tokens of each answer must be the same."""


@dataclass(frozen=True)
class ExportedFile:
    """One file of an export."""

    path: str
    """Within the folder of the export."""
    bytes: int
    sha256: str


@dataclass(frozen=True)
class Difference:
    """Where an export first says something else than the run: how sure each was of both tokens."""

    at: int
    """Which token of the answer, counted from 1."""
    expected: str
    found: str
    logits: tuple[float, float] | None = None
    """What the run gave to the expected and to the found token; None where the program does not tell."""
    logits_found: tuple[float, float] | None = None
    """What the export gave to the same two."""


@dataclass(frozen=True)
class Asked:
    """One prompt that both were asked, always taking the likeliest token."""

    prompt: str
    expected: str
    answer: str
    same: int
    """Tokens from the first one on that are the same."""
    of: int
    """Tokens of the expected answer that were compared, and of what it goes on to say after its end."""
    difference: Difference | None = None

    @property
    def enough(self) -> bool:
        return self.same >= min(self.of, WANTED_TOKENS)


@dataclass(frozen=True)
class Proof:
    """What was checked of one export, or of one of its files."""

    subject: str
    """The file, or empty for the export as a whole."""
    how: str
    """With what: transformers, llama.cpp, the gguf package."""
    asked: tuple[Asked, ...] = ()
    checks: tuple[str, ...] = ()
    """What else was found to be right."""
    problems: tuple[str, ...] = ()
    """What was found to be wrong."""
    exact: bool = True
    """Whether the same tokens are to be expected; of weights with fewer bits only that some answer begins alike."""
    why_not: str = ""
    """Why nothing could be checked."""

    @property
    def passed(self) -> bool:
        if self.problems or self.why_not:
            return False
        return all(it.enough for it in self.asked) if self.exact else not self.asked or any(it.same for it in self.asked)


@dataclass(frozen=True)
class Pushed:
    """Where on the hub it lies."""

    repo: str
    url: str
    commit: str = ""
    revision: str = ""


@dataclass(frozen=True)
class Record:
    """One export that is whole."""

    name: str
    to: ExportKind
    run: str
    """The name of the run."""
    created: float
    """Seconds since 1970."""
    seconds: float
    base: str
    """The base model: a name on the hub or a folder."""
    step: int | None = None
    quantisations: tuple[str, ...] = ()
    files: tuple[ExportedFile, ...] = ()
    proofs: tuple[Proof, ...] = ()
    notes: tuple[str, ...] = ()
    """What its user should know."""
    versions: dict[str, str] = field(default_factory=dict)
    pushed: Pushed | None = None

    @property
    def bytes(self) -> int:
        return sum(it.bytes for it in self.files)


@dataclass(frozen=True)
class Exported:
    """An export and the folder it lies in."""

    path: Path
    record: Record


_RECORD: TypeAdapter[Record] = TypeAdapter(Record)


def list_exports(run: RunFolder) -> list[Exported]:
    """Every export of a run, the newest first; a folder without a record that can be read is left out."""
    try:
        places = [path for path in run.exports.iterdir() if not path.name.startswith(".")]
    except OSError:
        return []
    found = [Exported(path, record) for path in places if (record := read_record(path)) is not None]
    return sorted(found, key=lambda it: -it.record.created)


def read_record(place: Path) -> Record | None:
    """The record in the folder of an export; None where there is none that can be read."""
    try:
        return _RECORD.validate_json((place / RECORD).read_bytes())
    except (OSError, ValidationError):
        return None


def write_record(place: Path, record: Record) -> None:
    """Put the record into the folder of an export. Raises OSError."""
    file.write_atomic(place / RECORD, json.dumps(asdict(record), indent=1, ensure_ascii=False) + "\n")


def hashed_files(place: Path, tell: Callable[[int, int], None] = lambda done, total: None) -> tuple[ExportedFile, ...]:
    """Every file of an export but its record, with its hash; `tell` hears now and then how many bytes of how many were read.

    Raises OSError, and what `tell` raises.
    """
    paths = sorted(path for path in place.rglob("*") if path.is_file() and path.name != RECORD)
    total, done, found = sum(path.stat().st_size for path in paths), 0, []
    for path in paths:
        digest = hashlib.sha256()
        with path.open("rb") as stream:
            while piece := stream.read(CHUNK_BYTES):
                digest.update(piece)
                done += len(piece)
                tell(done, total)
        found.append(ExportedFile(path.relative_to(place).as_posix(), path.stat().st_size, digest.hexdigest()))
    return tuple(found)


def delete_export(exported: Exported) -> None:
    """Delete an export for good; it can be made again. Raises OSError."""
    shutil.rmtree(exported.path)


def proof_words(record: Record) -> str:
    """In a few words: whether it was proven."""
    if not record.proofs:
        return "not checked"
    if unchecked := [it for it in record.proofs if it.why_not]:
        return f"not proven: {unchecked[0].why_not}"
    if wrong := [text for it in record.proofs for text in it.problems]:
        return f"WRONG: {wrong[0]}"
    asked = [it for proof in record.proofs for it in proof.asked]
    if not asked:
        return "files checked"
    counts = [it.same for it in asked]
    if not all(proof.passed for proof in record.proofs):
        return f"DIFFERS: {sum(it.difference is None for it in asked)} of {len(asked)} answers have the same tokens"
    if all(it.enough for it in asked):
        return f"proven: the same {min(counts)} tokens or more in {len(asked)} answers"
    return f"proven, rounded: {min(counts)} to {max(counts)} tokens are the same before {len(asked)} answers part"


def uses(exported: Exported) -> dict[str, str]:
    """A line to copy for each program that takes it, by the name of the program."""
    return dict(_uses(exported.path, exported.record))


def _uses(place: Path, record: Record) -> Iterator[tuple[str, str]]:
    here, name = shlex.quote(str(place)), _slug(record)
    if record.to != "gguf":
        load = f'from transformers import pipeline as p; chat = p("text-generation", {json.dumps(str(place))})'
        yield "transformers", f"python -i -c {shlex.quote(load)}"
    if record.to == "adapter":
        yield "vLLM", f"vllm serve {shlex.quote(record.base)} --enable-lora --lora-modules {name}={here}"
    elif record.to == "gguf":
        ggufs = [it.path for it in record.files if it.path.endswith(".gguf")]
        if ggufs:
            yield "llama.cpp", f"llama-cli -m {shlex.quote(str(place / ggufs[0]))}"
        if any(it.path == "Modelfile" for it in record.files):
            yield "Ollama", f"ollama create {name} -f {shlex.quote(str(place / 'Modelfile'))} && ollama run {name}"
    else:
        yield "vLLM", f"vllm serve {here} --served-model-name {name}"


def _slug(record: Record) -> str:
    return record.run.lower().replace("_", "-")


def record_table(exported: Exported) -> dict[str, Any]:
    """An export as ``export --json`` tells it."""
    record = exported.record
    told = asdict(record) | {"path": str(exported.path), "bytes": record.bytes}
    return told | {"proven": bool(record.proofs) and all(it.passed for it in record.proofs), "uses": uses(exported)}
