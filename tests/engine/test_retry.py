"""Memory that runs out is explained in numbers, and what is tried next learns the same with less of it."""

from __future__ import annotations

from typing import Any

import pytest

from tui.engine.retry import explain_memory, gentler, next_try
from tui.session import file
from tui.session.schema import Session

MESSAGE = (
    "CUDA out of memory. Tried to allocate 2.50 GiB. GPU 0 has a total capacity of 79.11 GiB of which 512.00 MiB is free. "
    "Process 4711 has 10.00 GiB memory in use. Process 4712 has 5.00 GiB memory in use. Including non-PyTorch memory, this "
    "process has 63.50 GiB memory in use. Of the allocated memory 60.00 GiB is allocated by PyTorch."
)


def test_a_full_gpu_is_explained_in_numbers() -> None:
    assert explain_memory(MESSAGE) == (
        "the GPU is full: 2.5 GiB more were asked for, 512 MiB of 79.1 GiB are free, this run has 63.5 GiB, "
        "other programs have 15 GiB"
    )


def test_a_message_of_another_kind_is_passed_on() -> None:
    assert explain_memory("DefaultCPUAllocator: not enough memory: you tried to allocate 1 byte").startswith(
        "memory ran out:"
    )


def test_each_step_down_keeps_what_an_update_learns_from() -> None:
    session = _session(per_device_train_batch_size=6, gradient_accumulation_steps=2)
    tried = []
    while True:
        values, words = gentler(session, evaluating=False)
        if not values:
            break
        session = file.replace_values(session, values)
        tried.append((session.training.per_device_train_batch_size, session.lora.use_gradient_checkpointing))
        assert session.effective_batch == 12
        assert words
    assert tried == [(3, "false"), (1, "false"), (1, "unsloth")]


def test_an_evaluation_that_does_not_fit_leaves_the_training_alone() -> None:
    values, _ = gentler(_session(per_device_train_batch_size=8), evaluating=True)
    assert values == {"evaluation.per_device_eval_batch_size": 2}


@pytest.mark.parametrize(("wanted", "done", "batch"), [("stop", 0, 4), ("retry", 6, 4), ("retry", 0, 1)])
def test_it_is_not_tried_again_where_that_is_not_wanted(wanted: str, done: int, batch: int) -> None:
    """Nor for ever, nor without anything gentler to try; then the run fails as it would have."""
    training = {"per_device_train_batch_size": batch}
    told = {"training": training, "guards": {"out_of_memory": wanted}, "model": {"name": "a/b"}, "data": {"source": "x"}}
    assert next_try(file.from_table(told), RuntimeError(MESSAGE), done, 7) is None


def _session(**training: Any) -> Session:
    return file.from_table({"training": training, "lora": {"use_gradient_checkpointing": "false"}})
