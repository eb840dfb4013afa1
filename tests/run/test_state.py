"""What a screen shows of a run follows from its events alone, and says neither too much nor too little."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.run import events as ev
from tui.run.state import RunState, Series, exact_share, fold, fold_all, form_share


def step(number: int, seconds: float = 1.0, time: float = 0.0) -> ev.StepDone:
    return ev.StepDone(time=time, step=number, epoch=0.1, loss=1.0, learning_rate=1e-4, seconds=seconds)


def plan(steps: int) -> ev.Planned:
    return ev.Planned(
        time=1.0, steps=steps, epochs=1.0, examples=9, trained_parameters=1, all_parameters=2, device="CPU"
    )  # fmt: skip


DEAD = ev.EngineSeen(time=9.0, alive=False, reason="gone")
ALIVE = ev.EngineSeen(time=9.0, alive=True)
DONE = ev.Finished(time=8.0, outcome="completed", result="/adapter", loaded=True)
FAILED = ev.Failed(time=8.0, code="bad-data", text="row 3 is empty")
KILLED = ev.Failed(time=8.0, code="killed", text="the engine was killed by signal 9 (SIGKILL)")


def test_the_time_between_an_end_and_going_on_is_not_worked() -> None:
    begun, paused = ev.PhaseChanged(time=100.0, phase="loading"), ev.Finished(time=150.0, outcome="paused")
    state = fold_all([begun, paused, ev.Resumed(time=5000.0, step=0, path=""), step(1, time=5020.0)])
    assert state.worked_s == 70
    killed = fold_all([DEAD, ev.Resumed(time=9000.0, step=1, path=""), step(2, time=9010.0)], state)
    assert killed.worked_s == 80
    assert fold(killed, ev.Finished(time=9030.0, outcome="completed")).worked_s == 100


def test_of_a_run_that_goes_on_only_what_still_holds_is_told() -> None:
    """Answers of a model that is replaced are not those of the next one; a change holds from the checkpoint on."""
    answer = ev.Compared(time=5.0, prompt="a", reference="b", base="c", tuned="b")
    change = ev.Changed(time=3.0, step=8, values={"training.learning_rate": 1e-5})
    state = fold_all([step(8, time=2.0), change, answer, DONE, ev.Resumed(time=20.0, step=4, path="")])
    assert state.compared == () and [it.step for it in state.changes] == [4]


def test_what_was_thrown_away_is_told_from_what_was_stopped_before_it_had_a_result() -> None:
    stopped, thrown_away = (fold_all([ev.Finished(outcome=it)]) for it in ("stopped", "discarded"))  # type: ignore[arg-type]
    assert (stopped.status, stopped.discarded) == ("stopped", False)
    assert (thrown_away.status, thrown_away.discarded) == ("stopped", True)
    assert not fold(thrown_away, ev.Resumed(step=0, path="")).discarded


# a series


def test_growing_an_older_series_does_not_change_a_newer_one() -> None:
    old = Series([1, 2])
    first, second = old.plus(3), old.plus(4)
    assert (list(old), list(first), list(second)) == ([1, 2], [1, 2, 3], [1, 2, 4])
    assert list(first.plus(5)) == [1, 2, 3, 5] and list(first) == [1, 2, 3]


def test_a_longer_series_shares_the_storage_of_a_shorter_one() -> None:
    series: Series[int] = Series()
    items = series._items
    for number in range(1000):
        series = series.plus(number)
    assert series._items is items and len(series) == 1000


@given(st.lists(st.integers()), st.lists(st.integers()), st.slices(12), st.integers(-15, 15))
def test_a_series_behaves_like_a_list(items: list[int], beyond: list[int], part: slice, index: int) -> None:
    series = Series(items)
    grown = series
    for item in beyond:  # so that the storage is longer than the series
        grown = grown.plus(item)
    assert (len(series), list(series), bool(series)) == (len(items), items, bool(items))
    assert series[part] == items[part]
    assert list(grown) == items + beyond and series == Series(items)
    if -len(items) <= index < len(items):
        assert series[index] == items[index]
    else:
        with pytest.raises(IndexError):
            series[index]


# a recorded run


def test_a_real_run_is_told_as_it_was(recorded: list[ev.Event]) -> None:
    state = fold_all(recorded)
    assert (state.status, state.phase, state.ended) == ("finished", "ready", True)
    assert [step.step for step in state.steps] == list(range(1, 61))
    assert state.last_step is not None and state.last_step.loss == 0.12050455063581467
    assert state.steps[0].loss == 3.0026721954345703
    assert [(found.step, round(found.loss, 4), found.best) for found in state.evaluations] == [
        (20, 0.3567, True),
        (40, 0.1343, True),
        (60, 0.0995, True),
    ]
    assert state.plan is not None
    assert (state.plan.steps, state.plan.examples, state.plan.held_out_examples, state.plan.device) == (60, 432, 48, "CPU")
    assert (state.plan.trained_parameters, state.plan.all_parameters) == (4_884_480, 139_399_488)
    assert state.result.endswith("-demo/adapter")
    assert (state.failure, state.warnings, state.checkpoints) == (None, (), ())


def test_the_answers_of_a_real_run_are_counted(recorded: list[ev.Event]) -> None:
    compared = fold_all(recorded).compared
    assert len(compared) == 48
    assert (exact_share(compared, "base"), form_share(compared, "base", r"\$ \S.*")) == (0, 0)
    assert (exact_share(compared, "tuned"), form_share(compared, "tuned", r"\$ \S.*")) == (34 / 48, 1)


def test_the_memory_of_a_real_run_is_known_before_and_after_training(recorded: list[ev.Event]) -> None:
    state = fold_all(recorded)
    assert state.memory_loaded is not None and state.memory_trained is not None
    assert (state.memory_loaded.used_bytes, state.memory_loaded.peak_bytes) == (1_060_126_720, 1_070_006_272)
    assert (state.memory_trained.used_bytes, state.memory_trained.peak_bytes) == (1_927_663_616, 2_026_160_128)
    assert state.machine is not None and state.machine.host is not None and state.machine.host.cores == 2


def test_there_is_a_chat_while_the_engine_lives_and_none_once_it_is_gone(recorded: list[ev.Event]) -> None:
    state = fold_all([*recorded, ALIVE])
    assert state.chat_ready and state.engine_alive
    gone = fold(state, DEAD)
    assert not gone.chat_ready and not gone.engine_alive
    assert (gone.status, gone.failure) == ("finished", None)


def test_a_real_run_goes_through_its_states_in_order(recorded: list[ev.Event]) -> None:
    state, told = RunState(), ["waiting"]
    for event in recorded:
        state = fold(state, event)
        told += [state.status] if state.status != told[-1] else []
    assert told == ["waiting", "loading", "training", "finished"]


@pytest.mark.parametrize("cut", [0, 1, 10, 50, 100, 181, 182])
def test_what_was_known_at_any_moment_leads_to_the_same_end(recorded: list[ev.Event], cut: int) -> None:
    whole = fold_all(recorded)
    assert fold_all(recorded[cut:], fold_all(recorded[:cut])) == whole
    assert fold_all(recorded) == whole


# any run


def events() -> st.SearchStrategy[list[ev.Event]]:
    times = st.floats(0, 100)
    compared = ev.Compared(time=3.0, prompt="p", reference="r", base="b", tuned="t")
    one: st.SearchStrategy[ev.Event] = st.one_of(
        st.builds(step, st.integers(0, 9), st.floats(0, 5), times),
        st.builds(plan, st.integers(0, 9)),
        st.builds(ev.PhaseChanged, time=times, phase=st.sampled_from(["loading", "training", "saving", "ready"])),
        st.builds(ev.Evaluated, time=times, step=st.integers(0, 9), loss=times, perplexity=times, best=st.booleans()),
        st.builds(ev.EngineSeen, time=times, alive=st.booleans()),
        st.sampled_from([DONE, FAILED, compared, ev.Warned(time=2.0, code="c", text="t")]),
    )
    return st.lists(one, max_size=12)


@given(events(), events())
def test_folding_is_pure_and_prefix_by_prefix_the_same(before: list[ev.Event], after: list[ev.Event]) -> None:
    middle = fold_all(before)
    kept = replace(middle, steps=Series(middle.steps), evaluations=Series(middle.evaluations))
    end = fold_all(after, middle)
    assert fold_all(before + after) == end == fold_all(after, middle)
    assert middle == kept
    assert end.ended == (end.status in ("finished", "stopped", "failed", "crashed"))


def test_two_futures_of_one_state_do_not_touch_each_other() -> None:
    state = fold_all([plan(9), step(1)])
    one, other = fold(state, step(2)), fold(state, step(2, seconds=7.0))
    assert [found.seconds for found in one.steps] == [1.0, 1.0]
    assert [found.seconds for found in other.steps] == [1.0, 7.0]
    assert len(state.steps) == 1


def test_after_a_resume_the_curve_goes_on_from_the_checkpoint() -> None:
    state = fold_all([plan(9), *(step(number) for number in (1, 2, 3, 4, 5, 3, 4))])
    assert [found.step for found in state.steps] == [1, 2, 3, 4]


# the rate


def test_the_rate_ignores_the_first_update_which_compiles() -> None:
    assert RunState().seconds_a_step is None
    assert fold_all([plan(10), step(1, 60.0)]).seconds_a_step == 60.0
    assert fold_all([plan(10), step(1, 60.0), step(2, 2.0)]).seconds_a_step == 2.0
    assert fold_all([plan(10), step(1, 60.0), step(2, 2.0), step(3, 4.0)]).seconds_a_step == 3.0


def test_the_rate_is_the_present_one() -> None:
    slow = [step(number, 60.0) for number in range(1, 100)]
    fast = [step(number, 1.0) for number in range(100, 120)]
    assert fold_all([plan(200), *slow, *fast]).seconds_a_step == 1.0


# how a run ends


@pytest.mark.parametrize("before", [[], [plan(9)], [plan(9), step(1)]])
def test_an_engine_that_is_gone_before_an_end_has_crashed(before: list[ev.Event]) -> None:
    state = fold_all([*before, ALIVE, DEAD])
    assert state.status == "crashed" and state.ended
    assert state.failure == ev.Failed(code="killed", text="gone", time=9.0)


@pytest.mark.parametrize(("end", "status"), [(DONE, "finished"), (FAILED, "failed"), (KILLED, "crashed")])
def test_an_engine_that_is_gone_after_an_end_has_not_crashed(end: ev.Event, status: str) -> None:
    before = fold_all([plan(9), step(1), end])
    after = fold(before, DEAD)
    assert after.status == status
    assert after.failure == before.failure


def test_an_engine_that_was_only_slow_to_be_seen_has_not_crashed() -> None:
    crashed = fold_all([plan(9), ev.PhaseChanged(time=1.0, phase="training"), step(1), DEAD])
    back = fold(crashed, ALIVE)
    assert (crashed.status, back.status, back.failure) == ("crashed", "training", None)
    assert fold(fold(RunState(), DEAD), ALIVE).status == "loading"


@pytest.mark.parametrize(
    ("outcome", "status"), [("completed", "finished"), ("stopped", "stopped"), ("discarded", "stopped")]
)
def test_how_it_ended_is_told(outcome: Any, status: str) -> None:
    state = fold(RunState(), ev.Finished(outcome=outcome, result="/a", loaded=True))
    assert (state.status, state.result, state.chat_ready) == (status, "/a", True)


def test_loading_a_model_to_chat_after_the_end_leaves_the_run_finished() -> None:
    state = fold_all([DONE, ev.PhaseChanged(phase="loading", text="loading the base")])
    assert (state.status, state.phase, state.phase_text) == ("finished", "loading", "loading the base")


def test_a_checkpoint_being_saved_does_not_look_like_loading() -> None:
    state = fold_all([ev.PhaseChanged(phase="training"), step(1), ev.PhaseChanged(phase="saving", fraction=0.5)])
    assert (state.status, state.phase, state.phase_fraction) == ("training", "saving", 0.5)


def test_warnings_checkpoints_and_answers_are_kept_in_order() -> None:
    warnings = tuple(ev.Warned(code=code, text="t") for code in "ab")
    checkpoints = tuple(ev.Checkpointed(step=number, path="p", bytes=1) for number in (5, 10))
    state = fold_all([*warnings, *checkpoints])
    assert (state.warnings, state.checkpoints) == (warnings, checkpoints)


def test_a_reply_of_a_chat_changes_nothing_but_the_clock() -> None:
    state = fold_all([DONE, ev.Replied(time=20.0, id="1", text="hi")])
    assert state == replace(fold(RunState(), DONE), last_event=20.0)


def test_a_clock_that_is_set_back_an_hour_makes_no_time_negative_and_loses_nothing() -> None:
    before = [plan(10), *(step(number, time=5000.0 + number) for number in range(1, 5))]
    after = [*(step(number, time=1400.0 + number) for number in range(5, 8)), replace(DONE, time=1410.0)]
    state = fold_all([*before, *after])
    assert [it.step for it in state.steps] == list(range(1, 8)) and state.status == "finished"
    times = [it.time for it in state.steps]
    assert times == sorted(times) and times[-1] - times[0] < 10
    assert 0 < state.ended_at - times[-1] < 10 and state.clock_back_s > 3500


def test_shares_of_no_answers_are_zero() -> None:
    assert exact_share([], "tuned") == form_share([], "tuned", ".*") == 0.0


def test_white_space_around_an_answer_does_not_make_it_wrong_and_half_a_form_is_none() -> None:
    row = ev.Compared(prompt="p", reference=" $ ls\n", base="try $ ls", tuned="$ ls ")
    assert (exact_share([row], "tuned"), exact_share([row], "base")) == (1, 0)
    assert (form_share([row], "tuned", r"\$ \S.*"), form_share([row], "base", r"\$ \S.*")) == (1, 0)
