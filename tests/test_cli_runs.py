"""What the command line does with runs: lists and finds them, queues them, writes their figures out, puts them back."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.run.conftest import write_holder
from tests.test_cli_bad_input import Ask, ask, session
from tui import console, queue_console
from tui.run import commands, events, process, queue, trash
from tui.run.folder import RunFolder, create_run, list_runs
from tui.run.labels import Labels, write_labels
from tui.run.state import RunState
from tui.session.file import from_table

__all__ = ["ask", "session"]  # fixtures


@pytest.fixture
def ended() -> RunFolder:
    """A run that has ended, with one update."""
    folder = create_run(from_table({"run": {"name": "done"}}))
    step = events.StepDone(step=1, epoch=0, loss=0.5, learning_rate=1e-4, seconds=1)
    folder.events.write_text(events.to_line(step) + events.to_line(events.Finished(outcome="completed")))
    write_holder(folder.lock, started=1.0)
    return folder


def test_runs_are_found_by_words(ask: Ask, ended: RunFolder) -> None:
    write_labels(ended, Labels(("best",)))
    assert ask("runs", "best", "finished").out.split()[0] == ended.name
    assert ask("runs", "worst").out == ""
    row = json.loads(ask("runs", "--json").out)
    assert (row["tags"], row["loss"], row["queue_place"]) == (["best"], 0.5, None)


def test_sessions_are_queued_and_their_order_is_changed(ask: Ask, home: Path, session: Callable[..., Path]) -> None:
    home.mkdir()
    write_holder(home / "queue.lock")  # so that nobody starts them
    first = ask("queue", "add", session(more='[run]\nname = "first"')).out.strip()
    second = ask("queue", "add", session(more='[run]\nname = "second"'), "--share").out.strip()
    assert ask("queue", "hold", "first").code == ask("queue", "move", "second", "up").code == 0
    lines = ask("queue").out.splitlines()
    assert [line.split()[:2] for line in lines] == [["1", second], ["2", first]] and lines[1].endswith("on hold")
    assert [line.split()[:2] for line in ask("runs").out.splitlines()] == [[second, "waiting"], [first, "waiting"]]
    assert ask("stop", "second").err == f"{second} was taken out of the queue\n"
    assert ask("queue", "release", "first").code == 0
    (told,) = map(json.loads, ask("queue", "--json").out.splitlines())
    assert (told["place"], told["name"], told["on_hold"]) == (1, first, False)


def test_a_run_that_has_ended_waits_to_go_on_and_is_started_before_its_turn(
    ask: Ask, home: Path, ended: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[str] = []
    monkeypatch.setattr(queue, "start_engine", lambda folder: started.append(folder.name))
    write_holder(home / "queue.lock")  # so that nobody starts it
    phase = events.to_line(events.PhaseChanged(phase="training"))
    ended.events.write_text(phase + ended.events.read_text())
    (ended.checkpoints / "checkpoint-1").mkdir(parents=True)
    assert ask("resume", "done", "--queue").code == 1  # it has done all its updates
    assert ask("resume", "done", "--steps", "9", "--queue", "--watch").code == 2
    said = ask("resume", "done", "--steps", "9", "--processes", "3", "--queue")  # an update takes 8 examples, 2 at once
    assert said.code == 1 and "3 processes cannot share them evenly" in said.err
    assert ask("resume", "done", "--steps", "9", "--queue").err == f"{ended.name} waits to go on, number 1 in the queue\n"
    assert "waits in the queue already" in ask("resume", "done", "--steps", "9").err
    assert f"queue hold {ended.name}" in ask("pause", "done").err
    told = json.loads(ask("queue", "--json").out)
    assert (told["name"], told["goes_on"]) == (ended.name, True) and started == []
    assert ask("queue", "start", "done").err == f"{ended.name} starts\n"
    assert started == [ended.name] and not queue.waiting()
    (order,) = map(commands.from_line, ended.commands.read_bytes().splitlines())
    assert isinstance(order, commands.Resume) and order.values == {"training.max_steps": 9}
    assert ask("queue", "start", "done").code == 1


def test_a_run_whose_turn_comes_at_once_is_said_to_go_on(
    home: Path, ended: RunFolder, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def joined_and_gone(ticket: queue.Ticket) -> None:
        assert ticket.folder == ended  # the keeper has started it before anybody could look

    monkeypatch.setattr(queue, "_join", joined_and_gone)
    queue_console.add_again(ended, {})
    assert capsys.readouterr().err == f"{ended.name} goes on\n"


def test_a_run_in_the_foreground_keeps_no_model_that_a_chat_would_count_on(
    ask: Ask, session: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[commands.Command | None] = []

    def watch(folder: RunFolder, **_: object) -> RunState:
        told.extend(map(commands.from_line, folder.commands.read_bytes().splitlines()))
        return RunState(status="finished", result=str(folder.adapter))

    monkeypatch.setattr(process, "start_engine", lambda _: None)
    monkeypatch.setattr(console, "watch", watch)
    said = ask("run", session())
    assert said.code == 0 and "the memory is given back" in said.err
    assert [type(command) for command in told] == [commands.Release]  # before it ends: it never says that it stays loaded


def test_what_cannot_be_queued_or_does_not_wait_is_said(ask: Ask, ended: RunFolder, session: Callable[..., Path]) -> None:
    said = ask("queue", "cancel", "done")
    assert (said.code, said.err) == (1, f"unsloth-tui: {ended.name} does not wait in the queue\n")
    assert ask("queue", "move", "done", "sideways").code == 2
    assert ask("queue", "add", session(model_name="/no/such/model")).code == 1
    assert ask("queue").err == "nothing waits in the queue\n"
    assert ask("queue", "start").err == "nothing waits to be started\n"


def test_figures_are_written_to_a_file(ask: Ask, ended: RunFolder, tmp_path: Path) -> None:
    assert ask("curve", "done", "--to", tmp_path / "a.csv").code == 0
    assert (tmp_path / "a.csv").read_text().splitlines()[1].startswith("1,0")
    assert ask("curve", "done", "--to", tmp_path / "a.png").code == 0
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
    said = ask("curve", "done", "--to", tmp_path / "a.pdf")
    assert (said.code, said.err) == (2, "unsloth-tui: the name has to end in .csv, .svg or .png\n")


def test_runs_are_deleted_and_it_is_said_how_they_come_back(ask: Ask, ended: RunFolder) -> None:
    other = create_run(from_table({"run": {"name": "other"}}))
    write_holder(other.lock, started=1.0)
    said = ask("delete", "done", ended.name, "other")
    assert (said.code, said.out, list_runs()) == (0, "", [])
    assert [line.split("; ")[0] for line in said.err.splitlines()] == [
        f"{name} is in the trash for 30 days" for name in (ended.name, other.name)
    ]
    assert ask(*said.err.splitlines()[0].partition("unsloth-tui ")[2].split()).code == 0 and list_runs() == [ended]


def test_a_run_at_work_is_not_deleted_and_the_others_are(ask: Ask, ended: RunFolder) -> None:
    busy = create_run(from_table({"run": {"name": "busy"}}))
    write_holder(busy.lock)
    said = ask("delete", "busy", "done")
    assert said.code == 1 and list_runs() == [busy]
    assert said.err.startswith(f"unsloth-tui: {busy.name} still has an engine; stop it, ")


def test_a_folder_that_is_none_of_the_runs_stays_where_it_is(ask: Ask, tmp_path: Path) -> None:
    """A project of one's own may have a session.toml too, and is no run."""
    (tmp_path / "session.toml").write_text("")
    said = ask("delete", tmp_path)
    assert said.code == 1 and f"{tmp_path} is not among the runs" in said.err and (tmp_path / "session.toml").is_file()
    assert ask("delete", "nothing").code == 1 and ask("delete").code == 2


def test_a_deleted_run_is_listed_put_back_or_gone_for_good(ask: Ask, ended: RunFolder) -> None:
    trash.delete(ended)
    assert ask("trash").out.split()[0] == ended.name
    assert ask("trash", "--restore", "other").code == 1
    assert ask("trash", "--restore", "done").code == 0 and list_runs() == [ended]
    trash.delete(ended)
    assert ask("trash", "--empty").err == "1 run was deleted for good\n"
    assert ask("trash").out == "" and list_runs() == []
