"""The figures of a run say what happened: they do not count loading, do not jump, and stay silent where nothing is known."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tui.machine.readings import GpuReading
from tui.run import events as ev
from tui.run import figures
from tui.run.advice import advise
from tui.run.state import RunState, Series, fold_all
from tui.session import file
from tui.session.schema import Session

RECORDED = Path(__file__).parents[1] / "recorded" / "demo-events.jsonl"
PLAN = ev.Planned(
    time=90.0, steps=100, epochs=2.0, examples=400, trained_parameters=10_000_000, all_parameters=8_000_000_000,
    device="NVIDIA H200",
)  # fmt: skip


def step(number: int, at: float, **others: float) -> ev.StepDone:
    told = {"loss": 1.0, "seconds": 2.0, "tokens": number * 1000, "tokens_per_s": 500.0} | others
    return ev.StepDone(step=number, time=at, epoch=number / 50, learning_rate=1e-4, **told)  # type: ignore[arg-type]


def trained(updates: int, seconds: float = 2.0, start: float = 100.0) -> RunState:
    steps = [step(number, start + number * seconds) for number in range(1, updates + 1)]
    return fold_all([PLAN, ev.PhaseChanged(time=start, phase="training"), *steps])


def sampled(watts: float, busy: int, at: float, used: tuple[int, ...] = (0,), count: int = 1) -> ev.MachineSampled:
    devices = (GpuReading(index, "GPU", power_watts=watts, utilisation_percent=busy) for index in range(count))
    return ev.MachineSampled(time=at, devices=tuple(devices), used=used)


# ---- the time until it begins


def test_the_way_to_the_first_update_is_told_by_what_was_done_and_after_a_pause_anew() -> None:
    begun = [("importing", 0.0), ("loading", 20.0), ("reading", 26.0), ("training", 27.0)]
    phases = [ev.PhaseChanged(time=at + 1.0, phase=phase) for phase, at in begun]  # type: ignore[arg-type]
    state = fold_all([replace(PLAN, time=0.5), *phases, step(1, 34.0), step(2, 36.0)])
    told = [("starting", 0.5), ("importing", 20.0), ("loading", 6.0), ("reading", 1.0), ("first update", 6.0)]
    assert figures.startup(state) == told
    later = [ev.PhaseChanged(time=101.0, phase="importing"), ev.PhaseChanged(time=103.0, phase="training"), step(3, 105.0)]
    again = fold_all([ev.Resumed(time=100.0, step=2, path=""), *later], state)
    assert figures.startup(again) == [("starting", 1.0), ("importing", 2.0), ("first update", 2.0)]
    assert figures.startup(fold_all(phases)) == []


# ---- the time that is left


def test_loading_and_the_first_update_do_not_lengthen_the_time_left() -> None:
    slow_start = [PLAN, ev.PhaseChanged(time=100.0, phase="training"), step(1, 700.0, seconds=600.0)]
    state = fold_all([*slow_start, *(step(number, 698.0 + 2 * number) for number in range(2, 11))])
    assert figures.seconds_left(state, now=718.0) == pytest.approx(90 * 2.0, rel=0.01)


def test_the_time_left_counts_down_between_two_updates_and_never_below_the_next() -> None:
    state = trained(10)
    left = [figures.seconds_left(state, 120.0 + passed) for passed in (0.0, 1.0, 2.0, 50.0)]
    assert left == pytest.approx([180.0, 179.0, 178.0, 178.0])


def test_one_slow_update_hardly_moves_the_time_left() -> None:
    before = trained(50)
    after = fold_all([step(51, before.last_event + 20.0, seconds=20.0)], before)
    left_before, left_after = (figures.seconds_left(it, it.last_event) for it in (before, after))
    assert left_before and left_after
    assert abs(left_after - left_before) < 0.2 * left_before


def test_evaluations_between_updates_are_part_of_the_time_left() -> None:
    steps = [step(number, 100.0 + 2 * number + 10 * (number // 5)) for number in range(1, 51)]
    left = figures.seconds_left(fold_all([PLAN, *steps]), now=steps[-1].time)
    assert left == pytest.approx(50 * 4.0, rel=0.06)


def test_the_night_between_a_pause_and_its_end_does_not_count() -> None:
    state = fold_all([ev.Resumed(time=90_000.0, step=20, path="checkpoints/checkpoint-20")], trained(20))
    state = fold_all([step(number, 90_010.0 + 2 * number) for number in range(21, 31)], state)
    assert figures.seconds_left(state, state.last_event) == pytest.approx(70 * 2.0, rel=0.01)


def test_more_updates_that_were_asked_for_lengthen_the_time_left() -> None:
    state = fold_all([ev.Changed(time=130.0, step=10, values={"training.max_steps": 200})], trained(10))
    assert (figures.total_steps(state), figures.seconds_left(state, 120.0)) == (200, pytest.approx(380.0))


def test_nothing_is_foretold_before_the_first_update_and_after_the_end() -> None:
    assert figures.seconds_left(fold_all([PLAN]), 0.0) is None
    ended = fold_all([ev.Finished(time=500.0, outcome="completed")], trained(10))
    assert figures.seconds_left(ended, 500.0) is None


# ---- arithmetic


@pytest.mark.parametrize(
    ("device", "tflops"),
    [
        ("NVIDIA H100 80GB HBM3", 989), ("NVIDIA H100 PCIe", 756), ("NVIDIA H200", 989), ("NVIDIA A100-SXM4-80GB", 312),
        ("NVIDIA L4", 121), ("NVIDIA L40S", 362), ("NVIDIA GeForce RTX 4090", 165.2), ("NVIDIA B200", 2250),
        ("NVIDIA GeForce RTX 4090 Laptop GPU", None), ("Tesla T4", None), ("CPU", None),
    ],
)  # fmt: skip
def test_only_a_card_that_is_known_has_a_peak(device: str, tflops: float | None) -> None:
    assert figures.peak_tflops(device) == tflops


def test_full_training_takes_half_as_much_again_as_lora() -> None:
    assert figures.flops_a_token(0, 1000) == 4000
    assert figures.flops_a_token(1000, 1000) == 6000


def test_the_share_of_peak_is_that_of_the_measured_run() -> None:
    """8.03e9 parameters and 11,080 tokens/s were measured as 356 TFLOP/s on a card of 989."""
    plan = replace(PLAN, all_parameters=8_030_000_000, trained_parameters=0)
    steps = [step(number, 100.0 + number, tokens=11_080 * number, seconds=1.0) for number in range(1, 30)]
    assert figures.utilisation(fold_all([plan, *steps])) == pytest.approx(356 / 989, rel=0.01)


# ---- what it takes


def test_energy_is_the_power_times_the_time_and_a_gap_is_not_made_up() -> None:
    samples = [sampled(300.0, 90, 100.0), sampled(500.0, 90, 105.0), sampled(500.0, 90, 9000.0), sampled(500.0, 90, 9005.0)]
    state = fold_all(samples)
    assert figures.energy_wh(state) == pytest.approx((400 * 5 + 500 * 5) / 3600)
    assert figures.mean_watts(state) == pytest.approx(450.0)


def test_a_gpu_that_the_run_does_not_use_does_not_cost_it() -> None:
    state = fold_all([sampled(300.0, 90, at, used=(1, 3), count=4) for at in (100.0, 105.0)])
    assert figures.mean_watts(state) == pytest.approx(600.0)
    assert figures.energy_wh(fold_all([sampled(300.0, 90, at, used=()) for at in (100.0, 105.0)])) is None


def test_memory_is_told_as_the_notebook_tells_it() -> None:
    use = figures.memory_use(fold_all([
        ev.MemoryMeasured(moment="loaded", used_bytes=6 << 30, peak_bytes=7 << 30, total_bytes=140 << 30),
        ev.MemoryMeasured(moment="trained", used_bytes=9 << 30, peak_bytes=20 << 30, total_bytes=140 << 30),
    ]))  # fmt: skip
    assert use is not None
    assert (use.before_bytes, use.training_bytes, use.peak_bytes) == (6 << 30, 14 << 30, 20 << 30)
    assert use.share(use.peak_bytes) == pytest.approx(1 / 7)


def test_a_real_run_has_its_figures() -> None:
    state = fold_all(event for line in RECORDED.read_bytes().splitlines() if (event := ev.from_line(line)))
    assert figures.samples_seen(state) == 480
    assert figures.energy_wh(state) is None  # on a processor nothing tells
    assert figures.seconds_an_update(state) == pytest.approx(1.3, rel=0.2)


# ---- advice


def advised(state: RunState, session: Session) -> dict[str, object]:
    return {key: value for it in advise(state, session) for key, value in it.mend.items()}


def test_a_loss_that_does_not_fall_is_noticed() -> None:
    assert advised(trained(80), Session())["training.learning_rate"] == pytest.approx(4e-4)


def test_a_loss_that_falls_is_left_alone() -> None:
    falling = [step(number, 100.0 + number, loss=3 / number) for number in range(1, 80)]
    assert "training.learning_rate" not in advised(fold_all([PLAN, *falling]), Session())


def test_over_fitting_proposes_to_end_where_it_was_best() -> None:
    losses = {10: 1.0, 20: 0.5, 30: 0.6, 40: 0.7}
    told = [ev.Evaluated(time=1.0, step=at, loss=loss, perplexity=1.0, best=False) for at, loss in losses.items()]
    state = fold_all(told, trained(40))
    assert advised(state, Session())["training.num_train_epochs"] == pytest.approx(0.4)
    limited = file.replace_value(Session(), "training.max_steps", 100)
    assert advised(state, limited)["training.max_steps"] == 20


def test_a_gpu_that_waits_and_short_rows_are_noticed() -> None:
    samples = [sampled(300.0, 30, 100.0 + 5 * number) for number in range(10)]
    state = fold_all(samples, trained(20))
    assert advised(state, Session()) == {
        "training.packing": True,
        "training.per_device_train_batch_size": 4,
        "training.gradient_accumulation_steps": 2,
    }


def test_what_the_run_itself_advises_comes_first() -> None:
    warned = ev.Warned(code="spike", text="The loss jumped.", mend={"training.learning_rate": 1e-5})
    (first, *_) = advise(fold_all([warned], trained(80)), Session())
    assert (first.text, first.mend) == ("The loss jumped.", {"training.learning_rate": 1e-5})


def test_every_change_that_is_proposed_is_one_that_a_session_takes() -> None:
    samples = [sampled(300.0, 30, 100.0 + 5 * number) for number in range(10)]
    state = replace(fold_all(samples, trained(80)), evaluations=Series())
    assert file.replace_values(Session(), advised(state, Session())) != Session()
