"""``python -m tui.engine.export.push JOB PLACE``: send an export to the Hugging Face hub.

The token is that of the environment or of huggingface_hub's own store; it is read by huggingface_hub and by nobody here.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import httpx
from huggingface_hub import CommitInfo, CommitOperationAdd, HfApi, constants
from huggingface_hub.errors import HfHubHTTPError, HFValidationError

from tui.catalog.hub import FAILURES, hub_error
from tui.catalog.token import token_source
from tui.engine.emit import Emit, emitter
from tui.engine.export.children import ExportFailed, answering
from tui.run.export_commands import Push
from tui.run.export_events import ExportMoved
from tui.run.export_jobs import asked_in
from tui.run.exports import RECORD
from tui.run.folder import RunFolder

bars: Any = import_module("huggingface_hub.utils.tqdm")  # where the package has a class of that name
xet_bars: Any = import_module("huggingface_hub.utils._xet_progress_reporting")
ADAPTER_CONFIG = "adapter_config.json"
ATTEMPTS = 4
PAUSE_S = 1.0
"""Before the second attempt; twice as long before each further one."""
TELL_S = 0.5


class Meter:
    """Counts the bytes that were sent, from several threads, and tells it now and then."""

    def __init__(self, total: int, emit: Emit) -> None:
        self.total, self.emit = total, emit
        self.sent = 0
        self._told = 0.0
        self._lock = threading.Lock()

    def add(self, count: int) -> None:
        with self._lock:
            self.sent += count
            if time.monotonic() >= self._told + TELL_S:
                self._told = time.monotonic()
                self.emit(ExportMoved(bytes_done=min(self.sent, self.total), bytes_total=self.total))


def push(job: RunFolder, place: Path) -> dict[str, str]:
    """Send every file but the record of this machine; where it lies then. Raises ExportFailed."""
    asked = asked_in(job)
    assert asked is not None and asked.push is not None
    wanted, emit = asked.push, emitter(job)
    paths = sorted(path for path in place.rglob("*") if path.is_file() and path.name != RECORD)
    total = sum(path.stat().st_size for path in paths)
    emit(ExportMoved(stage="pushing", text=f"to {wanted.repo}", bytes_done=0, bytes_total=total))
    if not token_source():
        raise ExportFailed("you are not logged in to the hub", "log in with: hf auth login")
    meter = Meter(total, emit)
    count_sent(meter.add)
    message = wanted.message or f"{asked.to} of {Path(asked.run).name}"
    api = HfApi()

    def send() -> CommitInfo:
        meter.sent = 0
        api.create_repo(wanted.repo, private=wanted.private, exist_ok=True)
        if wanted.revision:
            api.create_branch(wanted.repo, branch=wanted.revision, exist_ok=True)
        # made anew for every attempt; what the hub has of them already is not sent again
        files = [CommitOperationAdd(path.relative_to(place).as_posix(), content_of(path, wanted)) for path in paths]
        return api.create_commit(wanted.repo, files, commit_message=message, revision=wanted.revision or None)

    made = patiently(send, wanted, lambda text: emit(ExportMoved(stage="pushing", text=text, bytes_total=total)))
    page = f"{constants.ENDPOINT}/{wanted.repo}" + (f"/tree/{wanted.revision}" if wanted.revision else "")
    return {"repo": wanted.repo, "url": page, "commit": made.oid, "revision": wanted.revision}


def content_of(path: Path, wanted: Push) -> str | bytes:
    """What is sent of a file: the file, but for an adapter's configuration that is to name its base model as on the hub."""
    if path.name != ADAPTER_CONFIG or not wanted.base:
        return str(path)
    told = json.loads(path.read_text(encoding="utf-8")) | {"base_model_name_or_path": wanted.base}
    return json.dumps(told, indent=2).encode()


def patiently(send: Callable[[], CommitInfo], wanted: Push, tell: Callable[[str], None]) -> CommitInfo:
    """Try again where the line was cut or somebody else wrote at the same moment. Raises ExportFailed."""
    pause = PAUSE_S
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return send()
        except HFValidationError:
            raise ExportFailed(f"{wanted.repo} is no name on the hub (owner/name)") from None
        except (*FAILURES, RuntimeError) as error:
            reason = _cause(error)
            if attempt == ATTEMPTS or not passing(reason):
                raise ExportFailed(_refusal(reason, wanted)) from error
            tell(f"to {wanted.repo}, attempt {attempt + 1}: {type(reason).__name__}")
            time.sleep(pause)
            pause *= 2
    raise AssertionError


def passing(error: Exception) -> bool:
    """Whether another attempt may do better: a cut line, a hub that is out of order, somebody who wrote meanwhile."""
    if isinstance(error, HfHubHTTPError):
        return error.response.status_code in (409, 412, 429) or error.response.status_code >= 500
    return isinstance(error, httpx.TransportError)


def _cause(error: Exception) -> Exception:
    """What is behind the RuntimeError with which huggingface_hub says that a file could not be sent."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, HfHubHTTPError | httpx.TransportError):
            return seen
        seen = seen.__cause__
    return error


def _refusal(error: Exception, wanted: Push) -> str:
    """Why it was not sent, in one sentence."""
    act = f"{wanted.repo} cannot be written"
    if isinstance(error, HfHubHTTPError):
        status = error.response.status_code
        tokens = f"{constants.ENDPOINT}/settings/tokens"
        if status == 403:
            return f"{act}: your token may not write there; give it write access at {tokens}, or push to a name of your own"
        if status in (409, 412):
            return f"{act}: somebody else changes this repository all the time; try again when they are done"
        if status == 404:
            return f"{act}: there is no such owner, or you may not see the repository"
        if status == 400 and error.server_message:
            return f"{act}: the hub says {' '.join(error.server_message.split())[:200]}"
    return str(hub_error(error, act))


def count_sent(add: Callable[[int], None]) -> None:
    """Have huggingface_hub count what it sends: its progress bars are the only place where it tells."""

    class Counted(bars.tqdm):  # type: ignore[misc]
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            # of the several bars of one upload, the first counts every byte once
            self.counts = kwargs.get("unit") == "B" and kwargs.get("position") in (None, 0)
            super().__init__(*args, **kwargs | {"disable": True})

        def update(self, n: float | None = 1) -> None:
            if self.counts:
                add(int(n or 0))

    for module in (bars, xet_bars):
        module.tqdm = Counted


if __name__ == "__main__":
    answering("tui.engine.export.push", push)
