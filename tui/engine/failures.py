"""What went wrong, turned from an exception into one sentence and what to do about it."""

from __future__ import annotations

import errno
import os
import traceback

from tui.catalog.local import ModelError
from tui.data.records import DataError
from tui.engine.guards import LossLost
from tui.engine.retry import explain_memory
from tui.run.events import Failed
from tui.session.file import SessionError


def is_disk_full(error: BaseException) -> bool:
    """Whether there was no room to write; not every library raises OSError."""
    told = str(error)
    full = os.strerror(errno.ENOSPC) in told or ("PytorchStreamWriter failed" in told or "file write failed" in told)
    return getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT) or full


def is_out_of_memory(error: BaseException) -> bool:
    """Whether there was no memory left, on the GPU or, without one, in the box."""
    return type(error).__name__ == "OutOfMemoryError" or "not enough memory" in str(error)


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
        case LossLost(warning=told):
            return Failed(code=told.code, text=text, advice=told.advice, mend=told.mend)
    if is_disk_full(error):
        return Failed(code="disk-full", text="the disk is full", advice="free some space and start again")
    if is_out_of_memory(error):
        return Failed(
            code="out-of-memory",
            text=explain_memory(text),
            advice="halve training.per_device_train_batch_size and double training.gradient_accumulation_steps",
        )
    if "Hub" in type(error).__name__ or "huggingface.co" in text or "offline" in text.lower():
        return Failed(code="hub", text=text[:500], advice="check the name, the network, and the token if it is gated")
    return Failed(code="error", text=f"{type(error).__name__}: {text[:500]}", advice="engine.log has the whole story")
