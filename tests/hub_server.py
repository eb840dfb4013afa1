"""A hub on loopback: a real HTTP server that speaks what huggingface_hub asks for, and fails where a test wants it to."""

from __future__ import annotations

import hashlib
import json
import re
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlencode, urlsplit

import pytest
from huggingface_hub import constants, hf_api
from huggingface_hub.utils import close_session

from tests.hub_upload import UploadHandler, Uploads

TOKEN = "hf_aTokenThatTheServerKnows"
OTHER_TOKEN = "hf_aTokenOfSomebodyWithoutAccess"
USERS = {TOKEN: "ada", OTHER_TOKEN: "bob"}
PIECE_BYTES = 16 << 10
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


class Handler(UploadHandler, BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # else every answer waits 40 ms for its body
    hub: Hub

    def log_message(self, *_: Any) -> None:
        pass

    def do_HEAD(self) -> None:
        self.answer()

    def do_GET(self) -> None:
        self.answer()

    def do_POST(self) -> None:
        self.answer()

    def do_PUT(self) -> None:
        self.answer()

    def answer(self) -> None:
        parts = urlsplit(self.path)
        self.where, self.query = unquote(parts.path), parse_qs(parts.query)
        bearer = self.headers.get("Authorization", "")
        self.request_made = Request(
            self.command, self.where, self.query, self.headers.get("Range", ""), bearer.startswith("Bearer ")
        )
        self.user = USERS.get(bearer.removeprefix("Bearer "), "")
        self.hub.requests.append(self.request_made)
        if gate := fault_of(self.hub.held, self.where):
            gate.wait(20)
        try:
            self.route()
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def route(self) -> None:
        if refusal := fault_of(self.hub.refusals, self.where):
            return self.refuse(refusal.status, refusal.code, **refusal.headers)
        if self.request_made.authorized and not self.user:
            return self.refuse(401, message="Invalid credentials in Authorization header")
        if self.command in ("POST", "PUT"):
            return self.take()
        if self.where == "/api/whoami-v2":
            return self.who_am_i()
        if self.where == "/api/models":
            return self.list_models()
        if found := re.fullmatch(r"/api/models/(.+?)(?:/(revision|tree)/([^/]+))?", self.where):
            return self.tell(*found.groups())
        if found := re.fullmatch(r"/api/(datasets/[^/]+/[^/]+)(?:/(revision)/(.+))?", self.where):
            return self.tell(*found.groups())
        if found := re.fullmatch(r"/(.+?)/resolve/(refs/convert/[^/]+|[^/]+)/(.+)", self.where):
            return self.resolve(*found.groups())
        return self.refuse(404)

    def refuse(self, status: int, code: str = "", message: str = "refused", **headers: str) -> None:
        told = ({"X-Error-Code": code} if code else {}) | {"X-Error-Message": message}
        self.send(status, json.dumps({"error": message}).encode(), **told, **headers)

    def send(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for key, value in {"Content-Type": "application/json", "Content-Length": str(len(body)), **headers}.items():
            self.send_header(key, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
            self.request_made.sent += len(body)

    def who_am_i(self) -> None:
        if not self.user:
            return self.refuse(401, message="Invalid username or password.")
        token = {"displayName": "unit tests", "role": "read"}
        return self.send(200, json.dumps({"name": self.user, "auth": {"accessToken": token}}).encode())

    def list_models(self) -> None:
        asked = {key: values[0] for key, values in self.query.items()}
        rows = [repo for repo in self.hub.repos.values() if self.matches(repo, asked) and self.may_see(repo)]
        rows.sort(key=lambda repo: -repo.likes if asked.get("sort") == "likes" else -repo.downloads)
        start, limit = int(asked.get("cursor", "0")), int(asked.get("limit", "1000"))
        fields = {"id", "siblings", *self.query.get("expand", ())}
        told = [{key: value for key, value in repo.info().items() if key in fields} for repo in rows[start : start + limit]]
        headers = {}
        if start + limit < len(rows):
            query = urlencode(self.query | {"cursor": [str(start + limit)]}, doseq=True)
            headers["Link"] = f'<{self.hub.url}/api/models?{query}>; rel="next"'
        self.send(200, json.dumps(told).encode(), **headers)

    def matches(self, repo: Repo, asked: Mapping[str, str]) -> bool:
        info = repo.info()
        largest = re.search(r"max:([\d.]+)([MB]?)", asked.get("num_parameters", ""))
        most = float(largest[1]) * {"": 1, "M": 1e6, "B": 1e9}[largest[2]] if largest else float("inf")
        return (
            asked.get("search", "").lower() in repo.name.lower()
            and asked.get("author", info["author"]) == info["author"]
            and asked.get("pipeline_tag", repo.pipeline) == repo.pipeline
            and all(tag in info["tags"] for tag in self.query.get("filter", ()))
            and (repo.parameters is None or repo.parameters <= most)
        )

    def may_see(self, repo: Repo) -> bool:
        return not repo.private or self.user == "ada"

    def repo_of(self, name: str, revision: str | None) -> Repo | None:
        """The repository, or an answer that says why not."""
        branches = [repo for key, repo in self.hub.repos.items() if key.startswith(f"{name}@")]
        branch = next((repo for repo in branches if revision in (repo.name.partition("@")[2], repo.commit)), None)
        repo = branch or self.hub.repos.get(name)
        if repo is None or not self.may_see(repo):
            self.refuse(404 if self.user else 401, "RepoNotFound", "Repository not found")
            return None
        if not branch and revision not in (None, "main", repo.commit):
            self.refuse(404, "RevisionNotFound", f"Invalid rev id: {revision}")
            return None
        return repo

    def tell(self, name: str, kind: str | None, revision: str | None) -> None:
        repo = self.repo_of(name, revision)
        if repo is None:
            return
        if kind == "tree":
            tree = [
                {"type": "file", "path": path, "size": here.stat().st_size, "oid": etag_of(here)}
                for path, here in repo.files().items()
            ]
            return self.send(200, json.dumps(tree).encode())
        blobs = "blobs" in self.query
        siblings = [self.sibling(path, here) if blobs else {"rfilename": path} for path, here in repo.files().items()]
        return self.send(200, json.dumps(repo.info() | {"siblings": siblings}).encode())

    def sibling(self, path: str, here: Path) -> dict[str, Any]:
        size = here.stat().st_size
        if here.suffix != ".safetensors":
            return {"rfilename": path, "size": size, "blobId": etag_of(here)}
        lfs = {"sha256": etag_of(here), "size": size, "pointerSize": 134}
        return {"rfilename": path, "size": size, "blobId": "0" * 40, "lfs": lfs}

    def resolve(self, name: str, revision: str, path: str) -> None:
        repo = self.repo_of(name, revision)
        if repo is None:
            return None
        if repo.gated and self.user != "ada":
            return self.refuse(403 if self.user else 401, "GatedRepo", "Access to this model is restricted")
        here = repo.files().get(path)
        if here is None:
            return self.refuse(404, "EntryNotFound", "Entry not found", **{"X-Repo-Commit": repo.commit})
        return self.send_file(repo, here)

    def send_file(self, repo: Repo, here: Path) -> None:
        size = here.stat().st_size
        start, end = 0, size - 1
        if asked := re.fullmatch(r"bytes=(\d+)-(\d*)", self.request_made.range):
            start, end = int(asked[1]), min(int(asked[2] or size), size - 1)
            if start >= size:
                return self.refuse(416)
        self.send_response(206 if self.request_made.range else 200)
        if self.request_made.range:
            self.send_header("Content-Range", f"bytes {start}-{end}/{size}")
        self.send_header("Content-Length", str(end + 1 - start))
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("ETag", f'"{etag_of(here)}"')
        self.send_header("X-Repo-Commit", repo.commit)
        self.end_headers()
        if self.command == "GET":
            self.send_pieces(here, start, end + 1)
        return None

    def send_pieces(self, here: Path, start: int, end: int) -> None:
        """The bytes of a file, as fast as they may go and as far as they may come."""
        cut = next((key for key in self.hub.cuts if self.where.startswith(key)), None)
        stop = min(end, start + self.hub.cuts.pop(cut)) if cut is not None else end
        with here.open("rb") as stream:
            stream.seek(start)
            while start < stop:
                piece = stream.read(min(PIECE_BYTES, stop - start))
                if speed := fault_of(self.hub.speeds, self.where):
                    self.hub.stopped.wait(len(piece) / speed)
                self.wfile.write(piece)
                start += len(piece)
                self.request_made.sent += len(piece)
        if stop < end:
            self.close_connection = True
            if self.hub.abruptly:
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


class Server(ThreadingHTTPServer):
    def shutdown_request(self, request: Any) -> None:
        self.close_request(request)  # without the polite end before it, which would hide a reset


@pytest.fixture
def hub(tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A hub in place of the real one, for this process and those it starts, with a cache and a token store of their own."""
    told = Hub(tmp_path / "hub")
    server = Server(("127.0.0.1", 0), type("ThisHandler", (Handler,), {"hub": told}))
    told.url = f"http://127.0.0.1:{server.server_port}"
    _point_to(told.url, tmp_path / "huggingface", monkeypatch)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    yield told
    told.stopped.set()
    for gate in told.held.values():
        gate.set()
    close_session()
    server.shutdown()
    server.server_close()


def _point_to(url: str, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """huggingface_hub read its environment when it was imported, so its constants are changed as well."""
    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_HUB_CACHE", "HF_TOKEN_PATH", "TRANSFORMERS_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    environment = {"HF_ENDPOINT": url, "HF_HOME": str(home), "HF_HUB_OFFLINE": "0", "HF_HUB_DISABLE_TELEMETRY": "1"}
    environment |= {"HF_HUB_DISABLE_XET": "1"}  # this hub speaks the older way to send large files
    for name, value in (environment | {"NO_PROXY": "127.0.0.1"}).items():
        monkeypatch.setenv(name, value)
    changed = {
        "ENDPOINT": url,
        "HUGGINGFACE_CO_URL_TEMPLATE": url + "/{repo_id}/resolve/{revision}/{filename}",
        "HF_HUB_OFFLINE": False,
        "HF_HUB_DISABLE_XET": True,
        "HF_HUB_DISABLE_TELEMETRY": True,
        "DOWNLOAD_CHUNK_SIZE": constants.DOWNLOAD_CHUNK_SIZE,
        "HF_HOME": str(home),
        "HF_HUB_CACHE": str(home / "hub"),
        "HF_TOKEN_PATH": str(home / "token"),
        "HF_STORED_TOKENS_PATH": str(home / "stored_tokens"),
    }
    for name, value in changed.items():
        monkeypatch.setattr(constants, name, value)
    monkeypatch.setattr(hf_api.api, "endpoint", url)
    close_session()


def unreachable(monkeypatch: pytest.MonkeyPatch) -> None:
    """From here on nobody listens where the hub should be."""
    for name in ("ENDPOINT", "HUGGINGFACE_CO_URL_TEMPLATE"):
        value = getattr(constants, name)
        monkeypatch.setattr(constants, name, re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1:1", value))
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:1")


def until(condition: Callable[[], Any], within_s: float = 10.0) -> Any:
    """What a condition comes to once it holds. Fails the test when it does not in time."""
    deadline = time.monotonic() + within_s
    while not (found := condition()):
        assert time.monotonic() < deadline, "it never came"
        threading.Event().wait(0.01)
    return found


def in_url(name: str) -> str:
    """The beginning of the path of a repository's files."""
    return f"/{quote(name)}/resolve/"
