"""Which examples are held out: chosen by the seed, by themselves or in groups."""

from __future__ import annotations

import random
from collections.abc import Sequence

import numpy as np

from tui.data.records import DataError
from tui.session.schema import Session


def held_out_rows(count: int, session: Session) -> frozenset[int]:
    """Which of so many examples are held out: the same for the same seed, at least one, and never all. Raises DataError."""
    if count < 2:
        raise DataError(f"{session.data.source} has one example, which cannot be trained on and held out")
    return frozenset(random.Random(seed_of(session)).sample(range(count), _wanted(count, session)))


def held_out_groups(groups: Sequence[int] | np.ndarray, session: Session) -> frozenset[int]:
    """Which examples are held out so that no group is on both sides, by the group of each example. Raises DataError.

    Groups are taken in an order that the seed decides, as long as no more are held out than wanted; at least the smallest.
    """
    _, group_of, sizes = np.unique(np.asarray(groups), return_inverse=True, return_counts=True)
    if len(sizes) < 2:
        column = session.evaluation.group_column
        raise DataError(
            f"all rows of {session.data.source} have the same {column}, so that no group of them can be held out"
        )
    order = list(range(len(sizes)))
    random.Random(seed_of(session)).shuffle(order)
    left = _wanted(len(group_of), session)
    chosen = []
    for group in order:
        if sizes[group] <= left:
            chosen.append(group)
            left -= int(sizes[group])
    if not chosen:
        chosen = [int(sizes.argmin())]
    if len(chosen) == len(sizes):
        chosen.pop()
    return frozenset(np.flatnonzero(np.isin(group_of, chosen)).tolist())


def seed_of(session: Session) -> int:
    """What fixes the choice of examples."""
    return session.training.seed if session.training.data_seed is None else session.training.data_seed


def _wanted(count: int, session: Session) -> int:
    wanted = session.evaluation.count or round(count * (session.evaluation.fraction or 0))
    return min(max(1, wanted), count - 1)
