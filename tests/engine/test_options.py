"""Real runs with what the guide's recipe leaves alone: samples, an early stop, a continued adapter, exports."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from safetensors import deserialize

from tests.engine.test_notify import words_to
from tests.lab import (
    HELD_OUT,
    ROOT,
    TRAIN,
    Lab,
    at_step,
    ended,
    engine_gone,
    in_phase,
    wait_for,
    wait_gone,
    worker_of,
)  # fmt: skip
from tests.nursery import Nursery
from tui.engine.dataset import held_out_rows
from tui.run import commands, events
from tui.run.folder import RunFolder
from tui.run.process import send
from tui.run.state import RunState
from tui.run.watcher import read_events
from tui.session import file

pytest_plugins = ["tests.engine_fixtures"]
pytestmark = pytest.mark.slow

STEPS = 40
EVERY = 3
"""Updates between two points of the coarse curve; the last update falls between two of them."""
SAMPLE_EVERY = 15
PROMPTS = ("How do I list files?", "hi")
CUT = 6
LEARNS: dict[str, dict[str, Any]] = {
    "lora": {"modules_to_save": ["embed_tokens", "lm_head"], "lora_alpha": 32},
    "training": {"max_steps": STEPS, "per_device_train_batch_size": 8, "learning_rate": 1e-2},
}
"""What lets a model of random weights learn something in a few updates."""


@dataclass(frozen=True)
class Runs:
    """Runs that several tests look at."""

    fine: RunFolder
    coarse: RunFolder
    early: RunFolder
    refused: RunFolder
    told: Path
    """A folder in which each program that was told of an end left a file."""


@pytest.fixture(scope="module")
def runs(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runs]:
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("UNSLOTH_LLAMA_CPP_PATH", raising=False)
        patch.delenv("UNSLOTH_AUTO_INSTALL", raising=False)
        yield _start(lab, tmp_path_factory)


def _start(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Runs:
    told = tmp_path_factory.mktemp("told")
    share = {"fraction": 0.1, "eval_strategy": "no", "compare_prompts": 0}
    samples = {"sample_prompts": PROMPTS, "sample_steps": SAMPLE_EVERY, "compare_prompts": 4, "compare_max_new_tokens": CUT}
    return Runs(
        fine=lab.start(
            lora=LEARNS["lora"],
            training=LEARNS["training"] | {"report_to": "tensorboard"},
            evaluation=share,
            run={"name": "fine"},
        ),
        coarse=lab.start(
            lora=LEARNS["lora"],
            training=LEARNS["training"] | {"logging_steps": EVERY},
            evaluation=share | samples,
            export={"kinds": ["merged-4bit", "gguf", "merged-16bit"]},
            run={"name": "coarse", "notify": words_to(told / "coarse")},
        ),
        early=lab.start(
            training={
                "max_steps": 400, "logging_steps": 5, "learning_rate": 0.5, "lr_scheduler_type": "constant",
                "warmup_steps": 0, "save_strategy": "steps", "save_steps": 4, "save_total_limit": 5,
            },
            evaluation={
                "source": str(HELD_OUT), "eval_steps": 4, "load_best_model_at_end": True, "early_stopping_patience": 1,
                "compare_prompts": 2, "compare_max_new_tokens": CUT,
            },
            run={"name": "early", "notify": ["/there/is/no/such/program"]},
        ),
        refused=lab.start(
            training={"custom_loss": f"{ROOT / 'sample_data' / 'loss.py'}:nothing"},
            run={"name": "refused", "notify": words_to(told / "refused")},
        ),
        told=told,
    )  # fmt: skip


@pytest.fixture(scope="module")
def fine(runs: Runs) -> RunState:
    return wait_for(runs.fine, ended, 120)


@pytest.fixture(scope="module")
def coarse(runs: Runs) -> RunState:
    return wait_for(runs.coarse, ended, 120)


@pytest.fixture(scope="module")
def early(runs: Runs) -> RunState:
    return wait_for(runs.early, ended, 120)


@pytest.fixture(scope="module")
def continued(lab: Lab, runs: Runs, coarse: RunState) -> RunFolder:
    """A run that goes on with the adapter of another."""
    return lab.start(
        lora={"continue_from": str(runs.coarse.path), "r": 4, "target_modules": ["q_proj"]},
        training=LEARNS["training"] | {"max_steps": 8, "learning_rate": 1e-3},
        run={"name": "continued"},
    )


def test_a_stop_is_obeyed_in_the_middle_of_an_answer(lab: Lab) -> None:
    folder = lab.start(
        model={"max_seq_length": 4096},
        evaluation={"sample_prompts": ["hi"] * 40, "compare_max_new_tokens": 4000},
        run={"name": "sampling"},
    )
    wait_for(folder, in_phase("sampling"), 90)
    asked = time.monotonic()
    send(folder, commands.Stop())
    state = wait_for(folder, ended, 20)
    assert time.monotonic() - asked < 15
    assert (state.status, state.result) == ("stopped", str(folder.adapter))
    assert len(state.steps) == 1


def test_a_loss_that_is_not_there_is_refused_in_one_sentence(runs: Runs) -> None:
    state = wait_for(runs.refused, ended, 120)
    assert state.failure is not None
    assert state.failure.code == "bad-session"
    assert "training.custom_loss: " in state.failure.text and "has no nothing" in state.failure.text


def test_a_coarse_curve_says_the_same_as_a_fine_one(fine: RunState, coarse: RunState) -> None:
    """And asking for samples in between changes nothing of what is learned."""
    numbers = [*range(EVERY, STEPS, EVERY), STEPS]
    assert [step.step for step in coarse.steps] == numbers
    assert [step.step for step in fine.steps] == list(range(1, STEPS + 1))
    losses = [step.loss for step in fine.steps]
    for before, step in zip([0, *numbers], coarse.steps, strict=False):
        assert step.loss == pytest.approx(sum(losses[before : step.step]) / (step.step - before), rel=1e-3)
        assert step.tokens == fine.steps[step.step - 1].tokens
        assert step.learning_rate == pytest.approx(fine.steps[step.step - 1].learning_rate)


def test_the_seconds_of_an_update_are_those_of_one_update(runs: Runs, coarse: RunState) -> None:
    sampled_at = {event.step for event in coarse.samples}
    plain = [
        (before, step)
        for before, step in pairwise(coarse.steps)
        if not sampled_at & set(range(before.step, step.step)) and step.step != STEPS
    ]
    assert len(plain) > 5
    for before, step in plain:
        assert step.seconds * (step.step - before.step) == pytest.approx(step.time - before.time, abs=0.05)
        assert step.tokens_per_s == pytest.approx((step.tokens - before.tokens) / (step.seconds * EVERY))


def test_the_time_of_samples_is_not_that_of_updates(runs: Runs, coarse: RunState) -> None:
    told = [event for event in read_events(runs.coarse) if isinstance(event, events.PhaseChanged)]
    began = next(event.time for event in told if event.phase == "training")
    asked = [(event.time, after.time) for event, after in pairwise(told) if event.phase == "sampling"]
    assert [after.phase for event, after in pairwise(told) if event.phase == "sampling"] == ["training"] * len(asked)
    last = coarse.steps[-1].time
    spent = sum(end - start for start, end in asked if end <= last)
    counted = sum((step.step - before) * step.seconds for before, step in zip(_before(coarse), coarse.steps, strict=True))
    assert counted <= last - began - spent + 0.05


def test_one_sees_it_learn(coarse: RunState) -> None:
    numbers = [0, SAMPLE_EVERY, 2 * SAMPLE_EVERY, STEPS]
    assert [(one.step, one.prompt) for one in coarse.samples] == [(at, prompt) for at in numbers for prompt in PROMPTS]
    first, *_, last = (one for one in coarse.samples if one.prompt == PROMPTS[0])
    assert first.answer != last.answer
    assert last.answer.startswith("$ ")  # what every answer in the data begins with


def test_answers_are_cut_where_asked(coarse: RunState, lab: Lab) -> None:
    assert len(coarse.compared) == 4
    answers = [one.answer for one in coarse.samples] + [text for one in coarse.compared for text in (one.base, one.tuned)]
    assert all(len(answer) < 60 for answer in answers)
    assert any(answer for answer in answers)


def test_without_evaluations_on_the_way_there_is_one_at_the_end(fine: RunState, coarse: RunState) -> None:
    assert [one.step for one in fine.evaluations] == [STEPS]
    assert [one.loss for one in coarse.evaluations] == [pytest.approx(fine.evaluations[0].loss, rel=1e-3)]


def test_what_is_compared_was_never_trained_on(fine: RunState, coarse: RunState) -> None:
    rows = [json.loads(line)["messages"] for line in TRAIN.read_text().splitlines()]
    for state in (fine, coarse):
        assert state.plan is not None
        assert (state.plan.examples, state.plan.held_out_examples) == (len(rows) - 43, 43)
    asked = {(one.prompt, one.reference) for one in coarse.compared}
    session = file.from_table({"evaluation": {"fraction": 0.1}})
    held_out = held_out_rows(len(rows), session)
    kept = [(turns[0]["content"], turns[1]["content"]) for at, turns in enumerate(rows) if at not in held_out]
    apart = [(turns[0]["content"], turns[1]["content"]) for at, turns in enumerate(rows) if at in held_out]
    assert [(one.prompt, one.reference) for one in coarse.compared] == apart[:4]
    assert not asked & set(kept)


def test_the_merged_model_says_what_the_adapter_says(runs: Runs, coarse: RunState, engines: Nursery, tmp_path: Path) -> None:
    merged = runs.coarse.path / "exports" / "merged-16bit"
    rounded = merged.with_name("merged-4bit")
    told = engines.run("tests.engine.merged", *map(str, (runs.coarse.adapter, merged, rounded)), place=tmp_path)
    answers = json.loads(told.splitlines()[-1])
    for adapter, whole, four_bits, base in answers:
        assert adapter == whole
        assert adapter[0] == four_bits[0]
        assert adapter[0] != base[0]


def test_an_export_that_cannot_be_made_is_a_warning_and_no_failure(runs: Runs, coarse: RunState) -> None:
    assert (coarse.status, coarse.result) == ("finished", str(runs.coarse.adapter))
    (converted,) = coarse.warnings
    assert converted.code == "export"
    assert "gguf" in converted.text and "llama.cpp is not installed" in converted.text
    assert "UNSLOTH_LLAMA_CPP_PATH" in converted.advice
    assert sorted(path.name for path in (runs.coarse.path / "exports").iterdir()) == ["merged-16bit", "merged-4bit"]
    assert [phase.phase for phase in coarse.phases[-3:]] == ["saving", "comparing", "exporting"]


def test_a_program_is_told_how_it_ended(runs: Runs, coarse: RunState, early: RunState) -> None:
    for run in (runs.coarse, runs.refused, runs.early):
        wait_for(run, engine_gone, 60)
    assert (runs.told / "coarse").read_text() == f"{runs.coarse.name}: completed"
    assert (runs.told / "refused").read_text().startswith(f"{runs.refused.name}: failed: training.custom_loss: ")
    (warning,) = wait_for(runs.early, engine_gone, 10).warnings
    assert warning.code == "notify" and "/there/is/no/such/program" in warning.text


def test_a_program_is_told_of_an_engine_that_was_killed(lab: Lab, tmp_path: Path) -> None:
    folder = lab.start(training={"max_steps": 100_000}, run={"name": "killed", "notify": words_to(tmp_path / "killed")})
    wait_for(folder, at_step(1), 90)
    watching = worker_of(folder).parent()
    assert watching is not None
    worker_of(folder).kill()
    wait_for(folder, ended, 20)
    wait_gone([watching])
    assert (tmp_path / "killed").read_text() == f"{folder.name}: crashed: the engine was killed by signal 9 (SIGKILL)"


def test_a_run_that_gets_no_better_ends_early(runs: Runs, early: RunState) -> None:
    assert early.status == "finished"
    last = [event for event in read_events(runs.early) if isinstance(event, events.Finished)]
    assert [event.outcome for event in last] == ["early-stopped"]
    assert early.plan is not None and early.last_step is not None
    assert early.last_step.step == early.evaluations[-1].step < early.plan.steps
    assert early.last_step.step % 5  # told although it is none of those that are reported
    assert [one.best for one in early.evaluations][-2:] == [True, False]
    assert len(early.compared) == 2  # it goes on to its end like one that was trained to the last update


def test_the_result_is_the_best_checkpoint(runs: Runs, early: RunState) -> None:
    best, last = early.evaluations[-2].step, early.evaluations[-1].step
    assert min(early.evaluations, key=lambda one: one.loss).step == best
    kept = _weights(runs.early.adapter)
    assert kept == _weights(runs.early.checkpoints / f"checkpoint-{best}")
    assert kept != _weights(runs.early.checkpoints / f"checkpoint-{last}")


def test_a_continued_run_begins_where_the_earlier_one_ended(
    fine: RunState, coarse: RunState, runs: Runs, continued: RunFolder
) -> None:
    state = wait_for(continued, ended, 120)
    assert state.status == "finished", state.failure
    start, end, again = fine.steps[0].loss, fine.steps[-1].loss, state.steps[0].loss
    assert start - end > 2
    assert abs(again - end) < (start - end) / 4
    assert state.plan is not None and coarse.plan is not None
    assert state.plan.trained_parameters == coarse.plan.trained_parameters  # its rank and its layers, not those asked for
    before, after = _weights(runs.coarse.adapter), _weights(continued.adapter)
    assert {name: len(weight) for name, weight in before.items()} == {name: len(weight) for name, weight in after.items()}
    assert all(before[name] != after[name] for name in before)


def _weights(adapter: Path) -> dict[str, bytes]:
    """The weights of an adapter by name, as they lie in its file."""
    return {name: told["data"] for name, told in deserialize((adapter / "adapter_model.safetensors").read_bytes())}


def _before(state: RunState) -> list[int]:
    return [0, *(step.step for step in state.steps[:-1])]


def test_reports_are_kept_with_the_run(runs: Runs) -> None:
    wait_for(runs.fine, ended)
    reports = (runs.fine.path / "reports").rglob("events.out.tfevents.*")
    assert any(b"train/loss" in report.read_bytes() for report in reports)
