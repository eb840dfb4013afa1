"""Work shared out to several processes, whose results come back in order."""

from __future__ import annotations

import gc
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures import TimeoutError as NotYet
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from itertools import chain, islice
from multiprocessing import get_context
from typing import Any, TypeVar

import psutil

Given = TypeVar("Given")
Made = TypeVar("Made")

ALONE = 2
"""Pieces of work that are done before other processes are started: for less they are not worth it."""
AHEAD = 3
"""Pieces of work that wait for each process, so that none of them waits for work."""
PROCESS_BYTES = 1 << 30
"""Free memory that one more process must find."""
MOST = 32
LOOK_S = 0.5
GARBAGE = 50_000
"""New objects after which a process looks for garbage; a batch has many, and none of it is garbage."""

_work: Callable[[Any], Any] | None = None
"""Of a process that was started to do it; what it holds comes by the fork, as much of it cannot be sent."""


class Cancelled(Exception):
    """Somebody asked to stop."""


def processes_for(wanted: int | None) -> int:
    """As many processes as were asked for, or as this machine has free cores and memory for."""
    if wanted is not None:
        return wanted
    fitting = psutil.virtual_memory().available // PROCESS_BYTES
    return max(1, min(len(os.sched_getaffinity(0)), fitting, MOST))


def in_processes(
    work: Callable[[Given], Made], pieces: Iterable[Given], processes: int, cancelled: Callable[[], bool]
) -> Iterator[Made]:
    """What `work` makes of each piece, in their order. Raises Cancelled, and what `work` raises."""
    waiting = iter(pieces)
    with _little_garbage():
        for piece in waiting if processes == 1 else islice(waiting, ALONE):
            _check(cancelled)
            yield work(piece)
    following = next(waiting, None)
    if following is None:
        return
    pool = ProcessPoolExecutor(processes, get_context("fork"), initializer=_begin, initargs=(work,))
    try:
        yield from _through(pool, chain([following], waiting), processes * AHEAD, cancelled)
    except BrokenProcessPool:
        raise RuntimeError(
            f"one of the {processes} processes that tokenise was ended from outside, as the kernel does when there is "
            "not enough memory; lower training.dataset_num_proc"
        ) from None
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _through(
    pool: ProcessPoolExecutor, pieces: Iterator[Given], ahead: int, cancelled: Callable[[], bool]
) -> Iterator[Made]:
    asked: deque[Future[Made]] = deque()
    for piece in pieces:
        _check(cancelled)
        asked.append(pool.submit(_do, piece))
        if len(asked) > ahead:
            yield _result(asked.popleft(), cancelled)
    while asked:
        yield _result(asked.popleft(), cancelled)


def _result(asked: Future[Made], cancelled: Callable[[], bool]) -> Made:
    while True:
        _check(cancelled)
        try:
            return asked.result(LOOK_S)
        except NotYet:
            if asked.done():  # the work itself ran out of time
                raise


@contextmanager
def _little_garbage() -> Iterator[None]:
    """Garbage is looked for seldom, and not in the libraries, while lists of numbers come and go."""
    usual = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(GARBAGE)
    try:
        yield
    finally:
        gc.set_threshold(*usual)
        gc.unfreeze()


def _check(cancelled: Callable[[], bool]) -> None:
    if cancelled():
        raise Cancelled


def _begin(work: Callable[[Any], Any]) -> None:
    global _work
    _work = work
    os.environ["TOKENIZERS_PARALLELISM"] = "false"  # its threads did not come along, and the other cores are taken
    gc.freeze()
    gc.set_threshold(GARBAGE)


def _do(piece: Any) -> Any:
    assert _work is not None
    return _work(piece)
