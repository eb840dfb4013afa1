"""A strip of the last minutes in one line of text."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

BLOCKS = "▁▂▃▄▅▆▇█"


def sparkline(shares: Sequence[float], width: int) -> str:
    """Values from 0 to 1 as blocks, oldest first; each stands for the mean of its stretch, and few of them are stretched."""
    values = list(shares)
    if not values or width < 1:
        return ""
    edges = [column * len(values) / width for column in range(width + 1)]
    blocks = []
    for start, end in pairwise(edges):
        piece = values[int(start) : max(int(start) + 1, int(end))]
        mean = min(1.0, max(0.0, sum(piece) / len(piece)))
        blocks.append(BLOCKS[min(len(BLOCKS) - 1, int(mean * len(BLOCKS)))])
    return "".join(blocks)
