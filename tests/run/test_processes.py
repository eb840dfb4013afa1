"""How many processes a run is made of, and what follows from that, before any of them is started."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tui.engine.environment import variables
from tui.run import commands, events
from tui.run.folder import RunFolder
from tui.run.lines import append_line
from tui.run.process import device_environment, send
from tui.run.processes import session_now, with_processes
from tui.session import file
from tui.session.checks import check
from tui.session.facts import Facts
from tui.session.outlook import outlook
from tui.session.schema import Session


def session(processes: int, batch: int = 2, accumulation: int = 2, **tables: dict[str, Any]) -> Session:
    training = {"per_device_train_batch_size": batch, "gradient_accumulation_steps": accumulation}
    told = {"model": {"name": "a/b"}, "data": {"source": "x"}, "training": training}
    return file.from_table(told | {"cluster": {"nproc_per_node": processes}} | tables)


def test_what_an_update_sees_and_how_many_there_are_follows_the_processes() -> None:
    one, four = (outlook(session(count), Facts(examples=1000, seconds_per_example=0.5)) for count in (1, 4))
    assert (one.effective_batch, four.effective_batch) == (4, 16)
    assert (one.steps_per_epoch, four.steps_per_epoch) == (250, 63)
    assert one.seconds and four.seconds and 3.9 < one.seconds / four.seconds < 4


@pytest.mark.parametrize(("before", "after", "accumulation"), [(2, 1, 4), (1, 2, 1), (2, 4, 1)])
def test_a_run_goes_on_with_another_number_of_processes_and_learns_the_same(
    before: int, after: int, accumulation: int
) -> None:
    values, why_not = with_processes(session(before), after)
    assert values == {"cluster.nproc_per_node": after, "training.gradient_accumulation_steps": accumulation}
    assert not why_not
    assert file.replace_values(session(before), values).effective_batch == session(before).effective_batch


def test_a_number_that_cannot_share_an_update_evenly_is_refused_with_the_figures() -> None:
    assert with_processes(session(2, model={"name": "a/b", "device": "0,1"}), 4)[1].startswith("4 processes need a GPU each")
    assert with_processes(session(2), 3) == (
        {},
        "an update takes 8 examples, 2 at once, and 3 processes cannot share them evenly; start another run for that",
    )


def test_the_next_engine_has_the_number_that_was_asked_for_last(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    file.save(session(2, model={"name": "a/b", "device": "3,5"}), folder.session)
    assert session_now(folder).processes == 2
    assert device_environment(folder)["CUDA_VISIBLE_DEVICES"] == "3,5"
    send(folder, commands.Resume(values={"cluster.nproc_per_node": 1}))
    assert device_environment(folder)["CUDA_VISIBLE_DEVICES"] == "3"
    send(folder, commands.Resume(values={"cluster.nproc_per_node": 4}))
    assert session_now(folder).processes == 4
    append_line(folder.events, events.to_line(events.Changed(values={"cluster.nproc_per_node": 4})))
    send(folder, commands.Resume())
    assert session_now(folder).processes == 4


def test_more_processes_than_gpus_are_refused_and_gpus_without_a_process_are_told() -> None:
    (found,) = (it for it in check(session(4), Facts(gpus=2)) if it.key == "cluster.nproc_per_node")
    assert found.blocking and found.mend == {"cluster.nproc_per_node": 2}
    three = session(2, model={"name": "a/b", "device": "0,1,3"})
    (found,) = (it for it in check(three, Facts(gpus=3)) if it.key == "cluster.nproc_per_node")
    assert not found.blocking and found.mend == {"cluster.nproc_per_node": 3}
    assert not [it for it in check(session(2), Facts(gpus=0)) if it.key == "cluster.nproc_per_node"]


def test_weights_are_shared_by_the_switch_of_unsloth(tmp_path: Path) -> None:
    shared = {"cluster": {"nproc_per_node": 2, "fsdp2": True}}
    folder = RunFolder(tmp_path)
    told = variables(folder, session(2, model={"name": "a/b", "load_in_4bit": False}, **shared))
    assert (told["UNSLOTH_FSDP2"], told["UNSLOTH_FSDP2_SHARDED_LOAD"]) == ("1", "1")
    assert variables(folder, session(2, **shared))["UNSLOTH_FSDP2_SHARDED_LOAD"] == "0", "4 bits"
    (refused,) = (it for it in check(session(2, **shared), Facts(gpus=0)) if it.blocking and it.key == "cluster.fsdp2")
    assert refused.mend == {"cluster.fsdp2": False}
    alone = session(1, cluster={"fsdp2": True})
    assert "UNSLOTH_FSDP2" not in variables(RunFolder(tmp_path), alone)
    assert [it.mend for it in check(alone) if it.key == "cluster.fsdp2"] == [{"cluster.fsdp2": False}]
    two_machines = session(1, cluster={"nodes": 2, "fsdp2": True})
    assert not [it for it in check(two_machines) if "nobody" in it.text], "the other machine shares them"
