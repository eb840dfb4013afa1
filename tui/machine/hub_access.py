"""How the hub can be reached: its address and answer, where its downloads are kept, and where a token comes from."""

from __future__ import annotations

import http.client
import os
import ssl
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tui.machine.box import Hub, installed_file

HUB_S = 3.0
"""So long the hub may take to answer."""


def hub_cache() -> Path:
    """Where downloads from the hub are kept; huggingface_hub's own rule, which is asked without importing it."""
    told = os.environ.get("HF_HUB_CACHE") or os.environ.get("HUGGINGFACE_HUB_CACHE")
    return _expanded(told) if told else _hub_home() / "hub"


def is_offline() -> bool:
    """Whether the hub is switched off; huggingface_hub's own rule."""
    switch = os.environ.get("HF_HUB_OFFLINE") or os.environ.get("TRANSFORMERS_OFFLINE") or ""
    return switch.upper() in ("1", "ON", "YES", "TRUE")


def ask_hub(within_s: float = HUB_S) -> Hub:
    """One HEAD request to the hub, without the token, through the proxy of the environment as downloads go."""
    told = os.environ.get("HF_ENDPOINT") or "https://huggingface.co"
    parts = urlsplit(told)
    endpoint = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path.rstrip('/')}"  # no password is shown
    if is_offline():
        return Hub(endpoint, offline=True)
    if parts.scheme not in ("http", "https"):
        return Hub(endpoint, problem="that is no address of a server")
    try:
        request = urllib.request.Request(endpoint, method="HEAD", headers={"User-Agent": "unsloth-tui"})
        opener = urllib.request.build_opener(_Straight, urllib.request.HTTPSHandler(context=_certificates()))
        with opener.open(request, timeout=within_s) as answer:
            return Hub(endpoint, status=answer.status)
    except urllib.error.HTTPError as error:
        return Hub(endpoint, status=error.code)
    except (OSError, http.client.HTTPException, ValueError) as error:
        return Hub(endpoint, problem=_in_words(error, within_s))


class _Straight(urllib.request.HTTPRedirectHandler):
    """A redirection is an answer too: it is not followed."""

    def redirect_request(self, *_: Any) -> None:
        return None


def _certificates() -> ssl.SSLContext:
    """The same certificates that huggingface_hub trusts: those that are named, else certifi's, else the system's."""
    named = os.environ.get("SSL_CERT_FILE")
    bundle = Path(named) if named else installed_file("certifi", "certifi/cacert.pem")
    return ssl.create_default_context(cafile=bundle if bundle and bundle.is_file() else None)


def _in_words(error: Exception, within_s: float) -> str:
    reason = error.reason if isinstance(error, urllib.error.URLError) else error
    if isinstance(reason, TimeoutError):
        return f"no answer within {within_s:g} s"
    return getattr(reason, "strerror", None) or str(reason) or type(reason).__name__


def _hub_home() -> Path:
    cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return _expanded(os.environ.get("HF_HOME") or f"{cache}/huggingface")


def _expanded(path: str) -> Path:
    return Path(os.path.expandvars(path)).expanduser()


def token_source() -> str:
    """The variable or the file that a token of the hub is in; empty where there is none."""
    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"):
        if os.environ.get(name, "").strip():
            return name
    file = _expanded(os.environ.get("HF_TOKEN_PATH") or str(_hub_home() / "token"))
    return str(file) if file.is_file() and file.read_text().strip() else ""
