"""How the hub on loopback answers: who may read what, lists and files, and the faults that a test has chosen."""

from __future__ import annotations

import json
import re
import socket
import struct
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlencode, urlsplit

from tests.hub_repos import USERS, Hub, Repo, Request, etag_of, fault_of
from tests.hub_upload import PIECE_BYTES, UploadHandler


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
