"""What went wrong, turned from an exception into one sentence and what to do about it."""

from __future__ import annotations

import errno
import os
import traceback

from tui.catalog.local import ModelError
from tui.data.records import DataError
from tui.run.events import Failed
from tui.session.file import SessionError


def explain(error: BaseException) -> Failed:
    """The end of a run, or the refusal of a job, as an event; the traceback goes to the log."""
    traceback.print_exception(error)
    text = " ".join(str(error).split()) or type(error).__name__
    match error:
        case DataError():
            return Failed(code="bad-data", text=text)
        case ModelError():
            return Failed(code="bad-model", text=text)
        case SessionError():
            return Failed(code="bad-session", text=text)
    # not every library raises OSError
    if getattr(error, "errno", None) == errno.ENOSPC or os.strerror(errno.ENOSPC) in text:
        return Failed(code="disk-full", text="the disk is full", advice="free some space and start again")
    if type(error).__name__ == "OutOfMemoryError" or "not enough memory" in text:
        return Failed(
            code="out-of-memory",
            text=f"memory ran out: {text[:300]}",
            advice="halve training.per_device_train_batch_size and double training.gradient_accumulation_steps",
        )
    if "Hub" in type(error).__name__ or "huggingface.co" in text or "offline" in text.lower():
        return Failed(code="hub", text=text[:500], advice="check the name, the network, and the token if it is gated")
    return Failed(code="error", text=f"{type(error).__name__}: {text[:500]}", advice="engine.log has the whole story")
