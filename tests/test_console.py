"""A run told line by line is complete, is told once, and cannot steer the terminal."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tui import console
from tui.run import commands, events
from tui.run.events import Compared, Failed, Finished, PhaseChanged, StepDone, Warned, from_line
from tui.run.folder import RunFolder, create_run
from tui.run.state import RunState, fold_all
from tui.session.file import from_table
from tui.session.problem import Problem
from tui.session.schema import Session

RECORDED = Path(__file__).parent / "recorded" / "demo-events.jsonl"
HOSTILE = "\x1b]0;owned\x07\x1b[2J\x9b1m\u202e\r\nnext"
MakeRun = Callable[..., RunFolder]


def step(number: int, loss: float = 1.0) -> StepDone:
    return StepDone(time=float(number), step=number, epoch=0.1, loss=loss, learning_rate=1e-4, seconds=1.0)


DONE = Finished(time=99.0, outcome="completed", result="/adapter")


@pytest.fixture
def make_run() -> MakeRun:
    def make(*told: events.Event, content: str = "") -> RunFolder:
        folder = create_run(from_table({"run": {"name": "made"}}))
        folder.events.write_text(content or "".join(map(events.to_line, told)))
        return folder

    return make


def test_a_real_run_is_told_step_by_step_to_its_end(make_run: MakeRun, capsys: pytest.CaptureFixture[str]) -> None:
    state = console.watch(make_run(content=RECORDED.read_text()))
    said = capsys.readouterr()
    lines = said.out.splitlines()
    assert [line.split()[1] for line in lines if line.startswith("step ")] == [f"{number}/60" for number in range(1, 61)]
    assert "plan: 60 updates over 432 examples on CPU, 4.88 M of 139 M parameters (3.50%)" in lines
    assert "held-out at step 60: loss 0.0995, perplexity 1.10" in lines
    assert "memory, model trained: 1.8 GiB, at most 1.89 GiB of 23.5 GiB (8.0%)" in lines
    assert lines[-1].startswith("comparing: the tuned model answers")
    assert state.status == "finished"
    began, end = said.err.splitlines()
    assert began == "the first update was done after 21 s: importing 17 s, loading 1 s, first update 2 s"
    assert end == f"finished; the result is in {state.result}"


def test_a_real_run_is_told_whole_as_json(make_run: MakeRun, capsys: pytest.CaptureFixture[str]) -> None:
    console.watch(make_run(content=RECORDED.read_text()), as_json=True)
    told = [from_line(line) for line in capsys.readouterr().out.splitlines()]
    recorded = [from_line(line) for line in RECORDED.read_text().splitlines()]
    assert [event for event in told if not isinstance(event, events.EngineSeen)] == recorded


def test_the_comparison_counts_exactly_what_was_answered(capsys: pytest.CaptureFixture[str]) -> None:
    state = fold_all(event for line in RECORDED.read_text().splitlines() if (event := from_line(line)))
    console.print_comparison(from_table({"evaluation": {"answer_pattern": r"\$ \S.*"}}), state)
    said = capsys.readouterr().out
    assert said.count("prompt: ") == 3
    assert said.splitlines()[-2:] == [
        "base  of 48 held-out prompts: exactly right 0 %, in the right form 0 %",
        "tuned of 48 held-out prompts: exactly right 71 %, in the right form 100 %",
    ]
    console.print_comparison(Session(), RunState())
    assert capsys.readouterr().out == ""


def unsteered(text: str) -> bool:
    return all(char.isprintable() or char == "\n" for char in text)


def test_nothing_that_data_a_model_or_a_log_says_reaches_the_terminal_as_a_control_character(
    make_run: MakeRun, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = make_run(
        PhaseChanged(phase="loading", text=HOSTILE),
        Warned(code="c", text=HOSTILE, advice=HOSTILE),
        Compared(prompt=HOSTILE, reference=HOSTILE, base=HOSTILE, tuned=HOSTILE),
        Failed(code="error", text=HOSTILE, advice=HOSTILE),
    )
    state = console.watch(folder)
    console.print_comparison(Session(), state)
    said = capsys.readouterr()
    assert unsteered(said.out) and unsteered(said.err)
    assert said.out.count("next") == 1 + 2 + 4 and said.err.count("next") == 2
    assert "prompt:" in said.out and not [line for line in said.out.splitlines() if line.startswith("next")]


def interrupted(told: list[events.Event], after: int) -> Callable[..., Iterator[events.Event]]:
    """Follows a run, and has Ctrl-C pressed once, after so many events."""
    pressed: list[bool] = []

    def follow(*_: object) -> Iterator[events.Event]:
        for number, event in enumerate(told):
            if number == after and not pressed:
                pressed.append(True)
                raise KeyboardInterrupt
            yield event

    return follow


def test_ctrl_c_stops_a_run_in_the_foreground_once_and_tells_no_step_twice(
    make_run: MakeRun, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = make_run()
    monkeypatch.setattr(console, "follow", interrupted([step(1), step(2), step(3), DONE], after=2))
    state = console.watch(folder, stop_on_interrupt=True)
    said = capsys.readouterr()
    assert [line.split()[1] for line in said.out.splitlines()] == ["1/?", "2/?", "3/?"]
    assert "stopping after this update, and saving" in said.err
    (sent,) = folder.commands.read_text().splitlines()
    asked = commands.from_line(sent)
    assert isinstance(asked, commands.Stop) and not asked.discard
    assert state.status == "finished"


def test_ctrl_c_leaves_a_watched_run_alone(
    make_run: MakeRun, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = make_run()
    monkeypatch.setattr(console, "follow", interrupted([step(1), DONE], after=1))
    with pytest.raises(KeyboardInterrupt):
        console.watch(folder)
    assert f"{folder.name} goes on" in capsys.readouterr().err
    assert not folder.commands.exists()


@pytest.mark.parametrize(
    ("told", "said"),
    [
        (Finished(outcome="discarded"), "stopped; nothing was kept\n"),
        (Finished(outcome="stopped", result="/a"), "stopped; the result is in /a\n"),
    ],
)
def test_the_end_says_what_was_kept(
    make_run: MakeRun, capsys: pytest.CaptureFixture[str], told: events.Event, said: str
) -> None:
    console.watch(make_run(told))
    assert capsys.readouterr().err == said


def test_a_failure_names_its_remedy_and_the_log(make_run: MakeRun, capsys: pytest.CaptureFixture[str]) -> None:
    folder = make_run(Failed(code="disk-full", text="the disk is full", advice="free some space"))
    console.watch(folder)
    assert capsys.readouterr().err.splitlines() == [
        "failed: the disk is full",
        "what to do: free some space",
        f"log: {folder.log}",
    ]


def strict(text: str) -> dict[str, object]:
    def refuse(word: str) -> float:
        raise AssertionError(f"{word} is not JSON")

    told = json.loads(text, parse_constant=refuse)
    assert isinstance(told, dict)
    return told


@pytest.mark.parametrize(("loss", "told"), [(1.5, 1.5), (math.nan, "NaN"), (math.inf, "Infinity"), (-math.inf, "-Infinity")])
def test_a_loss_that_is_not_a_number_leaves_the_json_readable(make_run: MakeRun, loss: float, told: object) -> None:
    row = strict(console.to_json(console.summary(make_run(step(3, loss)))))
    assert (row["loss"], row["step"], row["steps"], row["eval_loss"]) == (told, 3, None, None)


def test_a_run_that_never_took_a_step_has_a_row_too(make_run: MakeRun) -> None:
    row = console.summary(make_run(Failed(code="bad-data", text="row 3 is empty")))
    assert (row["status"], row["step"], row["loss"], row["reason"]) == ("failed", 0, None, "row 3 is empty")


def test_a_problem_is_json_whatever_is_in_it() -> None:
    assert strict(console.to_json(Problem("a.b", HOSTILE + "\udcff"))) == {
        "key": "a.b",
        "text": HOSTILE + "\udcff",
        "blocking": True,
        "mend": {},
    }
    assert console.to_json(Problem("", HOSTILE + "\udcff")).isascii()


def test_text_on_one_line_keeps_its_words() -> None:
    assert console.one_line(" a\tb\nc\x1b[0m\u202e ü日 ") == "a b c [0m  ü日"
    assert console.plain("a\nb\rc") == "a\nb c"
