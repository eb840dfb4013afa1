"""Nothing that was typed is lost by undoing, and nobody has to undo letter by letter."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tui.session.file import replace_value
from tui.session.history import LIMIT, ONE_EDIT_S, History
from tui.session.schema import Session


def at(r: int) -> Session:
    return replace_value(Session(), "lora.r", r)


@given(st.lists(st.integers(1, 4096), max_size=20))
def test_undoing_everything_and_redoing_everything_comes_back_to_the_same(ranks: list[int]) -> None:
    history = History(Session())
    for number, rank in enumerate(ranks):
        history = history.changed(at(rank), ["lora.r"], number * 10.0)
    end, back = history.now, history
    while back.past:
        back = back.undone()
    assert back.now == Session()
    while back.future:
        back = back.redone()
    assert back.now == end


def test_a_number_that_is_typed_is_one_change() -> None:
    history = History(Session())
    for number, rank in enumerate((1, 12, 128)):
        history = history.changed(at(rank), ["lora.r"], number * ONE_EDIT_S / 2)
    assert history.undone().now == Session()


def test_a_pause_or_another_field_makes_another_change() -> None:
    history = History(Session()).changed(at(1), ["lora.r"], 0.0).changed(at(2), ["lora.r"], 2 * ONE_EDIT_S)
    assert history.undone().now == at(1)
    other = replace_value(at(2), "training.seed", 1)
    assert history.changed(other, ["training.seed"], 2 * ONE_EDIT_S).undone().now == at(2)


def test_a_new_change_gives_up_what_was_undone_and_what_is_not_a_change_does_not() -> None:
    history = History(Session()).changed(at(1), ["lora.r"], 0.0).undone()
    assert history.changed(Session(), ["lora.r"], 9.0).redone().now == at(1)
    assert history.changed(at(3), ["lora.r"], 9.0).redone().now == at(3)


def test_typing_for_days_keeps_memory_bounded() -> None:
    history = History(Session())
    for number in range(LIMIT + 50):
        history = history.changed(at(number % 4000 + 1), ["lora.r"], number * 10.0)
    assert len(history.past) == LIMIT
