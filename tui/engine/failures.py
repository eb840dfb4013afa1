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


TORN_ARCHIVE = ("PytorchStreamWriter failed", "file write failed", "inline_container.cc", "unexpected pos", "iostream error")
"""What torch says in place of the error of the system when it could not write a file to its end."""

NETWORK = ("httpx", "httpcore", "requests", "urllib3")
"""Libraries whose errors mean that the hub did not answer, or not to the end."""


def is_disk_full(error: BaseException) -> bool:
    """Whether there was no room to write; not every library raises OSError."""
    told = str(error)
    # a file as long as the limits of the user allow is no other trouble, and it has no other cure
    return _is(error, errno.ENOSPC, errno.EDQUOT, errno.EFBIG) or any(words in told for words in TORN_ARCHIVE)


def is_read_only(error: BaseException) -> bool:
    """Whether the place to write to is read-only, as a kernel makes a disk that has errors."""
    return _is(error, errno.EROFS)


def _is(error: BaseException, *numbers: int) -> bool:
    """Whether it is one of these errors of the system; some libraries only tell its text."""
    told = str(error)
    return getattr(error, "errno", None) in numbers or any(os.strerror(number) in told for number in numbers)


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
    if is_read_only(error):
        text = "the disk of the run became read-only, as when it has errors"
        return Failed(
            code="error", text=text, advice="see what the kernel says of it (dmesg), then go on from the last checkpoint"
        )
    if is_out_of_memory(error):
        return Failed(
            code="out-of-memory",
            text=explain_memory(text),
            advice="halve training.per_device_train_batch_size and double training.gradient_accumulation_steps",
        )
    if "Hub" in type(error).__name__ or "huggingface.co" in text or "offline" in text.lower():
        return Failed(code="hub", text=text[:500], advice="check the name, the network, and the token if it is gated")
    if type(error).__module__.partition(".")[0] in NETWORK:
        return Failed(code="hub", text=f"the hub does not answer as it should: {text[:500]}", advice="check the network")
    return Failed(code="error", text=f"{type(error).__name__}: {text[:500]}", advice="engine.log has the whole story")
