"""The history of a long run, thinned while it is read: a million updates open in two seconds and take little memory."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

BLOCKS = 10_000
"""Of so many stretches of a long run the last update is kept, and the one with the greatest loss."""
LINE_BYTES = 230
"""About what an update takes in the file."""
STEP, LOSS = b'"kind":"step"', b'"loss":'


def thinned(lines: Iterable[bytes], size_bytes: int) -> Iterator[bytes]:
    """The lines of a file of events, without most updates of a long run; everything else, and every order, stays."""
    stretch = size_bytes // LINE_BYTES // BLOCKS
    if stretch < 4:
        yield from lines
        return
    peak, peak_loss, last, count = b"", -math.inf, b"", 0
    for line in lines:
        if STEP not in line[:60]:
            yield from _kept(peak, last)
            peak, peak_loss, last, count = b"", -math.inf, b"", 0
            yield line
            continue
        last = line
        count += 1
        if (loss := _loss(line)) > peak_loss:
            peak, peak_loss = line, loss
        if count >= stretch:
            yield from _kept(peak, last)
            peak, peak_loss, last, count = b"", -math.inf, b"", 0
    yield from _kept(peak, last)


def _kept(peak: bytes, last: bytes) -> Iterator[bytes]:
    if peak and peak is not last:
        yield peak
    if last:
        yield last


def _loss(line: bytes) -> float:
    """The loss that a line tells, infinite where it is no number."""
    at = line.find(LOSS) + len(LOSS)
    try:
        return float(line[at : line.find(b",", at)])
    except ValueError:
        return math.inf
