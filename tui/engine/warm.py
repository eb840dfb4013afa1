"""The thread that works in an engine, started before it is known at what."""

from __future__ import annotations

import os
import queue
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager

MOE_BACKEND = "UNSLOTH_MOE_BACKEND"


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
        try:
            with without_trying_kernels():
                self._import()
        except Exception:  # whoever needs them next says so
            traceback.print_exc()
        self.imported.set()
        self._work.get()()

    def _import(self) -> None:
        from tui.engine import loading, training  # noqa: F401
        from tui.engine.dataset import read_split  # noqa: F401


@contextmanager
def without_trying_kernels() -> Iterator[None]:
    """Within, Unsloth is imported without taking memory of a GPU: else it tries a kernel for mixtures of experts there.

    It chooses between these kernels once more when it needs one, as always after an import.
    """
    chosen = MOE_BACKEND in os.environ
    os.environ.setdefault(MOE_BACKEND, "native_torch")
    try:
        yield
    finally:
        if not chosen:
            del os.environ[MOE_BACKEND]


def holds_gpu() -> bool:
    """Whether this process has memory of a GPU; only once torch is imported."""
    import torch

    if not torch.cuda.is_available():
        return False
    has = torch._C._cuda_hasPrimaryContext  # type: ignore[attr-defined]
    return any(has(number) for number in range(torch.cuda.device_count()))
