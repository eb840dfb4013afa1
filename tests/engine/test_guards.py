"""What goes wrong with a training is noticed: each guard is made to speak by numbers, and kept silent by sound ones."""

from __future__ import annotations

import math
import os
from typing import Any

import pytest

from tui.engine.guards import Guards
from tui.engine.vigil import THROTTLED_READINGS, Vigil
from tui.machine.readings import GpuReading, GpuUser
from tui.run.events import Evaluated, StepDone, Warned
from tui.session import file
from tui.session.sections.guards import Action, GuardsSection

Found = list[tuple[Warned, Action]]
FALLING = [(3.0 - 0.02 * at, 1.0) for at in range(80)]
"""Loss and gradient norm of a run that learns."""


def guards(**limits: Any) -> Guards:
    return Guards(file.from_table({"guards": limits}))


def said(watching: Guards, curve: list[tuple[float, float]]) -> Found:
    """What is said along a curve of losses and gradient norms."""
    found: Found = []
    for at, (loss, norm) in enumerate(curve, 1):
        found += watching.after_step(
            StepDone(step=at, epoch=0, loss=loss, learning_rate=1e-4, grad_norm=norm, seconds=1)
        )  # fmt: skip
    return found


def codes(found: Found) -> list[str]:
    return [warning.code for warning, _ in found]


def evaluated(watching: Guards, held_out: list[float], trained: list[float]) -> Found:
    found: Found = []
    for at, (loss, training) in enumerate(zip(held_out, trained, strict=True), 1):
        said(watching, [(training, 1.0)] * 50)
        found += watching.after_evaluation(Evaluated(step=at * 50, loss=loss, perplexity=math.exp(loss), best=False))
    return found


def test_a_run_that_learns_is_left_alone() -> None:
    watching = guards()
    assert said(watching, FALLING) == []
    assert evaluated(guards(flat_loss="off"), [3.0, 2.5, 2.4, 2.3], [2.0, 1.9, 1.8, 1.7]) == []


@pytest.mark.parametrize("loss", [math.nan, math.inf])
def test_a_broken_loss_ends_the_run(loss: float) -> None:
    ((warning, action),) = said(guards(), [*FALLING, (loss, 1.0)])
    assert (warning.code, action, warning.step) == ("nan-loss", "stop", len(FALLING) + 1)
    assert warning.mend == {"training.learning_rate": 1e-4, "training.max_grad_norm": 0.3}
    assert "bfloat16" in warning.advice


def test_a_loss_that_jumps_is_told_each_time() -> None:
    found = said(guards(), [*FALLING, (9.0, 1.0), (9.0, 1.0), *FALLING[-20:], (9.0, 1.0)])
    assert codes(found) == ["loss-spike", "loss-spike"]
    assert "9" in found[0][0].text and found[0][0].mend == {"training.learning_rate": 1e-4}
    assert said(guards(loss_spike_factor=10), [*FALLING, (9.0, 1.0)]) == []


def test_a_small_loss_that_wobbles_is_no_spike() -> None:
    assert said(guards(), [*FALLING, *[(0.01, 1.0)] * 30, (0.05, 1.0)]) == []


def test_a_loss_that_never_falls_is_told_once() -> None:
    found = said(guards(), [(3.0, 1.0)] * 90)
    assert codes(found) == ["flat-loss"]
    assert found[0][0].step == 50 and "it does not learn" in found[0][0].text
    assert said(guards(flat_loss="off"), [(3.0, 1.0)] * 90) == []
    assert codes(said(guards(flat_loss_reports=20), [(3.0, 1.0)] * 30)) == ["flat-loss"]


def test_gradients_that_explode_are_told_with_their_figures() -> None:
    ((warning, action),) = said(guards(), [*FALLING, (1.4, 25.0)])
    assert (warning.code, action) == ("exploding-gradients", "warn")
    assert "25 times its median of 1" in warning.text
    assert said(guards(exploding_gradients_factor=30), [*FALLING, (1.4, 25.0)]) == []


def test_a_run_in_which_nothing_is_learned_is_told_early() -> None:
    ((warning, _),) = said(guards(), [(3.0, 0.0)] * 60)
    assert (warning.code, warning.step) == ("zero-gradients", 3)
    assert said(guards(zero_gradients_reports=5), [(3.0, 0.0)] * 4) == []


