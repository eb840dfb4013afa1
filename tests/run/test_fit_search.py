"""Which settings are measured, and what is found without measuring all of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest

from tui.run.fit_events import Trial
from tui.run.fit_search import Device, best, merged, search, speed
from tui.run.fit_space import Candidate, candidates
from tui.session.file import from_table, replace_values
from tui.session.schema import Session

MEAN_TOKENS = 157.0
OVERHEAD_S, TOKEN_S = 0.1, 2e-4
COMPILING_S = 40.0


def session(**changes: Any) -> Session:
    told = {"model": {"name": "a/b"}, "data": {"source": "x.jsonl"}, "training": {"max_steps": 60}}
    return replace_values(from_table(told), {key.replace("__", "."): value for key, value in changes.items()})


def card(room: float = 1e9, calls: list[str] | None = None) -> Callable[[Candidate, int], Trial]:
    """A device on which each batch costs the same and each token more, as on a GPU; `room` is for tokens kept in memory."""

    def measure(candidate: Candidate, updates: int) -> Trial:
        if calls is not None:
            calls.append(candidate.name)
        chosen = candidate.session
        batches, kept = chosen.training.gradient_accumulation_steps, chosen.lora.use_gradient_checkpointing
        tokens = candidate.examples * MEAN_TOKENS
        slower = {"false": 1.0, "true": 1.3, "unsloth": 1.35}[kept] * (1.2 if chosen.model.load_in_4bit else 1.0)
        compiled = chosen.training.torch_compile
        seconds = slower * (OVERHEAD_S * batches + TOKEN_S * tokens) * (0.9 if compiled else 1.0)
        needed = {"false": 10, "true": 2, "unsloth": 1}[kept] * tokens / batches
        told = Trial(candidate.changes, candidate.kind, candidate.name, candidate.consequence, examples=candidate.examples)
        if needed > room:
            return replace(told, verdict="out-of-memory")
        return replace(
            told,
            tokens_per_s=tokens / seconds,
            seconds=seconds,
            first_s=seconds + COMPILING_S * compiled,
            updates=updates,
            peak_bytes=int(needed),
        )

    return measure


def run(wanted: Session, measure: Callable[[Candidate, int], Trial], **more: Any) -> tuple[Trial, ...]:
    trials: tuple[Trial, ...] = ()
    found = candidates(wanted, MEAN_TOKENS, packs=more.get("packs", True))
    device = Device(measure, more.get("fits", lambda _: True), MEAN_TOKENS, more.get("passed", lambda: 0.0), compiles=True)
    for trial in search(found, device):
        trials = merged(trials, trial)
    return trials


def test_what_learns_the_same_has_the_same_effective_batch_weights_and_rows() -> None:
    wanted = session()
    for candidate in candidates(wanted, MEAN_TOKENS, packs=True):
        if candidate.kind in ("own", "same"):
            assert candidate.session.effective_batch == wanted.effective_batch and candidate.consequence == ""
            assert candidate.session.model == wanted.model and not candidate.session.training.packing
            touched = {key.rpartition(".")[2] for key in candidate.changes}
            assert touched <= {
                "per_device_train_batch_size", "gradient_accumulation_steps", "use_gradient_checkpointing",
            }  # fmt: skip


def test_packed_updates_say_what_they_change_and_see_as_many_examples_in_all() -> None:
    wanted = session()
    packed = [it for it in candidates(wanted, MEAN_TOKENS, packs=True) if it.kind == "packing"]
    assert {it.session.training.per_device_train_batch_size for it in packed} == {1, 2, 4}
    for candidate in packed:
        training = candidate.session.training
        assert candidate.examples == pytest.approx(training.per_device_train_batch_size * 2048 / MEAN_TOKENS)
        assert training.max_steps is not None
        assert training.max_steps * candidate.examples == pytest.approx(60 * 8, rel=0.1)
        assert f"{training.max_steps} updates instead of 60" in candidate.consequence
    assert not [it for it in candidates(wanted, MEAN_TOKENS, packs=False) if it.session.training.packing]


@pytest.mark.parametrize("changes", [{"model__full_finetuning": True, "model__load_in_4bit": False}, {"lora__r": 8}])
def test_only_an_adapter_can_have_other_weights_below_it(changes: dict[str, Any]) -> None:
    kinds = {it.kind for it in candidates(session(**changes), MEAN_TOKENS, packs=False)}
    assert kinds == ({"own", "same"} if "model__full_finetuning" in changes else {"own", "same", "precision"})


@pytest.mark.parametrize("room", [1e9, 6000, 3000, 800])
@pytest.mark.parametrize("changes", [{}, {"training__gradient_accumulation_steps": 16}, {"training__packing": True}])
def test_the_search_finds_what_trying_everything_would_find(room: float, changes: Mapping[str, Any]) -> None:
    wanted, calls = session(**changes), []  # type: ignore[var-annotated]
    trials = run(wanted, card(room, calls))
    grid = [card(room)(it, 1) for it in candidates(wanted, MEAN_TOKENS, packs=True)]
    for kinds in (("own", "same"), ("own", "same", "precision"), ("own", "same", "precision", "packing")):
        fastest = max((it.tokens_per_s for it in grid if it.kind in kinds), default=0)
        found = max((it.tokens_per_s for it in trials if it.kind in kinds), default=0)
        assert found >= 0.95 * fastest, (kinds, room)
    assert len(set(calls) & {it.name for it in grid}) <= len(grid)


def test_other_weights_and_packed_rows_are_reached_early() -> None:
    """On a device that takes ten seconds a trial there is time for 15."""
    calls: list[str] = []
    measure = card(calls=calls)
    trials = run(session(), measure, passed=lambda: len(calls) / 15)
    reached = {it.name: at for at, it in enumerate(trials)}
    assert reached["4-bit, packed 4 × 1, nothing recomputed"] < 4
    assert calls.index("16-bit, packed 4 × 1, nothing recomputed") < 10
    assert calls.index("16-bit, 8 × 1, nothing recomputed") < 10
    loaded = [name.split(",")[0] for name in dict.fromkeys(calls) if "loading processes" not in name]
    assert loaded == sorted(loaded, reverse=True)  # the 16-bit model comes once, after the 4-bit one


def test_compiling_is_tried_where_a_training_is_long_and_chosen_where_it_pays() -> None:
    def compiled(steps: int) -> list[Trial]:
        return [it for it in run(session(training__max_steps=steps), card()) if "compiled" in it.name]

    assert not compiled(60)
    short, long = compiled(800), compiled(6000)
    assert {it.verdict for it in short if it.kind == "same"} == {"refused"} and "40 s longer" in short[0].why
    assert {it.verdict for it in long} == {"measured"}
    assert all(it.changes["training.torch_compile"] for it in long)


def test_what_is_predicted_not_to_fit_is_not_tried_and_the_session_itself_always_is() -> None:
    calls: list[str] = []
    trials = run(session(), card(calls=calls), fits=lambda candidate: False)
    changed = {key for it in trials for key in it.changes}
    assert trials[0].kind == "own" and changed <= {"training.dataloader_num_workers", "training.torch_compile"}


def test_one_update_that_compiles_does_not_make_a_setting_look_slow() -> None:
    assert speed([1200, 1300, 1250], [0.20, 1.40, 0.25]) == pytest.approx(5000)


def test_a_setting_that_is_hardly_faster_is_no_reason_to_change() -> None:
    own = Trial({}, "own", "own", tokens_per_s=100.0)
    near = Trial({"lora.r": 8}, "same", "near", tokens_per_s=102.0)
    far = Trial({"lora.r": 8}, "precision", "far", tokens_per_s=150.0)
    failed = Trial({"lora.r": 8}, "packing", "failed", verdict="out-of-memory", tokens_per_s=0.0)
    assert best([own, near, far, failed], ["same"]) is None
    assert best([own, near, far, failed], ["same", "precision", "packing"]) == far
    assert best([replace(own, verdict="out-of-memory"), near], ["same"]) == near
    more = Trial({"lora.r": 8, "training.seed": 1}, "same", "more", tokens_per_s=154.0)
    assert best([own, far, more], ["same", "precision"]) == far  # hardly slower, and it changes less
