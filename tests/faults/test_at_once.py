"""Two of anything at once: windows on one file, starts of one run, changes of one queue."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest

from tests.screens.conftest import steady_machine, until  # noqa: F401
from tui.app import UnslothTui
from tui.run import commands, queue
from tui.run.folder import create_run
from tui.run.lines import Tail, append_line
from tui.run.lock import LockHeld, acquire
from tui.run.process import send
from tui.run.queue import NotWaiting, Ticket
from tui.run.queue_keeper import Keeper
from tui.screens.dialogs.ask import AskDialog
from tui.session import file
from tui.session.desk import Desk

SESSION = file.from_table({"model": {"name": "a/b"}, "data": {"source": "x.jsonl"}})
AT_ONCE = 12


def at_once(*acts: Callable[[], object]) -> list[object]:
    """What came of acts that all begin at the same moment; an exception of the product's own counts as its text."""
    gate = threading.Barrier(len(acts))

    def act(do: Callable[[], object]) -> object:
        gate.wait()
        try:
            return do()
        except (NotWaiting, LockHeld) as error:
            return error

    with ThreadPoolExecutor(len(acts)) as pool:
        return list(pool.map(act, acts))


@pytest.mark.usefixtures("steady_machine")
async def test_the_second_of_two_windows_is_told_that_the_file_was_changed(tmp_path: Path) -> None:
    path = tmp_path / "s.toml"
    file.save(SESSION, path)
    app = UnslothTui(file.load(path), path)
    async with app.run_test() as pilot:
        other = Desk(file.load(path), path)
        other.edit({"lora.r": 77})
        other.save(path)
        app.desk.edit({"training.max_steps": 5})
        await pilot.press("ctrl+s")
        await until(pilot, lambda: isinstance(app.screen, AskDialog))
        assert "was changed since it was opened here" in app.screen.question  # type: ignore[attr-defined]
        await pilot.press("escape")
        await pilot.pause()
        assert file.load(path).lora.r == 77
        await pilot.press("ctrl+s")
        await until(pilot, lambda: isinstance(app.screen, AskDialog))
        await pilot.press("tab", "enter")
        await until(pilot, lambda: file.load(path).training.max_steps == 5)


def test_runs_that_are_made_at_once_have_folders_of_their_own(home: Path) -> None:
    made = at_once(*[lambda: create_run(SESSION)] * AT_ONCE)
    assert len({str(folder) for folder in made}) == AT_ONCE
    assert len(list((home / "runs").iterdir())) == AT_ONCE


def test_one_lock_has_one_holder(tmp_path: Path) -> None:
    found = at_once(*[lambda: acquire(tmp_path / "engine.lock")] * AT_ONCE)
    assert sum(isinstance(it, LockHeld) for it in found) == AT_ONCE - 1


@pytest.fixture
def set_off(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The runs whose engines were started, without starting one."""
    told: list[str] = []

    class Started:
        def poll(self) -> None:
            return None

    def start(ticket: Ticket, **_: object) -> Started:
        told.append(ticket.name)
        threading.Event().wait(0.02)
        return Started()

    monkeypatch.setattr(queue, "set_off", start)
    monkeypatch.setattr(queue, "start_keeper", lambda: True)
    return told


def test_the_queue_and_a_person_who_start_the_same_run_start_it_once(home: Path, set_off: list[str]) -> None:
    for _ in range(5):
        set_off.clear()
        folder = queue.enqueue(SESSION)
        (ticket,) = queue.waiting()
        keepers = [Keeper(), Keeper()]
        acts = [lambda: queue.start_now(folder)] * 5  # noqa: B023  (used before the next turn)
        acts += [lambda keeper=keeper: keeper.start(ticket, ["0"]) for keeper in keepers]  # type: ignore[misc]  # noqa: B023
        acts += [lambda: queue.cancel(folder)] * 2  # noqa: B023
        at_once(*acts)
        assert len(set_off) <= 1 and queue.waiting() == []
        assert len(set_off) == 1 or folder.events.read_text().count('"finished"') == 1


def test_many_who_change_the_queue_leave_every_run_in_it_once(home: Path, set_off: list[str]) -> None:
    folders = [queue.enqueue(SESSION) for _ in range(6)]

    def change(number: int) -> None:
        with suppress(NotWaiting):
            queue.move(folders[number % 6], ("first", "up", "down")[number % 3])  # type: ignore[arg-type]
            queue.hold(folders[(number + 1) % 6], bool(number % 2))

    at_once(*[lambda number=number: change(number) for number in range(AT_ONCE)])
    tickets = queue.waiting()
    assert sorted(it.name for it in tickets) == sorted(it.name for it in folders)
    assert len({it.place for it in tickets}) == 6


def test_what_many_windows_ask_at_once_is_heard_whole(home: Path) -> None:
    folder = create_run(SESSION)

    def ask(number: int) -> None:
        for _ in range(10):
            send(folder, commands.Cancel(id=f"{number}" * 5000))

    at_once(*[lambda number=number: ask(number) for number in range(8)])
    heard = [commands.from_line(line) for line in Tail(folder.commands).read()]
    assert len(heard) == 80 and None not in heard
    append_line(folder.commands, commands.to_line(commands.Stop()))
    assert isinstance(commands.from_line(list(Tail(folder.commands).read())[-1]), commands.Stop)
