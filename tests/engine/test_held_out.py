"""A share of the data that is held out: always the same, never nothing, never everything."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.data.records import DataError
from tui.engine.held_out import held_out_rows
from tui.session import file
from tui.session.schema import Session


def session(fraction: float, **training: Any) -> Session:
    return file.from_table({"data": {"source": "a.jsonl"}, "evaluation": {"fraction": fraction}, "training": training})


@given(st.integers(2, 2000), st.floats(1e-6, 1, exclude_max=True))
def test_there_is_always_something_to_train_on_and_something_to_measure_on(count: int, fraction: float) -> None:
    rows = held_out_rows(count, session(fraction))
    assert 1 <= len(rows) <= count - 1
    assert rows <= frozenset(range(count))
    assert abs(len(rows) - count * fraction) <= 1


def test_the_same_seed_holds_out_the_same_and_another_something_else() -> None:
    first = held_out_rows(1000, session(0.1, seed=1))
    assert first == held_out_rows(1000, session(0.1, seed=1))
    assert first != held_out_rows(1000, session(0.1, seed=2))


def test_the_seed_of_the_data_decides_where_there_is_one() -> None:
    told = held_out_rows(1000, session(0.1, seed=1, data_seed=2))
    assert told == held_out_rows(1000, session(0.1, seed=2))
    assert held_out_rows(1000, session(0.1, seed=1, data_seed=0)) == held_out_rows(1000, session(0.1, seed=0))


@pytest.mark.parametrize("count", [0, 1])
def test_one_example_cannot_be_shared_out(count: int) -> None:
    with pytest.raises(DataError, match=r"a\.jsonl"):
        held_out_rows(count, session(0.5))
