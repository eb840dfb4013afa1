"""The part of the hub on loopback that takes files: making a repository, sending large files, committing."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import socket
import struct
from dataclasses import dataclass, field
from typing import Any

LARGE = (".safetensors", ".gguf")
PIECE_BYTES = 16 << 10


@dataclass
class Commit:
    """What was committed to a repository."""

    repo: str
    revision: str
    message: str
    files: dict[str, bytes]
    """Content by path."""


@dataclass
class Uploads:
    """What the hub was sent, and how it fails."""

    created: dict[str, dict[str, Any]] = field(default_factory=dict)
    """What was asked for each repository that was made."""
    branches: list[tuple[str, str]] = field(default_factory=list)
    blobs: dict[str, bytes] = field(default_factory=dict)
    """Large files by their sha256."""
    commits: list[Commit] = field(default_factory=list)
    tokens: list[str] = field(default_factory=list)
    cuts: list[int] = field(default_factory=list)
    """After so many bytes the connection of the next large file is reset; one for each time."""
    conflicts: int = 0
    """So many commits are refused because somebody else committed meanwhile."""
    sent: int = 0
    """Bytes of large files that came, those of cut connections too."""


class UploadHandler:
    """What a handler of requests needs to take files; the rest of it comes from `http.server`."""

    hub: Any
    headers: Any
    rfile: Any
    where: str

    def take(self) -> None:
        """Answer a POST or PUT."""
        uploads: Uploads = self.hub.uploads
        if self.command == "PUT":  # type: ignore[attr-defined]
            return self.take_blob(uploads)
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        if not self.user:  # type: ignore[attr-defined]
            return self.refuse(401, message="Invalid credentials in Authorization header")  # type: ignore[attr-defined]
        uploads.tokens.append(self.headers.get("Authorization", ""))
        if self.where == "/api/repos/create":
            return self.make_repo(uploads, json.loads(body))
        if self.where == "/api/validate-yaml":
            return self.tell_json(200, {"errors": [], "warnings": []})
        if found := re.fullmatch(r"/api/models/(.+?)/branch/(.+)", self.where):
            uploads.branches.append((found[1], found[2]))
            return self.tell_json(200, {})
        if found := re.fullmatch(r"/api/models/(.+?)/preupload/(.+)", self.where):
            return self.tell_modes(json.loads(body))
        if re.fullmatch(r"/(.+?)\.git/info/lfs/objects/batch", self.where):
            return self.tell_places(uploads, json.loads(body))
        if found := re.fullmatch(r"/api/models/(.+?)/commit/(.+)", self.where):
            return self.commit(uploads, found[1], found[2], body)
        return self.refuse(404)  # type: ignore[attr-defined]

    def tell_json(self, status: int, told: Any) -> None:
        body = json.dumps(told).encode()
        self.send_response(status)  # type: ignore[attr-defined]
        self.send_header("Content-Type", "application/json")  # type: ignore[attr-defined]
        self.send_header("Content-Length", str(len(body)))  # type: ignore[attr-defined]
        self.end_headers()  # type: ignore[attr-defined]
        self.wfile.write(body)  # type: ignore[attr-defined]

    def make_repo(self, uploads: Uploads, asked: dict[str, Any]) -> None:
        owner = asked.get("organization") or self.user  # type: ignore[attr-defined]
        name = f"{owner}/{asked['name']}"
        if owner != self.user:  # type: ignore[attr-defined]
            return self.refuse(403, message="You don't have the rights")  # type: ignore[attr-defined]
        if name in uploads.created:
            return self.tell_json(409, {"error": "You already created this model repo", "url": f"{self.hub.url}/{name}"})
        uploads.created[name] = asked
        return self.tell_json(200, {"url": f"{self.hub.url}/{name}", "name": name})

    def tell_modes(self, asked: dict[str, Any]) -> None:
        modes = [
            {
                "path": it["path"],
                "uploadMode": "lfs" if it["path"].endswith(LARGE) else "regular",
                "shouldIgnore": False,
                "oid": None,
            }
            for it in asked["files"]
        ]
        self.tell_json(200, {"files": modes})

    def tell_places(self, uploads: Uploads, asked: dict[str, Any]) -> None:
        """Where each large file is to be sent; nowhere for what is here already."""
        objects: list[dict[str, Any]] = []
        for it in asked["objects"]:
            upload = {"upload": {"href": f"{self.hub.url}/blobs/{it['oid']}", "header": {}}}
            objects.append(it | ({} if it["oid"] in uploads.blobs else {"actions": upload}))
        self.tell_json(200, {"transfer": "basic", "objects": objects})

    def take_blob(self, uploads: Uploads) -> None:
        length = int(self.headers["Content-Length"])
        stop = min(length, uploads.cuts.pop(0)) if uploads.cuts else length
        content = b""
        while len(content) < stop and (piece := self.rfile.read(min(PIECE_BYTES, stop - len(content)))):
            content += piece
        uploads.sent += len(content)
        if stop < length:
            self.close_connection = True
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # type: ignore[attr-defined]
            return
        digest = hashlib.sha256(content).hexdigest()
        assert self.where == f"/blobs/{digest}", "the content is not what its name says"
        uploads.blobs[digest] = content
        self.tell_json(200, {})

    def commit(self, uploads: Uploads, repo: str, revision: str, body: bytes) -> None:
        if uploads.conflicts:
            uploads.conflicts -= 1
            return self.refuse(412, message="A commit has happened since. Please refresh and try again.")  # type: ignore[attr-defined]
        lines = [json.loads(line) for line in body.splitlines()]
        files = {it["value"]["path"]: base64.b64decode(it["value"]["content"]) for it in lines if it["key"] == "file"}
        files |= {it["value"]["path"]: uploads.blobs[it["value"]["oid"]] for it in lines if it["key"] == "lfsFile"}
        message = next(it["value"]["summary"] for it in lines if it["key"] == "header")
        uploads.commits.append(Commit(repo, revision, message, files))
        oid = f"{len(uploads.commits):040x}"
        return self.tell_json(200, {"commitUrl": f"{self.hub.url}/{repo}/commit/{oid}", "commitOid": oid})
