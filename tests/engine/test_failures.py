"""What went wrong, as one sentence with a code."""

from __future__ import annotations

import errno

import httpx
import pytest

from tui.catalog.local import ModelError
from tui.data.records import DataError
from tui.engine.failures import explain
from tui.session.file import SessionError
from tui.session.problem import Problem

OutOfMemoryError = type("OutOfMemoryError", (RuntimeError,), {})
"""By name, as PyTorch's own."""


@pytest.mark.parametrize(
    ("error", "code", "told"),
    [
        (DataError("train.jsonl, row 7: there is no list of turns"), "bad-data", "row 7"),
        (ModelError("there is no folder /m"), "bad-model", "/m"),
        (SessionError([Problem("lora.r", "should be a number")]), "bad-session", "lora.r"),
        (OSError(errno.ENOSPC, "No space left on device"), "disk-full", "disk"),
        (Exception("No space left on device (os error 28)"), "disk-full", "disk"),  # the tokenizers library says it so
        (OSError(errno.EFBIG, "File too large"), "disk-full", "disk"),
        (RuntimeError("[enforce fail at inline_container.cc:672] . unexpected pos 64 vs 0"), "disk-full", "disk"),
        (RuntimeError("basic_ios::clear: iostream error"), "disk-full", "disk"),
        (OSError(errno.EROFS, "Read-only file system"), "error", "read-only"),
        (OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"), "out-of-memory", "2 GiB more"),
        (RuntimeError("[enforce fail] not enough memory: you tried to allocate 8 bytes"), "out-of-memory", "8 bytes"),
        (OSError("We couldn't connect to 'https://huggingface.co'"), "hub", "connect"),
        (httpx.ReadTimeout("timed out"), "hub", "the hub does not answer as it should: timed out"),
        (ZeroDivisionError(), "error", "ZeroDivisionError"),
        (KeyError("x"), "error", "KeyError"),
    ],
)
def test_an_error_becomes_a_code_and_a_sentence(
    error: Exception, code: str, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    failed = explain(error)
    assert failed.code == code
    assert told in failed.text
    assert "\n" not in failed.text and "Traceback" not in failed.text
    assert type(error).__name__ in capsys.readouterr().err  # the whole story, for the log
