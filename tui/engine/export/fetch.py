"""Gets the base model of an export from the hub, and tells how many bytes have come."""

from __future__ import annotations

import time
from collections.abc import Callable

from tui.catalog.download_process import Download
from tui.engine.export.children import POLL_S, ExportFailed


def fetch(name: str, meanwhile: Callable[[int, int], None], *, with_code: bool = False) -> None:
    """Bring a model into the hub's cache; `meanwhile` hears how many bytes of how many are here.

    What has come stays there, so that the next attempt goes on from it. Raises ExportFailed, and what `meanwhile` raises
    to end it.
    """
    download = Download()
    download.start(name, with_code=with_code)
    try:
        while not (state := download.poll()).is_over:
            meanwhile(state.bytes_done, state.bytes_total)
            time.sleep(POLL_S)
    except BaseException:
        download.cancel()
        while not download.poll().is_over:
            time.sleep(POLL_S)
        raise
    if state.phase != "done":
        raise ExportFailed(state.error, "what has come is kept; the next attempt goes on from there")
    meanwhile(state.bytes_total, state.bytes_total)
