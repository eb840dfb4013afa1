"""A hub on loopback: a real HTTP server that speaks what huggingface_hub asks for, and fails where a test wants it to."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from huggingface_hub import constants, hf_api
from huggingface_hub.utils import close_session

from tests.hub_handler import Handler, Server
from tests.hub_repos import Hub


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
