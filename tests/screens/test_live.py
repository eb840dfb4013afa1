"""The Live place: curves are looked at in every way, the run is steered after a question, its end calls somebody."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Button, Input, Static

from tests.run.conftest import write_holder
from tests.screens.conftest import until
from tui.app import UnslothTui
from tui.run import commands, events, queue
from tui.run.events import to_line
from tui.run.folder import RunFolder
from tui.run.lines import append_line
from tui.run.lock import acquire
from tui.run.state import fold_all
from tui.screens import live_notice
from tui.screens.dialogs.ask import AskDialog
from tui.screens.dialogs.beside import BesideDialog
from tui.screens.dialogs.go_on import GoOnDialog
from tui.screens.live_curves import Curves
from tui.screens.live_numbers import NumbersDialog, changeable, changed
from tui.session import file
from tui.session.schema import Session
from tui.session.text import to_text
from tui.widgets.hanging import Hanging
from tui.widgets.log_tail import LogPanel


def step(number: int, loss: float = 1.0) -> events.StepDone:
    return events.StepDone(
        time=1000.0 + number, step=number, epoch=number / 20, loss=loss, learning_rate=1e-4, grad_norm=0.5,
        tokens=number * 10, tokens_per_s=10.0, seconds=1.0, peak_memory_bytes=1 << 30,
    )  # fmt: skip


PLAN = events.Planned(
    time=999.0, steps=100, epochs=5.0, examples=20, held_out_examples=4, trained_parameters=1, all_parameters=9, device="CPU"
)


@pytest.fixture
def live_run(home: Path) -> Iterator[RunFolder]:
    """A run in the middle of its training; this process holds its lock, as its engine would."""
    folder = RunFolder(home / "runs" / "2026-11-24-0100-going")
    folder.path.mkdir(parents=True)
    folder.session.write_text('[evaluation]\nsample_prompts = ["How are you?"]\n')
    told = [PLAN, events.PhaseChanged(time=1000.0, phase="training"), *(step(number, 3 / number) for number in range(1, 31))]
    folder.events.write_text("".join(map(to_line, told)))
    folder.log.write_text("".join(f"line {number}: {'Needle' if number in (7, 70) else 'hay'}\n" for number in range(100)))
    lock = acquire(folder.lock)
    yield folder
    if isinstance(lock, int):
        os.close(lock)


def orders(folder: RunFolder) -> list[commands.Command]:
    lines = folder.commands.read_bytes().splitlines() if folder.commands.exists() else []
    return [order for line in lines if (order := commands.from_line(line))]


def shown_keys(app: UnslothTui) -> list[str]:
    return [str(key.description) for key in app.screen.query("FooterKey")]  # type: ignore[attr-defined]


def caption(app: UnslothTui) -> str:
    return str(app.screen.query_one("#caption", Static).render())


async def opened(pilot: Pilot[None], app: UnslothTui, updates: int = 30) -> Curves:
    await until(pilot, lambda: len(app.run_state.steps) >= updates and app.run_state.engine_alive)
    await until(pilot, lambda: app.screen.query_one(Curves).display and "loss" in caption(app))
    curves = app.screen.query_one(Curves)
    await until(pilot, lambda: len(curves.run_state.steps) >= updates)
    return curves


# ---- the curves


async def test_a_session_that_is_started_beside_a_run_waits_for_its_turn(desk: Session, live_run: RunFolder) -> None:
    write_holder(live_run.path.parent.parent / "queue.lock")  # as if somebody kept the queue
    app = UnslothTui(desk, run=live_run)
    async with app.run_test() as pilot:
        await opened(pilot, app)
        await pilot.press("ctrl+t")
        await until(pilot, lambda: isinstance(app.screen, BesideDialog))
        await pilot.press("enter")
        await until(pilot, lambda: app.current_mode == "runs")
        (ticket,) = queue.waiting()
        assert not ticket.folder.lock.exists()


async def test_a_point_of_the_curve_is_read_by_keys(live_run: RunFolder) -> None:
    app = UnslothTui(run=live_run)
    async with app.run_test(size=(140, 40)) as pilot:
        await opened(pilot, app)
        await pilot.press("comma", "comma", "comma")
        read = "update 28: loss 0.1071, rate 0.0001, grad norm 0.5, 280 tokens, 0:28 in"
        await until(pilot, lambda: caption(app).startswith(read))
        await pilot.press("full_stop")
        await until(pilot, lambda: caption(app).startswith("update 29:"))
        await pilot.press("escape")
        await until(pilot, lambda: caption(app).startswith("loss by update"))


async def test_every_curve_and_every_axis_is_shown_by_a_key(live_run: RunFolder) -> None:
    app = UnslothTui(run=live_run)
    async with app.run_test(size=(140, 40)) as pilot:
        await opened(pilot, app)
        told = []
        for _ in range(5):
            await pilot.press("v")
            told.append(caption(app).split("by")[0].strip())
        assert told == ["learning rate", "grad norm", "tokens/s", "peak memory", "loss"]
        for axis in ("by time", "by tokens", "by update"):
            await pilot.press("x")
            assert axis in caption(app)
        await pilot.press("o", "w")
        assert "log" in caption(app) and "over" not in caption(app)


async def test_what_was_zoomed_to_stays_while_the_curve_grows(live_run: RunFolder) -> None:
    app = UnslothTui(run=live_run)
    async with app.run_test(size=(140, 40)) as pilot:
        curves = await opened(pilot, app)
        await pilot.press("plus", "plus", "left")
        zoomed = curves.plot.limits
        assert zoomed is not None and zoomed[1] - zoomed[0] < 20
        for number in range(31, 40):
            append_line(live_run.events, to_line(step(number)))
        await until(pilot, lambda: curves.drawn[0] == 39)
        assert curves.plot.limits == zoomed
        await pilot.press("0")
        assert curves.plot.limits is None


async def test_a_loss_that_is_no_number_does_not_hide_the_others(live_run: RunFolder) -> None:
    append_line(live_run.events, to_line(step(31, float("nan"))))
    append_line(live_run.events, to_line(step(32, float("inf"))))
    app = UnslothTui(run=live_run)
    async with app.run_test() as pilot:
        curves = await opened(pilot, app, 32)
        await pilot.press("o", "comma")
        assert "loss inf" in caption(app)
        assert curves.plot._y_max < 10


# ---- steering


async def test_a_pause_is_ordered_only_after_a_yes(live_run: RunFolder) -> None:
    app = UnslothTui(run=live_run)
    async with app.run_test() as pilot:
        await opened(pilot, app)
        await pilot.press("p")
        await until(pilot, lambda: isinstance(app.screen, AskDialog))
        await pilot.press("escape")
        await until(pilot, lambda: not isinstance(app.screen, AskDialog))
        assert orders(live_run) == []
        await pilot.press("p")
        await until(pilot, lambda: isinstance(app.screen, AskDialog))
        assert "frees the GPU" in app.screen.question  # type: ignore[attr-defined]
        await pilot.click(app.screen.query_one("#yes", Button))
        await until(pilot, lambda: [type(order) for order in orders(live_run)] == [commands.Pause])


async def test_what_is_wanted_now_is_ordered_by_a_key_and_a_discarding_stop_asks_first(live_run: RunFolder) -> None:
    app = UnslothTui(run=live_run)
    async with app.run_test() as pilot:
        await opened(pilot, app)
        wanted = [commands.Checkpoint, commands.Evaluate, commands.Sample]
        await pilot.press("k", "e", "S")
        await until(pilot, lambda: [type(order) for order in orders(live_run)] == wanted)
        await pilot.press("X")
        await until(pilot, lambda: isinstance(app.screen, AskDialog))
        assert "cannot go on after that" in app.screen.question  # type: ignore[attr-defined]
        await pilot.click(app.screen.query_one("#yes", Button))
        await until(pilot, lambda: any(isinstance(it, commands.Stop) and it.discard for it in orders(live_run)))


async def test_only_what_was_changed_is_ordered_and_a_wrong_number_is_refused(live_run: RunFolder) -> None:
    app = UnslothTui(run=live_run)
    async with app.run_test() as pilot:
        await opened(pilot, app)
        await pilot.press("t")
        await until(pilot, lambda: isinstance(app.screen, NumbersDialog) and app.screen.query(Input))
        rate, steps = list(app.screen.query(Input))[:2]
        for entry, typed, complaint in ((rate, "fast", "should be a number"), (steps, "12", "30 updates are done already")):
            before, entry.value = entry.value, typed
            entry.focus()
            await pilot.press("enter")
            assert complaint in str(app.screen.query_one(".complaint", Static).render())
            entry.value = before
        rate.value = "5e-5"
        await pilot.press("enter")
        await until(pilot, lambda: orders(live_run) != [])
        (order,) = orders(live_run)
        assert isinstance(order, commands.Change) and order.values == {"training.learning_rate": 5e-5}


async def test_a_paused_run_goes_on_and_a_running_one_cannot_be_gone_on_with(live_run: RunFolder) -> None:
    app = UnslothTui(run=live_run)
    resumed: list[object] = []
    app.client.resume = lambda folder, values: resumed.append((folder.name, values))  # type: ignore[method-assign]
    async with app.run_test() as pilot:
        await opened(pilot, app)
        assert not app.screen.check_action("resume", ())
        append_line(live_run.events, to_line(events.Checkpointed(step=30, path="checkpoints/checkpoint-30", bytes=1)))
        append_line(live_run.events, to_line(events.Finished(outcome="paused")))
        await until(pilot, lambda: app.run_state.status == "paused")
        assert not app.screen.check_action("pause", ())
        write_holder(live_run.lock, started=1.0)  # its engine is gone
        await pilot.press("r")
        await until(pilot, lambda: isinstance(app.screen, GoOnDialog))
        await pilot.click(app.screen.query_one("#now", Button))
        await until(pilot, lambda: resumed == [(live_run.name, {})])


async def test_a_crashed_run_goes_on_only_where_it_left_a_checkpoint(demo_run: RunFolder) -> None:
    *told_before, _end = demo_run.events.read_bytes().splitlines(keepends=True)
    demo_run.events.write_bytes(b"".join(told_before))
    os.utime(demo_run.lock, (1, 1))  # its engine is gone
    app = UnslothTui(run=demo_run)
    async with app.run_test() as pilot:
        await until(pilot, lambda: app.run_state.status == "crashed" and "left no checkpoint" in told(app, "#status"))
        assert "Go on" not in shown_keys(app)
        assert not app.screen.query_one("#progress #percentage").visible  # it gets no further
        append_line(demo_run.events, to_line(events.Checkpointed(step=60, path="checkpoints/checkpoint-60", bytes=1)))
        await until(pilot, lambda: "r goes on from its last checkpoint" in told(app, "#status"))
        await until(pilot, lambda: "Go on" in shown_keys(app))


async def test_a_finished_run_is_extended_by_a_number(demo_run: RunFolder) -> None:
    app = UnslothTui(run=demo_run)
    resumed: list[object] = []
    app.client.resume = lambda folder, values: resumed.append(values)  # type: ignore[method-assign]
    (demo_run.checkpoints / "checkpoint-60").mkdir(parents=True)
    write_holder(demo_run.lock, started=1.0)  # its engine is gone
    async with app.run_test() as pilot:
        await until(pilot, lambda: app.run_state.ended)
        await pilot.press("u")
        await until(pilot, lambda: isinstance(app.screen, GoOnDialog) and app.screen.query(Input))
        await pilot.press(*"60", "enter")
        assert "larger than 60" in str(app.screen.query_one(".complaint", Static).render())
        await pilot.press("backspace", "backspace", *"90", "enter")
        await until(pilot, lambda: resumed == [{"training.max_steps": 90}])


# ---- the queue


@pytest.fixture
def nobody_starts(home: Path) -> None:
    """Somebody else seems to keep the queue, so that what waits goes on waiting."""
    home.mkdir(exist_ok=True)
    write_holder(home / "queue.lock")


def told(app: UnslothTui, name: str) -> str:
    return str(app.screen.query_one(name, Static).render())


@pytest.mark.usefixtures("nobody_starts")
async def test_a_run_in_the_queue_says_what_it_waits_for_and_is_held_started_or_taken_out(
    live_run: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[str] = []
    monkeypatch.setattr(queue, "start_engine", lambda folder: started.append(folder.name))
    on_cpu = {"model": {"device": "cpu"}}
    live_run.session.write_text(file.dumps(file.from_table(on_cpu)))
    first, second = (queue.enqueue(file.from_table({"run": {"name": name}} | on_cpu)) for name in ("first", "second"))
    app = UnslothTui(run=first)
    async with app.run_test() as pilot:
        await until(pilot, lambda: app.screen.query("#phases") and "because" in told(app, "#phases"))
        assert "number 1 of 2" in told(app, "#status") and f"{live_run.name} runs on the processor" in told(app, "#phases")
        assert not app.screen.check_action("pause", ())
        await pilot.press("h")
        await until(pilot, lambda: "on hold" in told(app, "#phases"))
        await pilot.press("h")
        await until(pilot, lambda: not queue.waiting()[0].held)
        await pilot.press("n")
        await until(pilot, lambda: isinstance(app.screen, AskDialog))
        assert started == []
        await pilot.click(app.screen.query_one("#yes", Button))
        await until(pilot, lambda: started == [first.name] and [it.name for it in queue.waiting()] == [second.name])
        app.client.watch(second)
        await until(pilot, lambda: "number 1 of 1" in told(app, "#status"))
        await pilot.press("ctrl+x")
        await until(pilot, lambda: isinstance(app.screen, AskDialog))
        await pilot.click(app.screen.query_one("#yes", Button))
        await until(pilot, lambda: app.run_state.status == "stopped" and "second stopped" in told(app, "#status"))
        assert queue.waiting() == [] and started == [first.name]


@pytest.mark.usefixtures("nobody_starts")
async def test_a_finished_run_waits_for_its_turn_to_be_extended(demo_run: RunFolder) -> None:
    app = UnslothTui(run=demo_run)
    (demo_run.checkpoints / "checkpoint-60").mkdir(parents=True)
    write_holder(demo_run.lock, started=1.0)  # its engine is gone
    async with app.run_test() as pilot:
        await until(pilot, lambda: app.run_state.ended)
        await pilot.press("u")
        await until(pilot, lambda: isinstance(app.screen, GoOnDialog) and app.screen.query(Input))
        await pilot.press(*"90")
        await pilot.click(app.screen.query_one("#queue", Button))
        await until(pilot, lambda: [it.resumes for it in queue.waiting()] == [{"training.max_steps": 90}])
        await until(pilot, lambda: "waits in the queue to go on" in told(app, "#status"))
        assert not app.screen.check_action("extend", ())


# ---- how much is shown


async def test_in_a_small_window_a_few_figures_are_shown_and_a_key_shows_all(live_run: RunFolder) -> None:
    app = UnslothTui(run=live_run)
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot, app)
        await until(pilot, lambda: "1.37 → 0.1074" in told(app, "#figures"))
        lines = told(app, "#figures").splitlines()
        names = [line.split()[0] for line in lines if line.strip()]
        assert names == ["update", "left", "ends", "loss", "held", "speed", "memory", "✓"]
        assert max(map(len, lines)) <= 30
        await pilot.press("d")
        await until(pilot, lambda: "learning rate" in told(app, "#figures") and "tokens" in told(app, "#more"))
        await pilot.press("d")
        await until(pilot, lambda: "learning rate" not in told(app, "#figures") and app.screen.query_one(Curves).display)


async def test_what_went_wrong_stands_among_the_figures(live_run: RunFolder) -> None:
    append_line(live_run.events, to_line(events.Warned(code="spike", text="The loss jumped.", step=30)))
    app = UnslothTui(run=live_run)
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot, app)
        await until(pilot, lambda: "! The loss jumped." in told(app, "#figures") and "a: advice" in told(app, "#figures"))


async def test_the_log_is_searched(live_run: RunFolder) -> None:
    app = UnslothTui(run=live_run)
    async with app.run_test() as pilot:
        await opened(pilot, app)
        await pilot.press("l")
        panel = app.screen.query_one(LogPanel)
        await until(pilot, lambda: panel.log_tail.line_count >= 100)
        await pilot.press("slash", *"needle", "enter")
        assert (panel.shown_line, str(panel.border_subtitle)[:6]) == (70, "2 of 2")
        await pilot.press("n")
        assert panel.shown_line == 7
        await pilot.press("N")
        assert panel.shown_line == 70
        await pilot.press("escape")
        assert panel.log_tail.auto_scroll


async def test_later_answers_stand_beside_earlier_ones(live_run: RunFolder) -> None:
    for at, answer in ((0, "I am a\x1b[2J llama"), (10, "[/INST] fine"), (20, "Fine, thanks")):
        append_line(live_run.events, to_line(events.Sampled(step=at, prompt="How are you?", answer=answer)))
    app = UnslothTui(run=live_run)
    async with app.run_test() as pilot:
        await opened(pilot, app)
        await until(pilot, lambda: "Fine, thanks" in str(app.screen.query_one("#answers", Static).content))
        told = [line.plain for line in app.screen.query_one("#answers", Hanging).lines(80)]
        assert [line.split(maxsplit=1)[-1] for line in told[-3:]] == ["20  Fine, thanks", "[/INST] fine", "I am a␛[2J llama"]


async def test_advice_changes_the_next_run_by_one_key(live_run: RunFolder) -> None:
    warned = events.Warned(code="spike", text="The loss jumped.", mend={"training.learning_rate": 1e-5})
    append_line(live_run.events, to_line(warned))
    app = UnslothTui(run=live_run)
    async with app.run_test() as pilot:
        await opened(pilot, app)
        await until(pilot, lambda: app.run_state.warnings)
        await pilot.press("a", "enter")
        await until(pilot, lambda: app.session.training.learning_rate == 1e-5)
        await pilot.press("ctrl+z")
        await until(pilot, lambda: app.session.training.learning_rate != 1e-5)
        await pilot.press("m")
        await until(pilot, lambda: app.session.training.learning_rate == 1e-5)
        assert orders(live_run) == []


# ---- its end


async def test_the_end_of_a_run_that_is_watched_calls_somebody_wherever_they_are(
    live_run: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    called: list[str] = []
    shown: list[str] = []
    monkeypatch.setattr(live_notice, "call", lambda app, text: called.append(text))
    app = UnslothTui(run=live_run)
    monkeypatch.setattr(app, "notify", lambda text, **_: shown.append(text))  # a notification is gone after some seconds
    async with app.run_test() as pilot:
        await opened(pilot, app)
        await pilot.press("f7")
        append_line(live_run.events, to_line(events.Finished(outcome="completed")))
        said = f"{live_run.name} is finished"
        await until(pilot, lambda: called == [said])
    assert shown == [said]


@pytest.mark.parametrize(
    ("end", "said"),
    [
        (events.Finished(outcome="paused"), "it is paused"),
        (events.Finished(outcome="discarded"), "it was stopped"),
        (events.Failed(code="error", text="it broke"), "it failed: it broke"),
        (events.EngineSeen(alive=False, reason="killed"), "it crashed: killed"),
        (step(3), ""),
    ],
)
def test_every_end_has_its_sentence(end: events.Event, said: str) -> None:
    going = fold_all([PLAN, step(2), events.EngineSeen(alive=True)])
    assert live_notice.end_of(going, fold_all([end], going), "it") == said


async def test_a_run_that_ended_before_calls_nobody(demo_run: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    called: list[str] = []
    monkeypatch.setattr(live_notice, "call", lambda app, text: called.append(text))
    app = UnslothTui(run=demo_run)
    async with app.run_test() as pilot:
        await until(pilot, lambda: app.run_state.ended and len(app.run_state.compared) == 48)
        await pilot.pause()
    assert called == []


def test_what_a_run_is_called_cannot_steer_the_terminal() -> None:
    sequence = live_notice.osc9("a\x07\x1b]52;c;evil\x9c‮ name")
    assert sequence == "\x1b]9;unsloth-tui: a  ]52;c;evil   name\x07"


def test_a_number_of_updates_is_shown_with_all_its_digits() -> None:
    session = file.from_table({"training": {"max_steps": 1_234_567, "learning_rate": 2e-4}})
    asked = changeable(fold_all([]), session)
    shown = {it.key: to_text(it.value) for it in asked}
    assert (shown["training.max_steps"], shown["training.learning_rate"]) == ("1234567", "0.0002")
    assert changed(asked, shown, session, past=10) == {}
    assert changed(asked, shown | {"training.max_steps": "2000000"}, session, past=10) == {"training.max_steps": 2_000_000}
