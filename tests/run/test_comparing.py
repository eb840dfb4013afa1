"""Runs beside each other show what differs between them, and nothing that does not."""

from __future__ import annotations

from typing import Any

from tests.run.conftest import MakeRun
from tui.run import comparing
from tui.run.comparing import Compared
from tui.run.events import Changed, Evaluated, Event, Sampled, StepDone
from tui.run.events import Compared as Answered
from tui.run.state import fold_all
from tui.session.file import from_table


def run(name: str, *told: Event, **tables: dict[str, Any]) -> Compared:
    return Compared(name, from_table(tables), fold_all(told))


def step(number: int, loss: float) -> StepDone:
    return StepDone(time=number, step=number, epoch=0, loss=loss, learning_rate=1e-4, seconds=1)


def told(lines: list[comparing.Line]) -> dict[str, tuple[str, ...]]:
    return {line.title: line.values for line in lines}


def test_only_settings_that_differ_are_shown_for_every_run() -> None:
    runs = [
        run("one", model={"name": "a/b"}, lora={"r": 4}),
        run("two", model={"name": "a/b"}, lora={"r": 8}, training={"max_steps": 5}),
        run("three", model={"name": "a/b"}, lora={"r": 4}),
    ]
    found = told(comparing.settings(runs))
    assert found["Rank (r)"] == ("4", "8", "4")
    assert len(found) == 2 and ("left out", "5", "left out") in found.values()
    assert comparing.settings(runs[::2]) == []


def test_what_was_changed_while_a_run_trained_is_a_difference(make_run: MakeRun) -> None:
    changed = comparing.read_run(make_run([step(1, 2.0), Changed(time=2, step=1, values={"training.learning_rate": 5e-3})]))
    found = told(comparing.settings([changed, comparing.read_run(make_run([step(1, 2.0)]))]))
    assert found["Learning rate"] == ("0.005", "0.0002")


def test_figures_stand_side_by_side_and_what_nobody_has_is_left_out() -> None:
    evaluated = Evaluated(time=3, step=2, loss=0.25, perplexity=1.3, best=True)
    one = run("one", step(1, 2.0), step(2, 1.0), evaluated, Evaluated(time=4, step=3, loss=0.5, perplexity=2, best=False))
    found = told(comparing.figures([one, run("two", step(1, 3.0))]))
    assert found["last loss"] == ("1.0000", "3.0000")
    assert found["lowest held-out loss"] == ("0.2500", "–")
    assert "exactly right, base" not in found and "peak memory" not in found


def test_answers_to_the_same_prompt_stand_side_by_side() -> None:
    pattern = {"evaluation": {"answer_pattern": r"\$ .*"}}
    one = run(
        "one",
        Sampled(step=0, prompt="p", answer="early"),
        Sampled(step=5, prompt="p", answer="late"),
        Answered(prompt="q", reference="$ ls", base="well", tuned="$ ls"),
        **pattern,
    )
    two = run("two", Answered(prompt="q", reference="$ ls", base="well", tuned="$ du"), **pattern)
    assert told(comparing.samples([one, two])) == {"p": ("late", "–"), "q": ("$ ls", "$ du")}
    found = told(comparing.figures([one, two]))
    assert found["exactly right, base"] == ("0 %", "0 %")
    assert found["exactly right, tuned"] == ("100 %", "0 %")
    assert found["in the right form, tuned"] == ("100 %", "100 %")


def test_a_run_with_a_damaged_session_can_be_compared_all_the_same(make_run: MakeRun) -> None:
    folder = make_run([step(1, 2.0)], alive=False)
    folder.session.write_text("[run")
    read = comparing.read_run(folder)
    assert (read.name, len(read.state.steps), read.session) == (folder.name, 1, from_table({}))