def test_learning_by_heart_is_told_when_the_held_out_loss_rises() -> None:
    found = evaluated(guards(flat_loss="off"), [2.5, 2.2, 2.3, 2.4, 2.5, 2.6], [2.0, 1.8, 1.6, 1.4, 1.2, 1.0])
    assert codes(found) == ["overfitting"]
    assert "best at update 100" in found[0][0].text and found[0][0].mend == {"training.max_steps": 100}
    sooner = evaluated(guards(flat_loss="off", overfitting_evaluations=1), [2.2, 2.3], [1.8, 1.6])
    assert codes(sooner) == ["overfitting"]
    assert evaluated(guards(flat_loss="off", overfitting="off"), [2.2, 2.3, 2.4, 2.5], [1.8, 1.6, 1.4, 1.2]) == []
    both_rise = evaluated(guards(flat_loss="off"), [2.2, 2.3, 2.4, 2.5], [1.0, 1.1, 1.2, 1.3])
    assert both_rise == []


@pytest.mark.parametrize(
    ("name", "curve"),
    [
        ("nan_loss", [*FALLING, (math.nan, 1.0)]),
        ("loss_spike", [*FALLING, (9.0, 1.0)]),
        ("flat_loss", [(3.0, 1.0)] * 60),
        ("exploding_gradients", [*FALLING, (1.4, 25.0)]),
        ("zero_gradients", [(3.0, 0.0)] * 5),
    ],
)
def test_a_guard_does_what_it_was_told_to_do(name: str, curve: list[tuple[float, float]]) -> None:
    assert said(guards(**{name: "off"}), curve) == []
    for action in ("warn", "stop"):
        assert [done for _, done in said(guards(**{name: action}), curve)] == [action]


IDLE: dict[str, Any] = {"idle_s": 1.0, "usual_s": 2.0, "free_bytes": 10**12, "gpus": (), "step": 7}
HOT = GpuReading(index=0, name="H200", throttled="too hot", temperature_celsius=91, power_watts=500, power_limit_watts=700)
SHARED = GpuReading(
    index=1, name="H200", users=(GpuUser(os.getpid(), "python", 10**10), GpuUser(1, "ollama", 5 * 10**9))
)  # fmt: skip


@pytest.mark.parametrize(
    ("name", "seen", "told"),
    [
        ("stalled", {"idle_s": 61.0}, "61 s"),
        ("disk", {"free_bytes": 4 * 10**9}, "3.73 GiB are left"),
        ("disk", {"free_bytes": 30_000_000}, "28.6 MiB are left"),
        ("throttling", {"gpus": (HOT,)}, "too hot: 91 °C 500 W of at most 700 W"),
        (
            "shared_memory",
            {"gpus": (SHARED,)},
            "4.66 GiB of GPU 1, which this run then cannot have, are taken by ollama",
        ),
    ],
)
def test_what_happens_to_the_machine_is_told_once_with_its_figures(name: str, seen: dict[str, Any], told: str) -> None:
    vigil = Vigil(GuardsSection())
    assert all(vigil.look(**IDLE) == [] for _ in range(5))
    found = [it for _ in range(2 * THROTTLED_READINGS) for it in vigil.look(**(IDLE | seen))]
    ((warning, action),) = found
    assert told in warning.text and action == "warn" and warning.step == 7
    off = Vigil(GuardsSection.model_validate({name: "off"}))
    assert all(off.look(**(IDLE | seen)) == [] for _ in range(5))


def test_the_limits_of_the_machine_are_those_of_the_session() -> None:
    limits = GuardsSection(stalled_factor=100, disk_free_gb=1, shared_memory_gb=6)
    vigil = Vigil(limits)
    assert vigil.look(**(IDLE | {"idle_s": 150.0, "free_bytes": 4 * 10**9, "gpus": (SHARED,)})) == []
    assert len(vigil.look(**(IDLE | {"idle_s": 201.0, "free_bytes": 10**8}))) == 2


def test_an_update_that_takes_long_but_usual_time_is_not_stalled() -> None:
    assert Vigil(GuardsSection()).look(**(IDLE | {"idle_s": 300.0, "usual_s": 60.0})) == []
    assert Vigil(GuardsSection()).look(**(IDLE | {"idle_s": None})) == []
