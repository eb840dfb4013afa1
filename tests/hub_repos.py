"""What the hub on loopback has: its users, models and datasets, what it was asked for, and where it fails."""

from __future__ import annotations

import hashlib
import json
import struct
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.hub_upload import Uploads

TOKEN = "hf_aTokenThatTheServerKnows"
OTHER_TOKEN = "hf_aTokenOfSomebodyWithoutAccess"
USERS = {TOKEN: "ada", OTHER_TOKEN: "bob"}
TEMPLATE = "{{ messages }}"
CARD = "---\nlicense: apache-2.0\ntags:\n- small\n---\n\n# A small model\n\nIt was made for tests.\n"


@dataclass
class Repo:
    """A model on the hub, or a dataset (``datasets/owner/name``), also another branch of one (``...@refs/convert/parquet``).

    Its files are real ones on disk.
    """

    name: str
    folder: Path
    commit: str
    gated: str = ""
    """``auto`` or ``manual``: only `TOKEN` may read its files."""
    private: bool = False
    licence: str = "apache-2.0"
    downloads: int = 0
    likes: int = 0
    parameters: int | None = None
    pipeline: str = "text-generation"
    modified: str = "2026-05-04T03:02:01.000Z"

    def files(self) -> dict[str, Path]:
        found = sorted(path for path in self.folder.rglob("*") if path.is_file())
        return {path.relative_to(self.folder).as_posix(): path for path in found}

    def info(self) -> dict[str, Any]:
        """What the hub says of it, files aside."""
        return {
            "id": self.name,
            "author": self.name.partition("/")[0],
            "sha": self.commit,
            "private": self.private,
            "gated": self.gated or False,
            "downloads": self.downloads,
            "likes": self.likes,
            "lastModified": self.modified,
            "pipeline_tag": self.pipeline,
            "tags": ["safetensors", "transformers", self.pipeline, f"license:{self.licence}"],
            "cardData": {"license": self.licence},
            "config": {"architectures": ["LlamaForCausalLM"]},
            "safetensors": self.parameters and {"parameters": {"BF16": self.parameters}, "total": self.parameters},
        }


@dataclass
class Request:
    """What the server was asked for, and how much of an answer it gave."""

    method: str
    path: str
    query: dict[str, list[str]]
    range: str
    """The Range header, or nothing."""
    authorized: bool
    """Whether a token came with it."""
    sent: int = 0
    """Bytes of the body."""


@dataclass
class Refusal:
    """An answer in place of the right one."""

    status: int
    code: str
    headers: Mapping[str, str]


@dataclass
class Hub:
    """The server. Faults are chosen by the beginning of the path and hold until `mend`."""

    folder: Path
    url: str = ""
    repos: dict[str, Repo] = field(default_factory=dict)
    requests: list[Request] = field(default_factory=list)
    refusals: dict[str, Refusal] = field(default_factory=dict)
    speeds: dict[str, float] = field(default_factory=dict)
    """Bytes a second."""
    cuts: dict[str, int] = field(default_factory=dict)
    """After so many bytes the connection is closed, once."""
    abruptly: bool = False
    """Whether it is reset then, as a router does that has forgotten it."""
    held: dict[str, threading.Event] = field(default_factory=dict)
    """No answer before this is set."""
    uploads: Uploads = field(default_factory=Uploads)
    stopped: threading.Event = field(default_factory=threading.Event)

    def add(self, name: str, files: Mapping[str, bytes] | None = None, **facts: Any) -> Repo:
        """A repository with these files, or those of a small model."""
        folder = self.folder / name
        for path, content in (small_model() if files is None else files).items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(content)
        self.repos[name] = Repo(name, folder, hashlib.sha1(name.encode()).hexdigest(), **facts)
        return self.repos[name]

    def refuse(self, path: str, status: int, code: str = "", **headers: str) -> None:
        """Answer everything below a path with an error; ``_`` in the name of a header stands for ``-``."""
        self.refusals[path] = Refusal(status, code, {key.replace("_", "-"): value for key, value in headers.items()})

    def mend(self) -> None:
        for faults in (self.refusals, self.speeds, self.cuts, self.held):
            faults.clear()

    def asked(self, text: str, method: str = "GET") -> list[Request]:
        """The requests with this in their path."""
        return [request for request in self.requests if text in request.path and request.method == method]


def fault_of(faults: Mapping[str, Any], path: str) -> Any:
    return next((fault for start, fault in faults.items() if path.startswith(start)), None)


def small_model(*, weights: int = 4096) -> dict[str, bytes]:
    """The files of a model with one layer's worth of tensors; `weights` are the bytes of each of its two."""
    config = {"architectures": ["LlamaForCausalLM"], "num_hidden_layers": 2, "hidden_size": 64, "vocab_size": 1000}
    return {
        "config.json": json.dumps(config | {"max_position_embeddings": 2048}).encode(),
        "tokenizer_config.json": json.dumps({"chat_template": TEMPLATE}).encode(),
        "tokenizer.json": b'{"model": {}}',
        "README.md": CARD.encode(),
        "model.safetensors": safetensors_header(weights) + bytes(range(256)) * (2 * weights // 256),
    }


def safetensors_header(weights: int, padding: int = 0) -> bytes:
    """The head of a file with two matrices of `weights` bytes each in 16 bits."""
    names = ("model.layers.0.self_attn.q_proj.weight", "model.layers.0.mlp.up_proj.weight")
    tensors: dict[str, Any] = {
        name: {"dtype": "BF16", "shape": [weights // 128, 64], "data_offsets": [place * weights, (place + 1) * weights]}
        for place, name in enumerate(names)
    }
    told = json.dumps(tensors | {"__metadata__": {"format": "pt", "padding": "x" * padding}}).encode()
    return struct.pack("<Q", len(told)) + told


def sparse_model(folder: Path, size: int, padding: int = 0) -> Path:
    """A safetensors file of about `size` bytes that takes no room on the disk."""
    path = folder / "model.safetensors"
    head = safetensors_header(size // 2 // 128 * 128, padding)
    path.write_bytes(head)
    with path.open("r+b") as stream:
        stream.truncate(len(head) + 2 * (size // 2 // 128 * 128))
    return path


def etag_of(path: Path) -> str:
    """As the hub has it: sha256 of a large file, the git hash of a small one."""
    if path.suffix == ".safetensors":
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    content = path.read_bytes()
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
