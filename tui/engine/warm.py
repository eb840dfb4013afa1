"""The thread that works in an engine, started before it is known at what."""

from __future__ import annotations

import gc
import os
import queue
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

MOE_BACKEND = "UNSLOTH_MOE_BACKEND"
STREAM = "_cuda_getCurrentRawStream"


class Warm(threading.Thread):
    """Imports the libraries, then does one thing. In one thread, as torch keeps what is set at an import by thread."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.imported = threading.Event()
        self._work: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()

    def give(self, work: Callable[[], None]) -> None:
        """What it is to do."""
        self._work.put(work)

    def run(self) -> None:
        gc.disable()  # to look for garbage among what is imported takes a tenth of that time, and finds none
        try:
            with without_touching_a_gpu():
                self._import()
        except Exception:  # whoever needs them next says so
            traceback.print_exc()
        gc.freeze()  # so that no later look goes through all of it
        gc.enable()
        self.imported.set()
        self._work.get()()

    def _import(self) -> None:
        from tui.engine import loading, training  # noqa: F401
        from tui.engine.dataset import read_split  # noqa: F401


@contextmanager
def without_touching_a_gpu() -> Iterator[None]:
    """Within, Unsloth is imported without taking memory of a GPU, which it does twice.

    It tries a kernel for mixtures of experts; it chooses between these again when it needs one. And it asks for the current
    stream of each GPU, which makes a context there: without a context that is the default stream, 0.
    """
    import torch

    chosen, asked = MOE_BACKEND in os.environ, getattr(torch._C, STREAM, None)
    os.environ.setdefault(MOE_BACKEND, "native_torch")

    def answer(number: int) -> int:
        return asked(number) if asked and _has_context(number) else 0

    if asked:
        setattr(torch._C, STREAM, answer)
    try:
        yield
    finally:
        if asked:
            _replace(answer, asked)
        if not chosen:
            del os.environ[MOE_BACKEND]


def _replace(before: Callable[..., Any], after: Callable[..., Any]) -> None:
    """Put one function in the place of another wherever that is kept: by modules and drivers, to launch kernels with, and by
    torch's compiler, which knows functions by what they are."""
    for holder in gc.get_referrers(before):
        kept = holder if isinstance(holder, dict) else getattr(holder, "__dict__", {})
        for name in [name for name, value in kept.items() if value is before]:
            kept[name] = after
        if before in kept:
            kept[after] = kept.pop(before)
    if device_interface := sys.modules.get("torch._dynamo.device_interface"):  # has it in a class
        device_interface.CudaInterface.get_raw_stream = staticmethod(after)


def holds_gpu() -> bool:
    """Whether this process has memory of a GPU; only once torch is imported."""
    import torch

    return torch.cuda.is_available() and any(_has_context(number) for number in range(torch.cuda.device_count()))


def _has_context(number: int) -> bool:
    import torch

    return bool(torch._C._cuda_hasPrimaryContext(number))
